//! One soak: the node and its clients, the faults as they are due, the end, the verdict.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::check::{self, Rule, Violation};
use crate::error::Error;
use crate::event::{Event, What};
use crate::fleet::{Fleet, Part, wait};
use crate::journal::{Journal, Tail};
use crate::load::{GROUPS, Job, admin};
use crate::node::Node;
use crate::progress::Figures;
use crate::sabotage;
use crate::schedule::{self, Fault, Step};

/// How often the clients are looked after.
const TICK: Duration = Duration::from_millis(50);
const PROGRESS: Duration = Duration::from_secs(10);
/// How long groups have at the end to read and commit everything.
const CATCH_UP: Duration = Duration::from_secs(90);
/// Of one rule, how many violations are told.
const TOLD: usize = 12;

/// What is asked for.
pub(crate) struct Options {
    pub(crate) load: Duration,
    pub(crate) seed: u64,
    pub(crate) binary: PathBuf,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) keep: bool,
    pub(crate) sabotage: bool,
}

/// Runs a soak and judges it.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let folder = options.folder.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("millstream-soak.{}.{}", options.seed, std::process::id()))
    });
    let folder = prepare(&folder)?;
    let mut soak = Soak::new(options, &folder)?;
    say(&format!("soak: seed {}, {} s of load, {}", options.seed, options.load.as_secs(), folder.display()));
    let damages = match soak.through(options) {
        Ok(damages) => damages,
        Err(error) => {
            // What was promised up to there is judged all the same.
            soak.journal.write(What::Overdue { what: format!("the soak ended early: {error}") })?;
            vec![]
        }
    };
    let events = soak.tail.finish()?;
    let violations = check::check(&events);
    say(&check::summarise(&events).to_string());
    let verdict = if options.sabotage { seen(&damages, &violations) } else { judge(&violations, &events) };
    if verdict.is_ok() && !options.keep {
        fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
    } else {
        say(&format!("soak: kept: {} (cargo xtask soak check {})", folder.display(), folder.display()));
    }
    verdict
}

/// Makes the folder of a run. One that holds anything is somebody's: it would be removed at the end.
fn prepare(folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    if fs::read_dir(folder).map_err(Error::file(folder))?.next().is_some() {
        return Err(Error::FolderInUse(folder.to_owned()));
    }
    let history = folder.join("history");
    fs::create_dir(&history).map_err(Error::file(&history))?;
    folder.canonicalize().map_err(Error::file(folder))
}

/// Judges a history again.
pub(crate) fn again(folder: &Path) -> Result<(), Error> {
    let events = Tail::new(&folder.join("history")).finish()?;
    say(&check::summarise(&events).to_string());
    judge(&check::check(&events), &events)
}

fn judge(violations: &[Violation], events: &[Event]) -> Result<(), Error> {
    let origin = events.first().map_or(0, |event| event.at);
    let mut told: BTreeMap<Rule, usize> = BTreeMap::new();
    for violation in violations {
        let count = told.entry(violation.rule).or_default();
        *count += 1;
        if *count <= TOLD {
            say(&violation.line(origin));
        }
    }
    for (rule, count) in told.into_iter().filter(|(_, count)| *count > TOLD) {
        say(&format!("{rule}: {count} in all"));
    }
    if violations.is_empty() {
        say("soak: ok");
        Ok(())
    } else {
        Err(Error::Violations(violations.len()))
    }
}

