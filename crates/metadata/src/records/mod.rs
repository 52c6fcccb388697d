//! The framing of metadata records: what one record of `__cluster_metadata` has as its value.
//!
//! `frame version (1) · record type · record version`, each an unsigned varint, then the body. Keys and headers of
//! these records are empty.

use protocol::wire::{DecodeError, Reader, Writer};
use protocol::{MetadataRecord, Offset};

use crate::{Error, MetadataVersion};

const FRAME_VERSION: u32 = 1;

/// The value of a record as a log of `metadata_version` holds it.
pub fn encode(record: &MetadataRecord<'_>, metadata_version: MetadataVersion) -> Result<Vec<u8>, Error> {
    let version = version_of(record, metadata_version);
    let mut w = Writer::with_capacity(64);
    w.uvarint(FRAME_VERSION);
    w.uvarint(record.api_key() as u32);
    w.uvarint(version as u32);
    record.encode(&mut w, version).map_err(|source| Error::Unwritable {
        api_key: record.api_key(),
        metadata_version: metadata_version.level(),
        source,
    })?;
    Ok(w.into_bytes())
}

/// Reads the value of the record at `offset`.
pub fn decode(offset: Offset, value: &[u8]) -> Result<MetadataRecord<'_>, Error> {
    let mut r = Reader::new(value);
    let number = |r: &mut Reader<'_>| r.uvarint().map_err(|source| Error::MalformedFrame { offset, source });
    let frame_version = number(&mut r)?;
    if frame_version != FRAME_VERSION {
        return Err(Error::UnknownFrameVersion { offset, frame_version });
    }
    let (api_key, version) = (number(&mut r)?, number(&mut r)?);
    let unknown = Error::UnknownRecord { offset, api_key, version };
    let (Ok(api_key), Ok(version)) = (i16::try_from(api_key), i16::try_from(version)) else {
        return Err(unknown);
    };
    if !MetadataRecord::versions(api_key).is_some_and(|versions| versions.contains(&version)) {
        return Err(unknown);
    }
    let malformed = |source: DecodeError| Error::Malformed { offset, api_key, version, source };
    let record = MetadataRecord::decode(&mut r, api_key, version).map_err(malformed)?;
    match r.remaining().len() {
        0 => Ok(record),
        bytes => Err(Error::TrailingBytes { offset, api_key, bytes }),
    }
}

/// The version that Kafka writes a record at.
fn version_of(record: &MetadataRecord<'_>, metadata_version: MetadataVersion) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => metadata_version.register_broker_record(),
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => {
            metadata_version.partition_record()
        }
        // The lowest that holds what changes.
        MetadataRecord::BrokerRegistrationChange(change) => {
            if change.cordoned_log_dirs.is_some() {
                3
            } else if !change.log_dirs.is_empty() {
                2
            } else {
                i16::from(change.in_controlled_shutdown != 0)
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
