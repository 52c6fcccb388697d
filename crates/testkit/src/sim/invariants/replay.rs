//! The log is the memory: replaying a coordinator's log, or a part of it as the state says it and then the rest, gives
//! the durable state that the living coordinator has.

use coordinator::CoordinatorRecord;
use coordinator::group::{GroupConfig, GroupCoordinator};
use coordinator::runtime::Machine as _;
use protocol::Offset;

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;

#[derive(Debug, Default)]
pub(super) struct Replay;

impl Invariant for Replay {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        let Event::Replayable { live, records, split } = event else { return Ok(()) };
        let (before, after) = records.split_at(*split);
        let snapshot = replay(before)?.snapshot_records().collect::<Result<Vec<_>, _>>();
        let mut snapshot = snapshot.map_err(|error| error.to_string())?;
        snapshot.extend_from_slice(after);
        for (what, records) in [("the log", *records), ("a snapshot and the rest", &snapshot)] {
            let replayed = replay(records)?;
            if replayed.durable() != live.durable() {
                let (replayed, live) = (replayed.durable(), live.durable());
                return Err(format!("{what} gives {replayed:?}, the coordinator has {live:?}"));
            }
        }
        Ok(())
    }
}

fn replay(records: &[CoordinatorRecord]) -> Result<GroupCoordinator, String> {
    let mut machine = GroupCoordinator::new(GroupConfig::default());
    for record in records {
        machine.replay(Offset::ZERO, record).map_err(|error| error.to_string())?;
    }
    Ok(machine)
}
