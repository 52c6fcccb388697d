//! `.snapshot`: the state of the producers at an offset, as Kafka writes it (`ProducerSnapshot`, version 1).
//!
//! Version, crc-32c of what follows, and the producers with their last batch each. Kafka forgets the other four there;
//! here they follow, where Kafka's reader does not look: a producer may send all five again after a restart.
//!
//! That trailer is [`TRAILER`], and for each producer in order: when it was last seen (-1: unknown), the number of
//! earlier batches, and those, the oldest first.

use protocol::{Offset, ProducerEpoch, ProducerId};

use super::{BatchMeta, ProducerEntry, ProducerState};

const VERSION: i16 = 1;
/// Where the checked part begins: after the version and the crc.
const ENTRIES_AT: usize = 6;
const ENTRY_BYTES: usize = 46;
/// Opens the trailer; the last byte is its version.
const TRAILER: [u8; 4] = *b"MSP\x01";

/// The bytes of a snapshot.
pub(crate) fn encode(state: &ProducerState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ENTRIES_AT + 4 + state.producers.len() * ENTRY_BYTES);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend((state.producers.len() as u32).to_be_bytes());
    for entry in state.producers() {
        let last = entry.last_batch();
        bytes.extend(entry.producer_id.get().to_be_bytes());
        bytes.extend(entry.producer_epoch.get().to_be_bytes());
        bytes.extend(entry.last_sequence().to_be_bytes());
        bytes.extend(last.map_or(-1, |last| last.last_offset.get()).to_be_bytes());
        bytes.extend(last.map_or(0, |last| last.offset_delta).to_be_bytes());
        bytes.extend(entry.last_timestamp.to_be_bytes());
        bytes.extend(entry.coordinator_epoch.to_be_bytes());
        bytes.extend(entry.current_txn_first_offset.map_or(-1, Offset::get).to_be_bytes());
    }
    // Nothing to add where all was replayed: the file is as Kafka's.
    if state.producers().any(|entry| entry.last_seen_ms.is_some() || entry.earlier_batches().next().is_some())
    {
        encode_trailer(state, &mut bytes);
    }
    let crc = crc32c::crc32c(&bytes[ENTRIES_AT..]);
    bytes[2..ENTRIES_AT].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn encode_trailer(state: &ProducerState, bytes: &mut Vec<u8>) {
    bytes.extend(TRAILER);
    for entry in state.producers() {
        bytes.extend(entry.last_seen_ms.unwrap_or(-1).to_be_bytes());
        bytes.push(entry.earlier_batches().count() as u8);
        for batch in entry.earlier_batches() {
            bytes.extend(batch.last_sequence.to_be_bytes());
            bytes.extend(batch.last_offset.get().to_be_bytes());
            bytes.extend(batch.offset_delta.to_be_bytes());
            bytes.extend(batch.timestamp.to_be_bytes());
        }
    }
}

