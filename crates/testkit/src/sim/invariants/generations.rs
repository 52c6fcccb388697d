//! The generations of a group go up: nobody is told of one that is before a generation whose assignments somebody has.
//!
//! A generation is on disk with its assignments. One that was joined and not assigned is forgotten by a crash, here as
//! in Kafka, and its number comes again.

use std::collections::BTreeMap;

use coordinator::group::Response;

use super::Invariant;
use crate::sim::clients::Asked;
use crate::sim::event::Event;
use crate::sim::history::History;
use crate::sim::plan::Plan;

#[derive(Debug)]
pub(super) struct Generations {
    /// The last generation of each group that somebody has an assignment of.
    assigned: BTreeMap<usize, i32>,
    /// Assignments are on disk before anybody is told of them.
    on_disk: bool,
}

impl Generations {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self { assigned: BTreeMap::new(), on_disk: plan.acks_all_fsync }
    }
}

impl Invariant for Generations {
    fn name(&self) -> &'static str {
        "generations"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        let (group, generation_id) =
            match event {
                Event::Answered {
                    asked: Asked::Join { group }, response: Response::JoinGroup(join), ..
                } if join.error_code == 0 => (*group, join.generation_id),
                Event::Answered {
                    asked: Asked::Sync { group, generation_id, .. },
                    response: Response::SyncGroup(sync),
                    ..
                } if sync.error_code == 0 => {
                    self.assigned.entry(*group).or_insert(*generation_id);
                    (*group, *generation_id)
                }
                Event::Ended { .. } if !self.on_disk => {
                    self.assigned.clear();
                    return Ok(());
                }
                _ => return Ok(()),
            };
        match self.assigned.get_mut(&group) {
            Some(assigned) if generation_id < *assigned => {
                Err(format!("group {group} tells of generation {generation_id} after {assigned}"))
            }
            Some(assigned) if matches!(event, Event::Answered { asked: Asked::Sync { .. }, .. }) => {
                *assigned = generation_id;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
