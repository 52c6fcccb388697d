//! A committed offset that a client was told of, by the commit's answer or by reading it, does not go back to an
//! earlier one, whatever ends and starts again; and what is read was committed, for this topic and not for an earlier
//! one of its name.

use std::collections::BTreeMap;

use coordinator::group::Response;
use protocol::Uuid;

use super::Invariant;
use crate::sim::clients::Asked;
use crate::sim::event::Event;
use crate::sim::history::History;
use crate::sim::plan::Plan;
use crate::sim::scene::Token;

/// What was asked for of one partition of one group, in the order in which it came to the coordinator.
#[derive(Debug, Default)]
struct Commits {
    asked: Vec<(Token, i64)>,
    /// How many of them there were when the last was made that somebody was told of.
    told: usize,
}

#[derive(Debug)]
pub(super) struct CommittedOffsets {
    commits: BTreeMap<(usize, Uuid, i32), Commits>,
    /// Commits wait for the disk.
    on_disk: bool,
}

impl CommittedOffsets {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self { commits: BTreeMap::new(), on_disk: plan.acks_all_fsync }
    }

    fn of(&mut self, group: usize, topic_id: Uuid, partition: i32) -> &mut Commits {
        self.commits.entry((group, topic_id, partition)).or_default()
    }
}

impl Invariant for CommittedOffsets {
    fn name(&self) -> &'static str {
        "committed_offsets"
    }

    fn observe(&mut self, event: &Event<'_>, _: &History) -> Result<(), String> {
        match event {
            Event::Asked { token, asked: Asked::Commit { group, topic_id, partitions, offset } } => {
                for partition in partitions {
                    self.of(*group, *topic_id, *partition).asked.push((*token, *offset));
                }
            }
            Event::Answered {
                token,
                asked: Asked::Commit { group, topic_id, .. },
                response: Response::OffsetCommit(answer),
            } => {
                let answers = answer.topics.iter().flat_map(|topic| &topic.partitions);
                for answer in answers.filter(|answer| answer.error_code == 0) {
                    let commits = self.of(*group, *topic_id, answer.partition_index);
                    let at = commits.asked.iter().position(|(asked, _)| asked == token);
                    let at = at.ok_or_else(|| format!("{token} commits what nobody asked for"))?;
                    commits.told = commits.told.max(at + 1);
                }
            }
            Event::Answered {
                asked: Asked::Fetch { group, topic_id },
                response: Response::OffsetFetch(answer),
                ..
            } if answer.error_code == 0 => {
                for answer in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                    let offset = answer.committed_offset;
                    let commits = self.of(*group, *topic_id, answer.partition_index);
                    let at = commits.asked.iter().rposition(|(_, asked)| *asked == offset);
                    let seen = match at {
                        Some(at) => at + 1,
                        None if offset == -1 => 0,
                        None => return Err(format!("{offset} is read and was never committed: {commits:?}")),
                    };
                    if seen < commits.told {
                        return Err(format!("{offset} is read after a later commit: {commits:?}"));
                    }
                    commits.told = seen;
                }
            }
            Event::Ended { .. } if !self.on_disk => {
                self.commits.values_mut().for_each(|commits| commits.told = 0);
            }
            _ => {}
        }
        Ok(())
    }
}