/// The state in a snapshot taken at `end_offset`, or what is wrong with the bytes.
pub(crate) fn decode(bytes: &[u8], end_offset: Offset) -> Result<ProducerState, String> {
    let mut fields = Fields(bytes);
    let short = || format!("only {} bytes", bytes.len());
    let version = i16::from_be_bytes(fields.take().ok_or_else(short)?);
    if version != VERSION {
        return Err(format!("version {version}"));
    }
    let stored = u32::from_be_bytes(fields.take().ok_or_else(short)?);
    let computed = crc32c::crc32c(fields.0);
    if stored != computed {
        return Err(format!("crc {stored:#010x} where the bytes have {computed:#010x}"));
    }
    let count = u32::from_be_bytes(fields.take().ok_or_else(short)?);
    let mut state = ProducerState::new(end_offset);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(fields.entry().ok_or_else(short)?);
    }
    if let Some(trailer) = fields.0.strip_prefix(&TRAILER) {
        let mut fields = Fields(trailer);
        for entry in &mut entries {
            fields.trailer_of(entry).ok_or_else(|| "a trailer that is not as we write it".to_owned())?;
        }
    }
    entries.into_iter().for_each(|entry| state.insert(entry));
    Ok(state)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn entry(&mut self) -> Option<ProducerEntry> {
        let producer_id = ProducerId(i64::from_be_bytes(self.take()?));
        let producer_epoch = ProducerEpoch(i16::from_be_bytes(self.take()?));
        let last_sequence = i32::from_be_bytes(self.take()?);
        let last_offset = i64::from_be_bytes(self.take()?);
        let offset_delta = i32::from_be_bytes(self.take()?);
        let last_timestamp = i64::from_be_bytes(self.take()?);
        let coordinator_epoch = i32::from_be_bytes(self.take()?);
        let txn_first_offset = i64::from_be_bytes(self.take()?);
        let last_batch = (last_offset >= 0).then_some(BatchMeta {
            last_sequence,
            last_offset: Offset(last_offset),
            offset_delta,
            timestamp: last_timestamp,
        });
        let mut entry = ProducerEntry::new(producer_id).with_last_batch(last_batch);
        entry.producer_epoch = producer_epoch;
        entry.coordinator_epoch = coordinator_epoch;
        entry.last_timestamp = last_timestamp;
        entry.current_txn_first_offset = (txn_first_offset >= 0).then_some(Offset(txn_first_offset));
        Some(entry)
    }

    fn trailer_of(&mut self, entry: &mut ProducerEntry) -> Option<()> {
        let last_seen_ms = i64::from_be_bytes(self.take()?);
        entry.last_seen_ms = (last_seen_ms >= 0).then_some(last_seen_ms);
        let [count] = self.take()?;
        let mut earlier = Vec::new();
        for _ in 0..count {
            earlier.push(BatchMeta {
                last_sequence: i32::from_be_bytes(self.take()?),
                last_offset: Offset(i64::from_be_bytes(self.take()?)),
                offset_delta: i32::from_be_bytes(self.take()?),
                timestamp: i64::from_be_bytes(self.take()?),
            });
        }
        entry.set_earlier_batches(&earlier)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> ProducerState {
        let mut state = ProducerState::new(Offset(9));
        for id in 0..3 {
            let batch =
                BatchMeta { last_sequence: 4, last_offset: Offset(id + 1), offset_delta: 1, timestamp: 77 };
            let mut entry = ProducerEntry::new(ProducerId(id)).with_last_batch((id > 0).then_some(batch));
            entry.producer_epoch = ProducerEpoch(2);
            entry.last_timestamp = 77;
            entry.coordinator_epoch = 5;
            entry.current_txn_first_offset = (id == 2).then_some(Offset(2));
            entry.last_seen_ms = (id > 0).then_some(5);
            let earlier = BatchMeta { last_sequence: 2, last_offset: Offset(0), ..batch };
            entry.set_earlier_batches(&vec![earlier; id as usize]).unwrap();
            state.insert(entry);
        }
        state
    }

    #[test]
    fn comes_back_as_it_was() {
        assert_eq!(decode(&encode(&state()), Offset(9)), Ok(state()));
        let empty = ProducerState::new(Offset(1));
        assert_eq!(encode(&empty), [0, 1, 0x48, 0x67, 0x4b, 0xc7, 0, 0, 0, 0]);
        assert_eq!(decode(&encode(&empty), Offset(1)), Ok(empty));
    }

    #[test]
    fn without_a_trailer_it_is_kafkas() {
        let mut bytes = encode(&state());
        bytes.truncate(ENTRIES_AT + 4 + 3 * ENTRY_BYTES);
        let crc = crc32c::crc32c(&bytes[ENTRIES_AT..]);
        bytes[2..ENTRIES_AT].copy_from_slice(&crc.to_be_bytes());
        let kafkas = decode(&bytes, Offset(9)).unwrap();
        let last_batches = |state: &ProducerState| -> Vec<_> {
            state.producers().map(|entry| (entry.producer_id, entry.last_batch().copied())).collect()
        };
        assert_eq!(last_batches(&kafkas), last_batches(&state()));
        assert!(kafkas.producers().all(|entry| entry.earlier_batches().count() == 0));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let bytes = encode(&state());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed, Offset(9)).is_err(), "byte {at}");
            assert!(decode(&bytes[..at], Offset(9)).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_with_a_good_crc_are_read_or_refused(entries in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = vec![0, 1];
            bytes.extend(crc32c::crc32c(&entries).to_be_bytes());
            bytes.extend(entries);
            let _ = decode(&bytes, Offset(0));
        }
    }
}
