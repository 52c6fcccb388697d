//! The clients: which there are, and their processes as they come and go.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::Error;
use crate::event::{Acks, What};
use crate::journal::Journal;
use crate::load::{Job, Role};

/// One place among the clients, taken by one process after the other.
struct Place {
    name: String,
    job: Job,
    taken: u32,
    child: Option<Child>,
    /// When the next one takes it.
    due: Option<Instant>,
    /// Until when it is stopped.
    stopped: Option<Instant>,
    /// It was told to end, and how long its place stays empty then.
    leaving: Option<Duration>,
}

impl Place {
    /// The name of the one that has it now.
    fn client(&self) -> String {
        format!("{}.{}", self.name, self.taken)
    }
}

pub(crate) struct Fleet {
    places: Vec<Place>,
    folder: PathBuf,
    bootstrap: String,
    seed: u64,
}

/// Which of the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Producers,
    Others,
}

impl Fleet {
    pub(crate) fn new(folder: &Path, bootstrap: &str, seed: u64) -> Self {
        let place = |(name, job): (&str, Job)| Place {
            name: name.to_owned(),
            job,
            taken: 0,
            child: None,
            due: Some(Instant::now()),
            stopped: None,
            leaving: None,
        };
        let places = jobs().into_iter().map(place).collect();
        Self { places, folder: folder.to_owned(), bootstrap: bootstrap.to_owned(), seed }
    }

    /// How many clients there are.
    pub(crate) fn len() -> usize {
        jobs().len()
    }

    /// How a client of this fleet is told who it is.
    pub(crate) fn role(&self, name: &str, number: u64, job: Job) -> Role {
        Role {
            name: name.to_owned(),
            bootstrap: self.bootstrap.clone(),
            history: self.folder.join("history"),
            seed: self.seed.wrapping_mul(1_000_003).wrapping_add(number),
            job,
        }
    }

    /// Starts a client.
    pub(crate) fn spawn(&self, role: &Role) -> Result<Child, Error> {
        let path = self.folder.join("clients.log");
        let log = File::options().create(true).append(true).open(&path).map_err(Error::file(&path))?;
        let binary = std::env::current_exe().map_err(Error::file(Path::new("/proc/self/exe")))?;
        let mut command = Command::new(&binary);
        command.arg("client").arg(serde_json::to_string(role)?);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        command.spawn().map_err(Error::file(&binary))
    }

    /// Starts and resumes who is due, and looks for who ended by itself.
    pub(crate) fn tick(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let now = Instant::now();
        for index in 0..self.places.len() {
            let Some(place) = self.places.get_mut(index) else { continue };
            if place.stopped.is_some_and(|until| until <= now) {
                place.stopped = None;
                signal(place.child.as_ref(), Signal::CONT)?;
            }
            if let Some(child) = &mut place.child
                && let Some(status) = child.try_wait().map_err(Error::file(&self.folder))?
            {
                place.child = None;
                let away = place.leaving.take().filter(|_| status.success());
                place.due = Some(now + away.unwrap_or(Duration::from_secs(2)));
                let name = place.client();
                if away.is_none() {
                    journal
                        .write(What::Overdue { what: format!("client {name} ended by itself: {status}") })?;
                }
                journal.write(What::ClientEnded { name, killed: false })?;
            }
            if place.due.is_some_and(|due| due <= now) {
                place.due = None;
                place.taken += 1;
                let (name, job) = (place.client(), place.job.clone());
                let number = index as u64 * 1000 + u64::from(place.taken);
                let child = self.spawn(&self.role(&name, number, job))?;
                if let Some(place) = self.places.get_mut(index) {
                    place.child = Some(child);
                }
            }
        }
        Ok(())
    }

    /// SIGKILL; another comes after a while.
    pub(crate) fn kill(&mut self, client: usize, away: Duration, journal: &mut Journal) -> Result<(), Error> {
        let Some(place) = self.places.get_mut(client) else { return Ok(()) };
        if let Some(mut child) = place.child.take() {
            child.kill().map_err(Error::file(&self.folder))?;
            child.wait().map_err(Error::file(&self.folder))?;
            place.stopped = None;
            place.leaving = None;
            place.due = Some(Instant::now() + away);
            journal.write(What::ClientEnded { name: place.client(), killed: true })?;
        }
        Ok(())
    }

