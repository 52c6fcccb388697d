//! What records of Kafka's own topics mean: `__consumer_offsets` and `__cluster_metadata`.

use std::fmt::Debug;

use protocol::messages::{GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue};
use protocol::records::Record;
use protocol::wire::{Message, Reader};

/// The topics whose records can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    ConsumerOffsets,
    ClusterMetadata,
}

impl Topic {
    pub(super) fn of(topic: &str) -> Option<Self> {
        match topic {
            "__consumer_offsets" => Some(Self::ConsumerOffsets),
            "__cluster_metadata" => Some(Self::ClusterMetadata),
            _ => None,
        }
    }

    /// Key and value as text; `None` for records of kinds that are not known here, or that are not as they should be.
    pub(super) fn decode(self, record: &Record<'_>) -> Option<(String, String)> {
        match self {
            Self::ClusterMetadata => {
                let value = metadata::records::decode(record.offset, record.value?).ok()?;
                Some((String::new(), show(&value)))
            }
            Self::ConsumerOffsets => {
                let (kind, key) = prefixed(record.key?)?;
                match kind {
                    // 0 is what Kafka wrote until 0.9; the fields are the same.
                    0 | 1 => {
                        Some((read::<OffsetCommitKey<'_>>(key, 0)?, value::<OffsetCommitValue<'_>>(record)?))
                    }
                    2 => Some((
                        read::<GroupMetadataKey<'_>>(key, 0)?,
                        value::<GroupMetadataValue<'_>>(record)?,
                    )),
                    _ => None,
                }
            }
        }
    }
}

fn value<'a, M: Message<'a> + Debug>(record: &Record<'a>) -> Option<String> {
    let Some(value) = record.value else { return Some("null".to_owned()) };
    let (version, value) = prefixed(value)?;
    read::<M>(value, version)
}

fn prefixed(bytes: &[u8]) -> Option<(i16, &[u8])> {
    let (prefix, rest) = bytes.split_first_chunk()?;
    Some((i16::from_be_bytes(*prefix), rest))
}

fn read<'a, M: Message<'a> + Debug>(bytes: &'a [u8], version: i16) -> Option<String> {
    let message = M::decode(&mut Reader::new(bytes), version).ok()?;
    Some(show(&message))
}

/// Without the field that all messages have and hardly any uses.
fn show(message: &impl Debug) -> String {
    const NOISE: &str = "unknown_tagged_fields: TaggedFields(None)";
    format!("{message:?}").replace(&format!(", {NOISE}"), "").replace(NOISE, "")
}
