//! The generation that a member is told of never goes down.

use std::collections::BTreeMap;

use coordinator::group::Response;

use super::Invariant;
use crate::sim::event::Event;
use crate::sim::history::History;
use crate::sim::plan::Plan;

#[derive(Debug)]
pub(super) struct Generations {
    /// By member id.
    told: BTreeMap<String, i32>,
    /// Generations are on disk before anybody is told of them.
    on_disk: bool,
}

impl Generations {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self { told: BTreeMap::new(), on_disk: plan.acks_all_fsync }
    }
}

impl Invariant for Generations {
    fn name(&self) -> &'static str {
        "generations"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        match event {
            Event::Answered { response: Response::JoinGroup(join), .. } if join.error_code == 0 => {
                let told = self.told.entry(join.member_id.to_string()).or_default();
                if join.generation_id < *told {
                    let (id, to) = (&join.member_id, join.generation_id);
                    return Err(format!("{id} goes from generation {told} to {to}"));
                }
                *told = join.generation_id;
            }
            Event::Ended { .. } if !self.on_disk => self.told.clear(),
            _ => {}
        }
        Ok(())
    }
}
