//! The coordinator of one partition of `__consumer_offsets` (`broker/src/groups.rs` and below).

use bytes::Bytes;
use coordinator::group::{GroupConfig, GroupCoordinator, Request, Response};
use coordinator::runtime::{Proposal, Reply, ReplyToken, Runtime, RuntimeConfig};
use coordinator::{CommitError, CoordinatorRecord, partition_for};
use log::Origin;
use protocol::records::{BatchBuilder, NewRecord, batches};
use protocol::{ErrorCode, Offset, TopicPartition};

use super::Node;
use super::partition::Partition;
use crate::sim::event::{Event, Incarnation};
use crate::sim::record;
use crate::sim::scene::{Answer, Scene, Token};

/// The topic that coordinators write.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

pub(super) struct Coordinator {
    runtime: Runtime<GroupCoordinator>,
}

impl Node {
    /// Asks the coordinator of a group: everything up to the append happens in here.
    pub(crate) fn ask(&mut self, scene: &mut Scene, group: &str, token: Token, request: Request<'_>) {
        let index = partition_for(group, scene.plan.offsets_partitions);
        if !self.ask_coordinator(scene, index, token, request) {
            let response = GroupCoordinator::without_coordinator(&self.group_config, request);
            scene.outbox.push((token, Answer::Group(Box::new(response))));
        }
    }

    /// Whether there is such a coordinator.
    pub(crate) fn ask_coordinator(
        &mut self,
        scene: &mut Scene,
        index: i32,
        token: Token,
        request: Request<'_>,
    ) -> bool {
        let Some(coordinator) = self.coordinators.get(&index) else { return false };
        let proposal = coordinator.runtime.propose(scene.now, ReplyToken(token), request);
        self.carry_out_proposal(scene, index, proposal);
        true
    }

    /// Appends what is proposed and concludes it.
    fn carry_out_proposal(&mut self, scene: &mut Scene, index: i32, proposal: Proposal<GroupCoordinator>) {
        let appended = match proposal.records() {
            [] => Ok(Offset::ZERO),
            records => self.append_as_coordinator(scene, index, records),
        };
        let committed = self.committed_of(index);
        let Some(coordinator) = self.coordinators.get_mut(&index) else { return };
        let mut replies = coordinator.runtime.conclude(scene.now, proposal, appended);
        replies.extend(coordinator.runtime.committed(committed));
        pass_on(scene, replies);
    }

    fn append_as_coordinator(
        &mut self,
        scene: &mut Scene,
        index: i32,
        records: &[CoordinatorRecord],
    ) -> Result<Offset, CommitError> {
        let Some(partition) = self.partitions.get_mut(&offsets_partition(index)) else {
            return Err(CommitError::NotLeader);
        };
        let offset = append(scene, partition, records)?;
        let id = partition.id.clone();
        if scene.plan.acks_all_fsync {
            self.request_flush(&id);
        }
        Ok(offset)
    }

    fn committed_of(&self, index: i32) -> Offset {
        self.partitions.get(&offsets_partition(index)).map_or(Offset::ZERO, Partition::committed_offset)
    }

    /// A partition's log is committed further: releases what waited for it.
    pub(super) fn committed(&mut self, scene: &mut Scene, id: &Incarnation) {
        if *id.partition.topic != *OFFSETS_TOPIC {
            return;
        }
        let index = id.partition.partition;
        let committed = self.committed_of(index);
        if let Some(coordinator) = self.coordinators.get_mut(&index) {
            let replies = coordinator.runtime.committed(committed);
            pass_on(scene, replies);
        }
    }

