//! The records of `__share_group_state`, as Kafka writes them: a snapshot of all that is known of a share-partition, or an
//! update to it. A snapshot without a value says that the share-partition is no more.

use protocol::messages::{
    ShareSnapshotKey, ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue, share_snapshot_value,
    share_update_value,
};
use protocol::wire::Str;
use protocol::{LeaderEpoch, Offset};

use super::batch::StateBatch;
use super::key::SharePartitionKey;
use super::state::{ShareState, ShareUpdate};
use crate::record::{KEY_VERSION, encode, value, whole};
use crate::{CommitError, CoordinatorRecord, Error};

const SNAPSHOT: i16 = 0;
const UPDATE: i16 = 1;
/// The version of both values.
const VALUE_VERSION: i16 = 0;

/// What a record says of a share-partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Snapshot(ShareState),
    Update(ShareUpdate),
    Deleted,
}

/// A record of the log. Kafka never writes an update without a value; such a one changes nothing.
pub(super) fn decode(record: &CoordinatorRecord) -> Result<Option<(SharePartitionKey, Change)>, Error> {
    let Some((record_type, key)) = record.key.split_first_chunk::<2>() else {
        return Err(Error::MissingType { length_bytes: record.key.len() });
    };
    match i16::from_be_bytes(*record_type) {
        SNAPSHOT => {
            let key: ShareSnapshotKey<'_> = whole(SNAPSHOT, key, KEY_VERSION)?;
            let key = SharePartitionKey {
                group_id: key.group_id.as_ref().into(),
                topic_id: key.topic_id,
                partition: key.partition,
            };
            let change = value::<ShareSnapshotValue>(SNAPSHOT, record)?.map(snapshot);
            Ok(Some((key, change.map_or(Change::Deleted, Change::Snapshot))))
        }
        UPDATE => {
            let key: ShareUpdateKey<'_> = whole(UPDATE, key, KEY_VERSION)?;
            let key = SharePartitionKey {
                group_id: key.group_id.as_ref().into(),
                topic_id: key.topic_id,
                partition: key.partition,
            };
            let change = value::<ShareUpdateValue>(UPDATE, record)?.map(update);
            Ok(change.map(|change| (key, Change::Update(change))))
        }
        record_type => Err(Error::UnknownType { record_type }),
    }
}

fn snapshot(value: ShareSnapshotValue) -> ShareState {
    let batch = |batch: share_snapshot_value::StateBatch| StateBatch {
        first_offset: Offset(batch.first_offset),
        last_offset: Offset(batch.last_offset),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
    };
    ShareState {
        snapshot_epoch: value.snapshot_epoch,
        state_epoch: value.state_epoch,
        leader_epoch: LeaderEpoch(value.leader_epoch),
        start_offset: Offset(value.start_offset),
        delivery_complete_count: value.delivery_complete_count,
        create_ms: value.create_timestamp,
        write_ms: value.write_timestamp,
        batches: value.state_batches.into_iter().map(batch).collect(),
    }
}

fn update(value: ShareUpdateValue) -> ShareUpdate {
    let batch = |batch: share_update_value::StateBatch| StateBatch {
        first_offset: Offset(batch.first_offset),
        last_offset: Offset(batch.last_offset),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
    };
    ShareUpdate {
        snapshot_epoch: value.snapshot_epoch,
        leader_epoch: LeaderEpoch(value.leader_epoch),
        start_offset: Offset(value.start_offset),
        delivery_complete_count: value.delivery_complete_count,
        batches: value.state_batches.into_iter().map(batch).collect(),
    }
}

/// The record that is all of a share-partition's state, or, without, that it is no more.
pub(super) fn snapshot_record(
    key: &SharePartitionKey,
    state: Option<&ShareState>,
) -> Result<CoordinatorRecord, CommitError> {
    let key = ShareSnapshotKey {
        group_id: Str::Borrowed(&key.group_id),
        topic_id: key.topic_id,
        partition: key.partition,
        ..ShareSnapshotKey::default()
    };
    let batch = |batch: &StateBatch| share_snapshot_value::StateBatch {
        first_offset: batch.first_offset.get(),
        last_offset: batch.last_offset.get(),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
        ..Default::default()
    };
    let value = state.map(|state| ShareSnapshotValue {
        snapshot_epoch: state.snapshot_epoch,
        state_epoch: state.state_epoch,
        leader_epoch: state.leader_epoch.get(),
        start_offset: state.start_offset.get(),
        delivery_complete_count: state.delivery_complete_count,
        create_timestamp: state.create_ms,
        write_timestamp: state.write_ms,
        state_batches: state.batches.iter().map(batch).collect(),
        ..ShareSnapshotValue::default()
    });
    encode(SNAPSHOT, &key, VALUE_VERSION, value.as_ref())
}

