//! The records of `__transaction_state`, as Kafka writes them: one a transactional id, with all there is to know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::messages::transaction_log_value::PartitionsSchema;
use protocol::messages::{TransactionLogKey, TransactionLogValue};
use protocol::wire::Str;
use protocol::{ProducerEpoch, ProducerId};

use super::transaction::{Transaction, TransactionState, TransactionVersion};
use crate::record::{KEY_VERSION, encode, value, whole};
use crate::{CommitError, CoordinatorRecord, Error};

/// The only type of record in the topic.
const TRANSACTION: i16 = 0;

/// A record of the log: a transactional id, and what it is, or that it is no more.
pub(super) fn decode(record: &CoordinatorRecord) -> Result<(Arc<str>, Option<Transaction>), Error> {
    let Some((record_type, key)) = record.key.split_first_chunk::<2>() else {
        return Err(Error::MissingType { length_bytes: record.key.len() });
    };
    let record_type = i16::from_be_bytes(*record_type);
    if record_type != TRANSACTION {
        return Err(Error::UnknownType { record_type });
    }
    let key: TransactionLogKey<'_> = whole(record_type, key, KEY_VERSION)?;
    let transaction = value::<TransactionLogValue<'_>>(record_type, record)?.map(transaction).transpose()?;
    Ok((key.transactional_id.as_ref().into(), transaction))
}

/// The record that a transactional id is so, or, without, that it is no more. `version` is the cluster's.
pub(super) fn record(
    transactional_id: &str,
    transaction: Option<&Transaction>,
    version: TransactionVersion,
) -> Result<CoordinatorRecord, CommitError> {
    let key = TransactionLogKey {
        transactional_id: Str::Borrowed(transactional_id),
        ..TransactionLogKey::default()
    };
    let value_version = version.level().min(1);
    let value = transaction.map(|transaction| {
        let partitions = transaction.partitions.iter().map(|(topic, partitions)| PartitionsSchema {
            topic: Str::Borrowed(topic),
            partition_ids: partitions.iter().copied().collect(),
            ..PartitionsSchema::default()
        });
        // The fields with tags are not of the first version, whose reader does without them.
        let tagged = |id: ProducerId| if value_version == 0 { -1 } else { id.get() };
        TransactionLogValue {
            producer_id: transaction.producer_id.get(),
            previous_producer_id: tagged(transaction.previous_producer_id),
            next_producer_id: tagged(transaction.next_producer_id),
            producer_epoch: transaction.producer_epoch.get(),
            transaction_timeout_ms: transaction.timeout_ms,
            transaction_status: transaction.state.id(),
            transaction_partitions: (transaction.state != TransactionState::Empty)
                .then(|| partitions.collect()),
            transaction_last_update_timestamp_ms: transaction.last_update_ms,
            transaction_start_timestamp_ms: transaction.start_ms,
            client_transaction_version: if value_version == 0 {
                0
            } else {
                transaction.client_version.level()
            },
            ..TransactionLogValue::default()
        }
    });
    encode(TRANSACTION, &key, value_version, value.as_ref())
}

fn transaction(value: TransactionLogValue<'_>) -> Result<Transaction, Error> {
    let state = TransactionState::from_id(value.transaction_status)
        .ok_or(Error::UnknownState { state: value.transaction_status })?;
    let mut partitions: BTreeMap<Arc<str>, BTreeSet<i32>> = BTreeMap::new();
    for of_topic in value.transaction_partitions.unwrap_or_default() {
        partitions.entry(of_topic.topic.as_ref().into()).or_default().extend(of_topic.partition_ids);
    }
    Ok(Transaction {
        producer_id: ProducerId(value.producer_id),
        previous_producer_id: ProducerId(value.previous_producer_id),
        next_producer_id: ProducerId(value.next_producer_id),
        producer_epoch: ProducerEpoch(value.producer_epoch),
        timeout_ms: value.transaction_timeout_ms,
        state,
        partitions,
        start_ms: value.transaction_start_timestamp_ms,
        last_update_ms: value.transaction_last_update_timestamp_ms,
        client_version: TransactionVersion::from_level(value.client_transaction_version),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ongoing() -> Transaction {
        let empty = Transaction::new(ProducerId(7), 60_000, 5);
        empty.extended([("a", 1), ("a", 0), ("b", 2)].into_iter(), TransactionVersion::V2, 9)
    }

    #[test]
    fn a_record_comes_back() {
        let prepared = ongoing().prepared(true, TransactionVersion::V2, ProducerId(8), 11);
        for version in [TransactionVersion::V1, TransactionVersion::V2] {
            for transaction in [Transaction::new(ProducerId(7), 60_000, 5), ongoing(), prepared.clone()] {
                let written = record("t", Some(&transaction), version).unwrap();
                assert_eq!(decode(&written).unwrap(), ("t".into(), Some(transaction)));
            }
        }
        let gone = record("t", None, TransactionVersion::V2).unwrap();
        assert_eq!(decode(&gone).unwrap(), ("t".into(), None));
    }

    #[test]
    fn a_new_id_was_its_own_before() {
        // As Apache Kafka 4.3.1 writes it: previousProducerId in a tagged field, and no transaction version yet.
        let written =
            record("t", Some(&Transaction::new(ProducerId(7), 60_000, 5)), TransactionVersion::V2).unwrap();
        let mut expect = vec![0, 1];
        expect.extend([0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0xea, 0x60, 0, 0]);
        expect.extend([0, 0, 0, 0, 0, 0, 0, 5]);
        expect.extend([0xff; 8]);
        expect.extend([1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(written.value.as_deref(), Some(&expect[..]));
    }

    #[test]
    fn the_first_version_has_no_tagged_fields() {
        let written = record("t", Some(&ongoing()), TransactionVersion::V0).unwrap();
        assert_eq!(written.value.as_ref().unwrap()[..2], [0, 0]);
        let expect = Transaction {
            previous_producer_id: ProducerId(-1),
            client_version: TransactionVersion::V0,
            ..ongoing()
        };
        assert_eq!(decode(&written).unwrap().1, Some(expect));
    }

    #[test]
    fn what_is_none_of_ours_is_an_error() {
        let good = record("t", Some(&ongoing()), TransactionVersion::V2).unwrap();
        let check = |key: &[u8], expect: Error| {
            let record = CoordinatorRecord { key: key.to_vec().into(), value: good.value.clone() };
            assert_eq!(decode(&record).unwrap_err(), expect);
        };
        check(&[0], Error::MissingType { length_bytes: 1 });
        check(&[0, 9, 0, 1, b't'], Error::UnknownType { record_type: 9 });
        check(&[0, 0, 0, 1, b't', 0], Error::Trailing { record_type: 0, trailing_bytes: 1 });
        let mut value = good.value.clone().unwrap().to_vec();
        let at = 2 + 8 + 2 + 4;
        value[at] = 99;
        let record = CoordinatorRecord { key: good.key, value: Some(value.into()) };
        assert_eq!(decode(&record).unwrap_err(), Error::UnknownState { state: 99 });
    }
}