    /// When the next timer of any coordinator is due.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.coordinators.values().filter_map(|coordinator| coordinator.runtime.next_deadline_ms()).min()
    }

    /// Carries out every timer that is due.
    pub(crate) fn fire_due(&mut self, scene: &mut Scene) {
        for index in self.coordinators.keys().copied().collect::<Vec<_>>() {
            while let Some(proposal) =
                self.coordinators.get(&index).and_then(|coordinator| coordinator.runtime.due(scene.now))
            {
                self.carry_out_proposal(scene, index, proposal);
            }
            if let Some(coordinator) = self.coordinators.get_mut(&index) {
                let overdue = coordinator.runtime.overdue(scene.now);
                pass_on(scene, overdue);
            }
        }
    }

    /// Loads the coordinator of a partition of the offsets topic from its log.
    pub(super) fn load_coordinator(&mut self, scene: &mut Scene, index: i32) -> Result<(), String> {
        let Some(partition) = self.partitions.get(&offsets_partition(index)) else { return Ok(()) };
        let machine = GroupCoordinator::new(self.group_config.clone());
        let mut runtime = Runtime::new(machine, RuntimeConfig::default());
        for (offset, record) in records_of(partition, scene)? {
            runtime.load(offset, &record).map_err(|error| error.to_string())?;
        }
        runtime.loaded(scene.now, partition.log.log_end_offset(), partition.committed_offset());
        let id = partition.id.clone();
        self.coordinators.insert(index, Coordinator { runtime });
        self.request_flush(&id);
        Ok(())
    }

    fn some_coordinator(&self, scene: &mut Scene) -> Option<i32> {
        let indexes: Vec<i32> = self.coordinators.keys().copied().collect();
        (!indexes.is_empty()).then(|| scene.pick(&indexes))
    }

    /// Shows the oracles the state of a coordinator with the log that it comes from.
    pub(crate) fn show_coordinator(&self, scene: &mut Scene) {
        let Some(index) = self.some_coordinator(scene) else { return };
        let (Some(coordinator), Some(partition)) =
            (self.coordinators.get(&index), self.partitions.get(&offsets_partition(index)))
        else {
            return;
        };
        match records_of(partition, scene) {
            Ok(records) => {
                let split = scene.random.below(records.len() + 1);
                let records: Vec<CoordinatorRecord> = records.into_iter().map(|(_, record)| record).collect();
                let live = coordinator.runtime.machine();
                scene.observe(&Event::Replayable { live, records: &records, split });
            }
            Err(error) => scene.oracles.object("replay", error),
        }
    }
}

/// The name of a partition of the offsets topic.
fn offsets_partition(index: i32) -> TopicPartition {
    TopicPartition::new(OFFSETS_TOPIC, index)
}

fn pass_on(scene: &mut Scene, replies: Vec<Reply<Response>>) {
    for reply in replies {
        scene.outbox.push((reply.token.0, Answer::Group(Box::new(reply.response))));
    }
}

fn append(
    scene: &mut Scene,
    partition: &mut Partition,
    records: &[CoordinatorRecord],
) -> Result<Offset, CommitError> {
    let mut builder = BatchBuilder::new(Offset::ZERO);
    for record in records {
        let record = NewRecord {
            timestamp: scene.now.unix_ms,
            key: Some(&record.key),
            value: record.value.as_deref(),
            ..NewRecord::default()
        };
        builder.append_next(record).map_err(|_| CommitError::TooLarge)?;
    }
    let mut batch = builder.build().map_err(|_| CommitError::TooLarge)?;
    let read = record::read(&batch).map_err(|_| CommitError::TooLarge)?;
    let records: Vec<_> = read.into_iter().flat_map(|batch| batch.records).collect();
    let appended = partition.append(scene, &mut batch, &records, Origin::Coordinator);
    appended.map(|appended| appended.first_offset).map_err(|error| {
        scene.trace(format_args!("{} refuses its coordinator: {error}", partition.id));
        match partition.refusal(&error) {
            ErrorCode::InvalidRecord => CommitError::TooLarge,
            _ => CommitError::Storage,
        }
    })
}

/// Every record of a coordinator's log, read as the node does when it loads one.
fn records_of(partition: &Partition, scene: &mut Scene) -> Result<Vec<(Offset, CoordinatorRecord)>, String> {
    let (mut offset, end) = (partition.log.log_start_offset(), partition.log.log_end_offset());
    let mut records = Vec::new();
    while offset < end {
        let max_bytes = 1 + scene.random.below(2_000) as u64;
        let found = partition.log.read(offset, max_bytes, true, end).map_err(|error| error.to_string())?;
        if found.next_offset <= offset {
            return Err(format!("{} cannot be read at {offset}", partition.id));
        }
        for range in &found.ranges {
            let mut bytes = vec![0; range.len as usize];
            range.file.read_at(&mut bytes, range.position).map_err(|error| error.to_string())?;
            for batch in batches(&bytes) {
                let batch = batch.map_err(|error| error.to_string())?;
                let unpacked = batch.decompress(1 << 20).map_err(|error| error.to_string())?;
                for record in batch.records(&unpacked) {
                    let record = record.map_err(|error| error.to_string())?;
                    if record.offset < offset {
                        continue;
                    }
                    let key = Bytes::copy_from_slice(record.key.unwrap_or_default());
                    let value = record.value.map(Bytes::copy_from_slice);
                    records.push((record.offset, CoordinatorRecord { key, value }));
                }
            }
        }
        offset = found.next_offset;
    }
    Ok(records)
}

/// Groups do not expire here: one that has and comes again begins with generation 1, which is another group of the name.
pub(super) fn group_config(scene: &mut Scene) -> GroupConfig {
    GroupConfig {
        max_size: if scene.once_in(4) { 3 } else { 100 },
        initial_rebalance_delay_ms: scene.pick(&[0, 500, 3_000]),
        offsets_retention_check_interval_ms: i64::MAX,
        ..GroupConfig::default()
    }
}
