//! Changes of properties: allowed or refused, one file a kind of resource.
//!
//! Whether the resource exists, and whether the client may, is decided by the caller.

mod broker;
mod client_metrics;
mod group;
mod logger;
mod topic;

pub use broker::{Scope, alter_broker};
pub use client_metrics::alter_client_metrics;
pub use group::alter_group;
pub use logger::check_loggers;
pub use topic::alter_topic;

use super::change::difference;
use stdx::properties::Properties;

/// An allowed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    /// Everything that is set afterwards.
    pub all: Properties,
    /// What differs from before, in the order of the names; `None` is set no longer. These become records.
    pub changes: Vec<(String, Option<String>)>,
}

impl Altered {
    fn new(before: &Properties, all: Properties) -> Altered {
        Altered { changes: difference(before, &all), all }
    }
}

/// Parses every property of `table` that is set, in the order of the names.
fn parse_all(
    table: &stdx::properties::Table,
    all: &Properties,
) -> Result<super::Values, stdx::properties::Error> {
    let set = all.iter().filter_map(|(name, text)| table.get(name).map(|row| (row, text)));
    set.map(|(row, text)| Ok((row.name, Some(row.parse(text)?)))).collect()
}
