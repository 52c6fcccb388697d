//! The levels of this node's loggers, which people change while it runs. What may be changed to what is decided by
//! `metadata::configs`; what a level means to the lines that are written, by whoever set up the logging.

use std::collections::BTreeMap;

use metadata::configs::{Change, Error, check_loggers};
use parking_lot::Mutex;

/// The logger whose level all others inherit.
const ROOT: &str = "root";
/// The parts of the node that log, each a logger.
const LOGGERS: &[&str] = &["broker", "coordinator", "log", "metadata", "openraft", "quorum"];

/// Kafka's names of levels, `FATAL` to `TRACE`, by logger; `root` is always among them.
pub type Levels = BTreeMap<String, &'static str>;

type Apply = Box<dyn Fn(&Levels) + Send + Sync>;

/// What is in force, and how to put something else in force.
pub struct Loggers {
    levels: Mutex<Levels>,
    apply: Apply,
}

impl Loggers {
    /// `levels` are in force already; `apply` puts others in force.
    pub fn new(mut levels: Levels, apply: impl Fn(&Levels) + Send + Sync + 'static) -> Self {
        levels.entry(ROOT.to_owned()).or_insert("INFO");
        Self { levels: Mutex::new(levels), apply: Box::new(apply) }
    }

    /// Every logger with the level in force.
    pub(crate) fn list(&self) -> Vec<(String, &'static str)> {
        let levels = self.levels.lock();
        let root = levels.get(ROOT).copied().unwrap_or("INFO");
        let own = |name: &&str| ((*name).to_owned(), levels.get(*name).copied().unwrap_or(root));
        let mut all: BTreeMap<_, _> = LOGGERS.iter().map(own).collect();
        all.extend(levels.iter().map(|(name, level)| (name.clone(), *level)));
        all.into_iter().collect()
    }

    /// Checks a change, and makes it unless it shall only be checked.
    pub(crate) fn alter(&self, change: &Change, only_check: bool) -> Result<(), Error> {
        let mut levels = self.levels.lock();
        let known = |name: &str| levels.contains_key(name) || LOGGERS.contains(&name);
        let changes = check_loggers(known, change)?;
        if only_check {
            return Ok(());
        }
        for (name, level) in changes {
            match level {
                Some(level) => levels.insert(name, level),
                None => levels.remove(&name),
            };
        }
        (self.apply)(&levels);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn levels_change_and_are_applied() {
        let applied: Arc<Mutex<Vec<Levels>>> = Arc::default();
        let seen = Arc::clone(&applied);
        let loggers = Loggers::new(Levels::new(), move |levels| seen.lock().push(levels.clone()));
        let alter = |name: &str, operation: i8, level: &str, only_check: bool| {
            let change = Change::incremental([(name, operation, Some(level))]).unwrap();
            loggers.alter(&change, only_check).map_err(|error| error.to_string())
        };
        let level = |name: &str| loggers.list().into_iter().find(|(n, _)| n == name).unwrap().1;
        assert_eq!(alter("log", 0, "DEBUG", false), Ok(()));
        assert_eq!((level("log"), level("broker"), level("root")), ("DEBUG", "INFO", "INFO"));
        assert_eq!(alter("root", 0, "WARN", false), Ok(()));
        assert_eq!((level("log"), level("broker")), ("DEBUG", "WARN"));
        assert_eq!(alter("log", 1, "", false), Ok(()));
        assert_eq!(level("log"), "WARN");
        assert_eq!(alter("quorum", 0, "TRACE", true), Ok(()));
        assert_eq!(level("quorum"), "WARN");
        assert!(alter("nobody", 0, "INFO", false).is_err());
        assert!(alter("log", 0, "LOUD", false).is_err());
        assert_eq!(applied.lock().len(), 3);
        assert_eq!(applied.lock().last(), Some(&Levels::from([("root".to_owned(), "WARN")])));
    }
}
