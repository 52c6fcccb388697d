//! Checks by name: run with a deadline each, counted, a line for each.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout, timeout_at};

const CHECK: Duration = Duration::from_secs(40);
const SUITE: Duration = Duration::from_secs(230);

type Run = Box<dyn FnOnce(Check) -> Pin<Box<dyn Future<Output = ()> + Send>>>;

/// A client's checks, in the order in which they were added.
pub struct Suite {
    client: &'static str,
    checks: Vec<(String, Run)>,
    none: BTreeMap<String, &'static str>,
}

/// A check that runs. It fails by a panic.
#[derive(Clone)]
pub struct Check {
    pub bootstrap: String,
    prefix: String,
    names: Arc<AtomicUsize>,
}

impl Suite {
    pub fn new(client: &'static str) -> Suite {
        Suite { client, checks: vec![], none: BTreeMap::new() }
    }

    /// Adds a check: one of the scenarios, or one of the client's own.
    pub fn add<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: impl Into<String>,
        run: impl FnOnce(Check) -> F + 'static,
    ) {
        self.checks.push((name.into(), Box::new(|check| Box::pin(run(check)))));
    }

    /// Says why the client cannot have a scenario.
    pub fn none(&mut self, name: impl Into<String>, why: &'static str) {
        self.none.insert(name.into(), why);
    }

    /// Runs the checks whose names hold the second argument, against the broker that the first one names, and exits.
    pub fn main(self) -> ! {
        let mut arguments = std::env::args().skip(1);
        let Some(bootstrap) = arguments.next() else {
            eprintln!("usage: checks HOST:PORT [NAME]");
            std::process::exit(2);
        };
        let only = arguments.collect::<Vec<_>>().join(" ");
        let scenarios: Vec<String> =
            super::scenarios::names().into_iter().filter(|name| name.contains(&only)).collect();
        let forgotten: Vec<&String> = scenarios
            .iter()
            .filter(|name| !self.none.contains_key(*name) && self.checks.iter().all(|(has, _)| has != *name))
            .collect();
        let (mut passed, mut failed) = (0, forgotten.len());
        for name in forgotten {
            println!("FAIL {name}\n     | the client has no such check");
        }
        let run = format!(
            "{}-{:x}",
            self.client,
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()
        );
        let panics = catch_panics();
        let runtime = Runtime::new().unwrap();
        let end = Instant::now() + SUITE;
        for (number, (name, check)) in
            self.checks.into_iter().enumerate().filter(|(_, (name, _))| name.contains(&only))
        {
            let context = Check {
                bootstrap: bootstrap.clone(),
                prefix: format!("{run}-{number}"),
                names: Arc::default(),
            };
            let task = runtime.spawn(check(context));
            let outcome = runtime.block_on(async { timeout_at(end.min(Instant::now() + CHECK), task).await });
            let told = std::mem::take(&mut *panics.lock().unwrap());
            match outcome {
                Ok(Ok(())) if told.is_empty() => {
                    passed += 1;
                    println!("ok   {name}");
                    continue;
                }
                Err(_) if told.is_empty() => println!("FAIL {name}\n     | no end by its deadline"),
                _ => println!("FAIL {name}\n     | {}", told.join("\n").replace('\n', "\n     | ")),
            }
            failed += 1;
        }
        for name in &scenarios {
            if let Some(why) = self.none.get(name) {
                println!("none {name}: {why}");
            }
        }
        println!("{passed} passed, {failed} failed");
        std::process::exit(i32::from(failed > 0 || passed == 0));
    }
}

/// What panics say goes into a list, those of a check's own tasks included.
fn catch_panics() -> Arc<Mutex<Vec<String>>> {
    let list = Arc::new(Mutex::new(vec![]));
    let panics = list.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let text: String = panic.to_string().chars().take(600).collect();
        panics.lock().unwrap().push(text);
    }));
    list
}

impl Check {
    /// The same check at another address: a proxy's, or nobody's.
    pub fn at(&self, bootstrap: &str) -> Check {
        Check { bootstrap: bootstrap.to_owned(), ..self.clone() }
    }

    /// A name that no other check uses.
    pub fn name(&self) -> String {
        format!("{}-{}", self.prefix, self.names.fetch_add(1, Ordering::Relaxed))
    }
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let wait = async {
        while !so().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(Duration::from_secs(30), wait).await.is_ok(), "not in time: {what}");
}

/// The error of what must have failed.
#[track_caller]
pub fn refused<T: Debug, E>(result: Result<T, E>) -> E {
    match result {
        Ok(value) => panic!("{value:?} instead of an error"),
        Err(error) => error,
    }
}
