//! Which APIs and versions were asked with good and with bad input, as Apache Kafka judged it.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::Line;

/// How often an API at a version was asked so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    /// Answered without an error.
    pub(crate) good: usize,
    /// Answered with an error.
    pub(crate) refused: usize,
    /// Not answered: the connection was closed.
    pub(crate) closed: usize,
}

/// By API and version.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    pub(crate) counts: BTreeMap<(String, i16), Count>,
}

impl Coverage {
    /// Notes what Apache Kafka answered.
    pub(crate) fn saw(&mut self, api: &str, version: i16, answer: &[Line]) {
        let count = self.counts.entry((api.to_owned(), version)).or_default();
        let error = |(path, value): &Line| path.ends_with("rrorCode") && value != "0";
        if answer.iter().any(error) {
            count.refused += 1;
        } else if answer.iter().any(|(path, value)| path == "answer" && value != "none") {
            count.closed += 1;
        } else {
            count.good += 1;
        }
    }

    /// What is advertised by both and was not asked with good, or not with bad input.
    pub(crate) fn missing(&self, advertised: &BTreeSet<(String, i16)>) -> Vec<String> {
        let mut missing = vec![];
        for (api, version) in advertised {
            let count = self.counts.get(&(api.clone(), *version)).copied().unwrap_or_default();
            if count.good == 0 {
                missing.push(format!("{api} {version} was not asked with good input"));
            }
            if count.refused + count.closed == 0 {
                missing.push(format!("{api} {version} was not asked with bad input"));
            }
        }
        missing
    }
}
