//! In one generation of a group a partition has one owner, whoever was told of it.

use std::collections::BTreeMap;

use coordinator::group::Response;

use super::Invariant;
use crate::sim::clients::Asked;
use crate::sim::event::Event;
use crate::sim::history::History;
use crate::sim::plan::Plan;

#[derive(Debug)]
pub(super) struct Owners {
    /// By group, generation and partition.
    owners: BTreeMap<(usize, i32, u8), String>,
    /// Generations are on disk before anybody is told of them.
    on_disk: bool,
}

impl Owners {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self { owners: BTreeMap::new(), on_disk: plan.acks_all_fsync }
    }
}

impl Invariant for Owners {
    fn name(&self) -> &'static str {
        "owners"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        match event {
            Event::Answered {
                asked: Asked::Sync { group, generation_id, owner },
                response: Response::SyncGroup(answer),
                ..
            } if answer.error_code == 0 => {
                for partition in answer.assignment.iter() {
                    let key = (*group, *generation_id, *partition);
                    let before = self.owners.entry(key).or_insert_with(|| owner.clone());
                    if before != owner {
                        return Err(format!(
                            "partition {partition} of generation {generation_id} is {before}'s and {owner}'s"
                        ));
                    }
                }
            }
            Event::Ended { .. } if !self.on_disk => self.owners.clear(),
            _ => {}
        }
        Ok(())
    }
}