/// The record that something has changed.
pub(super) fn update_record(
    key: &SharePartitionKey,
    update: &ShareUpdate,
) -> Result<CoordinatorRecord, CommitError> {
    let key = ShareUpdateKey {
        group_id: Str::Borrowed(&key.group_id),
        topic_id: key.topic_id,
        partition: key.partition,
        ..ShareUpdateKey::default()
    };
    let batch = |batch: &StateBatch| share_update_value::StateBatch {
        first_offset: batch.first_offset.get(),
        last_offset: batch.last_offset.get(),
        delivery_state: batch.delivery_state,
        delivery_count: batch.delivery_count,
        ..Default::default()
    };
    let value = ShareUpdateValue {
        snapshot_epoch: update.snapshot_epoch,
        leader_epoch: update.leader_epoch.get(),
        start_offset: update.start_offset.get(),
        delivery_complete_count: update.delivery_complete_count,
        state_batches: update.batches.iter().map(batch).collect(),
        ..ShareUpdateValue::default()
    };
    encode(UPDATE, &key, VALUE_VERSION, Some(&value))
}

#[cfg(test)]
mod tests {
    use protocol::Uuid;

    use super::*;

    fn key() -> SharePartitionKey {
        SharePartitionKey { group_id: "g".into(), topic_id: Uuid([7; 16]), partition: 2 }
    }

    fn batch() -> StateBatch {
        StateBatch { first_offset: Offset(5), last_offset: Offset(9), delivery_state: 2, delivery_count: 3 }
    }

    fn state() -> ShareState {
        ShareState { batches: vec![batch()], ..ShareState::new(None, 1, Offset(5), 1_000) }
    }

    #[test]
    fn a_record_comes_back() {
        let written = snapshot_record(&key(), Some(&state())).unwrap();
        assert_eq!(decode(&written).unwrap(), Some((key(), Change::Snapshot(state()))));
        let deleted = snapshot_record(&key(), None).unwrap();
        assert_eq!(decode(&deleted).unwrap(), Some((key(), Change::Deleted)));
        let update = ShareUpdate {
            snapshot_epoch: 4,
            leader_epoch: LeaderEpoch(2),
            start_offset: Offset(6),
            delivery_complete_count: -1,
            batches: vec![batch()],
        };
        let written = update_record(&key(), &update).unwrap();
        assert_eq!(decode(&written).unwrap(), Some((key(), Change::Update(update))));
    }

    /// Written by Apache Kafka 4.4's own classes.
    #[test]
    fn records_are_kafkas_byte_by_byte() {
        fn hex(bytes: &[u8]) -> String {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        let batches = vec![
            batch(),
            StateBatch {
                first_offset: Offset(10),
                last_offset: Offset(12),
                delivery_state: 0,
                delivery_count: 1,
            },
        ];
        let state = ShareState {
            snapshot_epoch: 4,
            state_epoch: 1,
            leader_epoch: LeaderEpoch(3),
            start_offset: Offset(5),
            delivery_complete_count: 2,
            create_ms: 1_000,
            write_ms: 2_000,
            batches: batches.clone(),
        };
        let update = ShareUpdate {
            snapshot_epoch: 4,
            leader_epoch: LeaderEpoch(3),
            start_offset: Offset(5),
            delivery_complete_count: 2,
            batches,
        };
        let both = "03000000000000000500000000000000090200030000\
                    0000000000000a000000000000000c0000010001000400000002";
        let check = |record: CoordinatorRecord, record_type: &str, value: Option<String>| {
            assert_eq!(hex(&record.key), format!("{record_type}000167{}00000002", "07".repeat(16)));
            assert_eq!(record.value.map(|value| hex(&value)), value);
        };
        check(
            snapshot_record(&key(), Some(&state)).unwrap(),
            "0000",
            Some(format!(
                "0000000000040000000100000003000000000000000500000000000003e800000000000007d0{both}"
            )),
        );
        check(
            update_record(&key(), &update).unwrap(),
            "0001",
            Some(format!("000000000004000000030000000000000005{both}")),
        );
        check(snapshot_record(&key(), None).unwrap(), "0000", None);
        check(
            snapshot_record(&key(), Some(&ShareState::new(None, 0, Offset::UNKNOWN, 1_000))).unwrap(),
            "0000",
            Some(
                "0000000000000000000000000000ffffffffffffffff00000000000003e800000000000003e80100".to_owned(),
            ),
        );
    }

    #[test]
    fn an_update_without_a_value_changes_nothing() {
        let update = ShareUpdate {
            snapshot_epoch: 0,
            leader_epoch: LeaderEpoch(0),
            start_offset: Offset(0),
            delivery_complete_count: 0,
            batches: Vec::new(),
        };
        let written = update_record(&key(), &update).unwrap();
        assert_eq!(decode(&CoordinatorRecord { value: None, ..written }).unwrap(), None);
    }

    #[test]
    fn what_is_none_of_ours_is_an_error() {
        let good = snapshot_record(&key(), Some(&state())).unwrap();
        let check = |key: &[u8], expect: Error| {
            let record = CoordinatorRecord { key: key.to_vec().into(), value: good.value.clone() };
            assert_eq!(decode(&record).unwrap_err(), expect);
        };
        check(&[0], Error::MissingType { length_bytes: 1 });
        check(&[0, 9], Error::UnknownType { record_type: 9 });
        let mut longer = good.key.to_vec();
        longer.push(0);
        check(&longer, Error::Trailing { record_type: 0, trailing_bytes: 1 });
    }
}
