//! Records of transactions while a log is loaded: they count from the marker that commits them on (KIP-98).
//!
//! A later record of the same key, of a transaction or of none, makes one that waits void, as Kafka's coordinators have it:
//! the newest record of a key wins, whenever it is committed. Nobody ends transactions here yet, so what waits at the end of
//! the log goes on waiting in the log.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{Offset, ProducerId};

use crate::CoordinatorRecord;

/// The records of open transactions, by producer and key.
#[derive(Debug, Default)]
pub(super) struct Undecided(BTreeMap<ProducerId, BTreeMap<Bytes, (Offset, CoordinatorRecord)>>);

impl Undecided {
    /// A record of a producer's open transaction.
    pub(super) fn add(&mut self, offset: Offset, producer_id: ProducerId, record: CoordinatorRecord) {
        self.0.entry(producer_id).or_default().insert(record.key.clone(), (offset, record));
    }

    /// A record of this key at this offset counts: older ones never will.
    pub(super) fn supersede(&mut self, offset: Offset, key: &Bytes) {
        for records in self.0.values_mut() {
            if records.get(key).is_some_and(|(older, _)| *older < offset) {
                records.remove(key);
            }
        }
    }

    /// The producer's transaction ends. The records that count from now on, in the order of their offsets.
    pub(super) fn end(
        &mut self,
        producer_id: ProducerId,
        committed: bool,
    ) -> Vec<(Offset, CoordinatorRecord)> {
        let ended = self.0.remove(&producer_id).filter(|_| committed).unwrap_or_default();
        let mut records: Vec<_> = ended.into_values().collect();
        records.sort_by_key(|(offset, _)| *offset);
        for (offset, record) in &records {
            self.supersede(*offset, &record.key);
        }
        records
    }
}
