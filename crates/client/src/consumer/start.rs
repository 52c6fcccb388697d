//! Where reading starts: committed offsets, the ends of the log, a time.

use std::collections::BTreeMap;

use protocol::{LeaderEpoch, TopicPartition};
use tokio::time::Instant;

use super::{Consumer, OffsetReset, Position, StartAt};
use crate::admin::offsets::{self, EARLIEST, LATEST};
use crate::{Error, Result, random};

impl Consumer {
    /// Finds the position of each partition that has none; returns when to try again what cannot be found yet.
    pub(super) async fn find_starts(&mut self) -> Result<Option<Instant>> {
        let now = Instant::now();
        let mut later: Option<Instant> = None;
        let mut due = Vec::new();
        for (partition, reading) in self.reading.iter().filter(|(_, r)| r.position.is_none()) {
            match reading.retry_at.filter(|at| *at > now) {
                Some(at) => later = Some(later.map_or(at, |l| l.min(at))),
                None => due.push((partition.clone(), reading.start)),
            }
        }
        if due.is_empty() {
            return Ok(later);
        }
        let committed: Vec<_> =
            due.iter().filter(|(_, s)| *s == StartAt::Committed).map(|(p, _)| p.clone()).collect();
        let mut asked = BTreeMap::new();
        let committed =
            if committed.is_empty() { Ok(BTreeMap::new()) } else { self.committed(&committed).await };
        for (partition, start) in due {
            let timestamp = match start {
                StartAt::Offset(offset) => {
                    self.started(&partition, Position { offset, epoch: LeaderEpoch::UNKNOWN });
                    continue;
                }
                StartAt::Earliest => EARLIEST,
                StartAt::Latest => LATEST,
                StartAt::Timestamp(ms) => ms,
                StartAt::Committed => match committed.as_ref().map(|c| c.get(&partition)) {
                    Ok(Some(position)) => {
                        self.started(&partition, *position);
                        continue;
                    }
                    Ok(None) => match self.config.auto_offset_reset {
                        OffsetReset::Earliest => EARLIEST,
                        OffsetReset::Latest => LATEST,
                        OffsetReset::None => return Err(Error::NoOffset { partition }),
                    },
                    Err(error) => {
                        self.not_started(&partition, error.clone(), &mut later)?;
                        continue;
                    }
                },
            };
            asked.insert(partition, timestamp);
        }
        self.list(asked, &mut later).await?;
        Ok(later)
    }

    async fn list(
        &mut self,
        mut asked: BTreeMap<TopicPartition, i64>,
        later: &mut Option<Instant>,
    ) -> Result<()> {
        while !asked.is_empty() {
            let mut at_end = BTreeMap::new();
            for (partition, found) in offsets::list(&self.cluster, &asked, self.config.isolation).await {
                match found {
                    // No record is as young as that: what comes next will be.
                    Ok(listed) if listed.offset < 0 && asked.get(&partition) != Some(&LATEST) => {
                        at_end.insert(partition, LATEST);
                    }
                    Ok(listed) => {
                        let position = Position { offset: listed.offset, epoch: LeaderEpoch::UNKNOWN };
                        self.started(&partition, position);
                    }
                    Err(error) => self.not_started(&partition, error, later)?,
                }
            }
            asked = at_end;
        }
        Ok(())
    }

    fn started(&mut self, partition: &TopicPartition, position: Position) {
        if let Some(reading) = self.reading.get_mut(partition) {
            reading.position = Some(position);
            reading.attempts = 0;
            reading.retry_at = None;
        }
    }

    fn not_started(
        &mut self,
        partition: &TopicPartition,
        error: Error,
        later: &mut Option<Instant>,
    ) -> Result<()> {
        if !error.is_retriable() {
            return Err(error);
        }
        tracing::warn!(%partition, %error, "cannot find where to start yet");
        self.cluster.forget(&partition.topic);
        if let Some(reading) = self.reading.get_mut(partition) {
            let at = Instant::now() + self.cluster.backoff().delay(reading.attempts, random::bits());
            reading.attempts += 1;
            reading.retry_at = Some(at);
            *later = Some(later.map_or(at, |l| l.min(at)));
        }
        Ok(())
    }
}
