//! Changes of the levels of loggers. They are not stored: the node applies them at once.

use super::super::change::{Change, Operation};
use super::super::error::{Error, Reason};

const LEVELS: &[&str] = &["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];

/// The logger that all others inherit from.
const ROOT: &str = "root";

/// Checks a change of the loggers that `exists` knows: names and levels, `None` back to the inherited level. The answer
/// is what to apply.
pub fn check_loggers(
    exists: impl Fn(&str) -> bool,
    change: &Change,
) -> Result<Vec<(String, Option<&'static str>)>, Error> {
    let operations = match change {
        Change::Incremental(operations) => operations,
        // AlterConfigs knows no loggers.
        Change::Replace(_) => return Err(Error::InvalidRequest(Reason::LoggerOperation("REPLACE"))),
    };
    let check = |(logger, operation, level): &(String, Operation, String)| {
        let known = || match exists(logger) {
            true => Ok(()),
            false => Err(Error::from(Reason::UnknownLogger(logger.clone()))),
        };
        match operation {
            Operation::Set => {
                known()?;
                let unknown = || Reason::LogLevel { logger: logger.clone(), level: level.clone() };
                let level = LEVELS.iter().find(|l| *l == level).ok_or_else(unknown)?;
                Ok((logger.clone(), Some(*level)))
            }
            Operation::Delete => {
                known()?;
                match logger.as_str() {
                    ROOT => Err(Error::InvalidRequest(Reason::RootLogger)),
                    _ => Ok((logger.clone(), None)),
                }
            }
            Operation::Append | Operation::Subtract => {
                Err(Error::InvalidRequest(Reason::LoggerOperation(operation.name())))
            }
        }
    };
    operations.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: (&str, i8, &str), expect: Result<(&str, Option<&'static str>), &str>) {
        let (name, operation, value) = change;
        let change = Change::incremental([(name, operation, Some(value))]).expect("well formed");
        let got = check_loggers(|name| name == "root" || name == "net", &change).map_err(|e| e.to_string());
        let expect = expect.map(|(name, level)| vec![(name.to_owned(), level)]).map_err(str::to_owned);
        assert_eq!(got, expect);
    }

    #[test]
    fn agrees_with_kafka() {
        check(("net", 0, "DEBUG"), Ok(("net", Some("DEBUG"))));
        check(("net", 1, ""), Ok(("net", None)));
        check(("nope", 0, "INFO"), Err("Logger nope does not exist!"));
        check(
            ("root", 0, "info"),
            Err(
                "Cannot set the log level of root to info as it is not a supported log level. Valid log levels are \
                 DEBUG, ERROR, FATAL, INFO, TRACE, WARN",
            ),
        );
        check(("root", 1, ""), Err("Removing the log level of the root logger is not allowed"));
        check(("root", 2, "INFO"), Err("APPEND operation is not allowed for the BROKER_LOGGER resource"));
    }
}