/// Whether every damage was found.
fn seen(damages: &[(&'static str, Rule)], violations: &[Violation]) -> Result<(), Error> {
    let mut unseen = vec![];
    for (how, rule) in damages {
        let count = violations.iter().filter(|violation| violation.rule == *rule).count();
        say(&format!("soak: {how}: {rule}: {count}"));
        if count == 0 {
            unseen.push(*how);
        }
    }
    match unseen.as_slice() {
        [] if !damages.is_empty() => {
            say("soak: ok: every damage was seen");
            Ok(())
        }
        [] => Err(Error::Unseen("there was nothing to damage".to_owned())),
        _ => Err(Error::Unseen(unseen.join(", "))),
    }
}

struct Soak {
    node: Node,
    fleet: Fleet,
    journal: Journal,
    tail: Tail,
    figures: Figures,
    began: Instant,
    told: Instant,
}

impl Soak {
    fn new(options: &Options, folder: &Path) -> Result<Self, Error> {
        let node = Node::new(&options.binary, folder)?;
        let history = folder.join("history");
        Ok(Self {
            fleet: Fleet::new(folder, &node.bootstrap(), options.seed),
            node,
            journal: Journal::create(&history, "soak")?,
            tail: Tail::new(&history),
            figures: Figures::default(),
            began: Instant::now(),
            told: Instant::now(),
        })
    }

    /// From the first start to the last stop; the damages that were done.
    fn through(&mut self, options: &Options) -> Result<Vec<(&'static str, Rule)>, Error> {
        self.node.start(&mut self.journal)?;
        admin::set_up(&self.fleet.role("set-up", 0, Job::Admin))?;
        self.began = Instant::now();
        let end = self.began + options.load;
        let steps = if options.sabotage {
            schedule::sabotage(options.load)
        } else {
            schedule::steps(options.seed, options.load, Fleet::len())
        };
        let mut damages = vec![];
        let mut measured = false;
        for Step { after, fault } in steps {
            if Instant::now() + after > end {
                break;
            }
            self.for_a_while(after)?;
            if !measured {
                self.node.measure(&mut self.journal)?;
                measured = true;
            }
            if fault == Fault::Sabotage {
                damages = self.sabotage()?;
            } else {
                self.commit_fault(fault)?;
            }
        }
        self.for_a_while(end.saturating_duration_since(Instant::now()))?;
        self.node.measure(&mut self.journal)?;
        self.finish(options.sabotage)?;
        Ok(damages)
    }

    fn commit_fault(&mut self, fault: Fault) -> Result<(), Error> {
        match fault {
            Fault::Kill { down } => {
                self.node.kill(&mut self.journal)?;
                self.for_a_while(down)?;
                self.node.start(&mut self.journal)
            }
            Fault::KillStarting { percents } => {
                for percent in percents {
                    self.node.kill(&mut self.journal)?;
                    let start = self.node.start_took();
                    self.node.spawn(&mut self.journal)?;
                    std::thread::sleep(start * percent / 100);
                }
                self.node.kill(&mut self.journal)?;
                self.node.start(&mut self.journal)
            }
            Fault::Terminate { down } => {
                self.node.terminate(&mut self.journal)?;
                self.for_a_while(down)?;
                self.node.start(&mut self.journal)
            }
            Fault::Pause { lasts } => {
                self.node.pause(&mut self.journal)?;
                self.for_a_while(lasts)?;
                self.node.resume(&mut self.journal)
            }
            Fault::KillClient { client, away } => self.fleet.kill(client, away, &mut self.journal),
            Fault::PauseClient { client, lasts } => self.fleet.pause(client, lasts, &mut self.journal),
            Fault::EndClient { client, away } => {
                self.fleet.end(client, away);
                Ok(())
            }
            Fault::Sabotage => Ok(()),
        }
    }

    fn sabotage(&mut self) -> Result<Vec<(&'static str, Rule)>, Error> {
        self.node.kill(&mut self.journal)?;
        let damages = sabotage::damage(&self.node.data())?;
        for (how, _) in &damages {
            self.journal.write(What::Sabotaged { how: (*how).to_owned() })?;
        }
        self.node.start(&mut self.journal)?;
        Ok(damages)
    }

    /// Looks after the clients for a while.
    fn for_a_while(&mut self, lasts: Duration) -> Result<(), Error> {
        let until = Instant::now() + lasts;
        loop {
            self.fleet.tick(&mut self.journal)?;
            for event in self.tail.read()? {
                self.figures.take(event);
            }
            if self.told.elapsed() >= PROGRESS {
                self.told = Instant::now();
                let elapsed = self.began.elapsed().as_secs();
                say(&format!("soak: {elapsed:>5} s: {}", self.figures));
            }
            if Instant::now() >= until {
                return Ok(());
            }
            std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Producers end, groups read everything, the others end; the node is killed once more, and read from the beginning.
    fn finish(&mut self, sabotaged: bool) -> Result<(), Error> {
        say("soak: the load ends");
        self.fleet.end_all(Part::Producers, &mut self.journal)?;
        // What the watcher saw before the last record was written is not the end.
        self.for_a_while(Duration::from_secs(2))?;
        if !sabotaged {
            self.catch_up()?;
        }
        self.fleet.end_all(Part::Others, &mut self.journal)?;
        self.node.kill(&mut self.journal)?;
        self.node.start(&mut self.journal)?;
        let role = self.fleet.role("last", 0, Job::Reader { last: true });
        let mut reader = self.fleet.spawn(&role)?;
        // It ends by itself.
        let stdin = reader.stdin.take();
        wait(reader, &role.name, Duration::from_secs(300), &mut self.journal)?;
        drop(stdin);
        self.node.terminate(&mut self.journal)
    }

    /// Waits until every group has committed everything.
    fn catch_up(&mut self) -> Result<(), Error> {
        let by = Instant::now() + CATCH_UP;
        loop {
            let behind: Vec<String> = GROUPS.iter().flat_map(|group| self.figures.behind(group)).collect();
            if behind.is_empty() {
                return Ok(());
            }
            if Instant::now() > by {
                let what = format!("{} s after the load: {}", CATCH_UP.as_secs(), behind.join(", "));
                return self.journal.write(What::Overdue { what }).map(|_| ());
            }
            self.for_a_while(Duration::from_millis(300))?;
        }
    }
}

/// A line to whoever watches.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_holds_anything_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        assert!(prepare(&new).unwrap().join("history").is_dir());
        assert!(matches!(prepare(&new), Err(Error::FolderInUse(_))));
        assert!(matches!(prepare(folder.path()), Err(Error::FolderInUse(_))));
    }
}