    /// SIGSTOP, and SIGCONT after a while.
    pub(crate) fn pause(
        &mut self,
        client: usize,
        lasts: Duration,
        journal: &mut Journal,
    ) -> Result<(), Error> {
        let Some(place) = self.places.get_mut(client) else { return Ok(()) };
        if place.child.is_some() && place.stopped.is_none() {
            signal(place.child.as_ref(), Signal::STOP)?;
            place.stopped = Some(Instant::now() + lasts);
            journal.write(What::ClientPaused { name: place.client() })?;
        }
        Ok(())
    }

    /// Tells a client to end; `tick` finds that it has. Another comes after a while.
    pub(crate) fn end(&mut self, client: usize, away: Duration) {
        let Some(place) = self.places.get_mut(client) else { return };
        if let Some(child) = &mut place.child {
            drop(child.stdin.take());
            place.leaving = Some(away);
        }
    }

    /// Ends all clients of a part in good order, and waits for them.
    pub(crate) fn end_all(&mut self, part: Part, journal: &mut Journal) -> Result<(), Error> {
        let mut ending = vec![];
        for place in &mut self.places {
            let producer = matches!(place.job, Job::Producer { .. });
            if producer == (part == Part::Producers) {
                place.due = None;
                if place.stopped.take().is_some() {
                    signal(place.child.as_ref(), Signal::CONT)?;
                }
                if let Some(mut child) = place.child.take() {
                    // The end of its standard input.
                    drop(child.stdin.take());
                    ending.push((place.client(), child));
                }
            }
        }
        for (name, child) in ending {
            wait(child, &name, Duration::from_secs(120), journal)?;
        }
        Ok(())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for child in self.places.iter_mut().filter_map(|place| place.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for a client that ends.
pub(crate) fn wait(mut child: Child, name: &str, most: Duration, journal: &mut Journal) -> Result<(), Error> {
    drop(child.stdin.take());
    let by = Instant::now() + most;
    let name = name.to_owned();
    loop {
        match child.try_wait().map_err(Error::file(Path::new(&name)))? {
            Some(status) if status.success() => break,
            Some(status) => {
                journal.write(What::Overdue { what: format!("client {name} ended with {status}") })?;
                break;
            }
            None if Instant::now() > by => {
                let what = format!("client {name} does not end within {} s", most.as_secs());
                journal.write(What::Overdue { what })?;
                child.kill().map_err(Error::file(Path::new(&name)))?;
                child.wait().map_err(Error::file(Path::new(&name)))?;
                break;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    journal.write(What::ClientEnded { name, killed: false }).map(|_| ())
}

fn signal(child: Option<&Child>, signal: Signal) -> Result<(), Error> {
    child.map_or(Ok(()), |child| Ok(kill_process(Pid::from_child(child), signal)?))
}

/// Everyone: producers of each kind, members of each group, a reader, the watcher, an admin.
fn jobs() -> Vec<(&'static str, Job)> {
    let producer = |idempotent, acks, in_flight_one, codec: &str, linger_ms, keyed| Job::Producer {
        idempotent,
        acks,
        in_flight_one,
        codec: codec.to_owned(),
        linger_ms,
        keyed,
    };
    let member = |group: &str, strategy: &str, instance: Option<&str>| Job::Member {
        group: group.to_owned(),
        automatic: group == "automatic",
        strategy: strategy.to_owned(),
        instance: instance.map(str::to_owned),
    };
    vec![
        ("idempotent-lz4", producer(true, Acks::All, false, "lz4", 5, true)),
        ("idempotent-zstd", producer(true, Acks::All, false, "zstd", 50, false)),
        ("idempotent-none", producer(true, Acks::All, false, "none", 0, false)),
        ("plain-all-gzip", producer(false, Acks::All, true, "gzip", 5, true)),
        ("plain-1-snappy", producer(false, Acks::Leader, false, "snappy", 5, false)),
        ("plain-0-none", producer(false, Acks::None, false, "none", 5, true)),
        ("automatic-a", member("automatic", "range", None)),
        ("automatic-b", member("automatic", "range", None)),
        ("manual-a", member("manual", "roundrobin", None)),
        ("manual-b", member("manual", "roundrobin", None)),
        ("cooperative-a", member("cooperative", "cooperative-sticky", None)),
        ("cooperative-b", member("cooperative", "cooperative-sticky", None)),
        ("cooperative-c", member("cooperative", "cooperative-sticky", None)),
        ("static-a", member("static", "range", Some("a"))),
        ("static-b", member("static", "range", Some("b"))),
        ("reader", Job::Reader { last: false }),
        ("watcher", Job::Watcher),
        ("admin", Job::Admin),
    ]
}
