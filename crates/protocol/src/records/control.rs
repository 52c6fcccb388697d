//! Control records: what brokers and controllers write between the records of users (KIP-98, KIP-595, KIP-630, KIP-853).
//!
//! The values of [`ControlType::LeaderChange`] and the others of a quorum are generated messages; only the end marker
//! of a transaction is read and written here.

use super::{BatchBuilder, Error, NewRecord, Record};

/// The version of the key, and of an end marker's value, that we write. Readers take later ones for this.
const VERSION: i16 = 0;

/// What a control record says: the second number of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction of the batch's producer is aborted.
    Abort,
    /// The transaction of the batch's producer is committed.
    Commit,
    /// A quorum has a new leader.
    LeaderChange,
    /// The start of a snapshot.
    SnapshotHeader,
    /// The end of a snapshot.
    SnapshotFooter,
    /// The `kraft.version` of a quorum.
    KRaftVersion,
    /// The voters of a quorum.
    KRaftVoters,
    /// A type of a later version: to be skipped.
    Unknown(i16),
}

impl ControlType {
    /// The number in the key.
    pub const fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::LeaderChange => 2,
            Self::SnapshotHeader => 3,
            Self::SnapshotFooter => 4,
            Self::KRaftVersion => 5,
            Self::KRaftVoters => 6,
            Self::Unknown(id) => id,
        }
    }

    /// The type of a number.
    pub const fn from_id(id: i16) -> Self {
        match id {
            0 => Self::Abort,
            1 => Self::Commit,
            2 => Self::LeaderChange,
            3 => Self::SnapshotHeader,
            4 => Self::SnapshotFooter,
            5 => Self::KRaftVersion,
            6 => Self::KRaftVoters,
            id => Self::Unknown(id),
        }
    }

    /// The key of a control record: its version and the number.
    pub const fn key(self) -> [u8; 4] {
        let ([a, b], [c, d]) = (VERSION.to_be_bytes(), self.id().to_be_bytes());
        [a, b, c, d]
    }
}

/// How a transaction ended, in the partition of the marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// Committed, or else aborted.
    pub committed: bool,
    /// The epoch of the transaction coordinator that decided it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// The type in the record's key.
    pub const fn control_type(&self) -> ControlType {
        if self.committed { ControlType::Commit } else { ControlType::Abort }
    }

    /// The record's value.
    pub const fn value(&self) -> [u8; 6] {
        let ([a, b], [c, d, e, f]) = (VERSION.to_be_bytes(), self.coordinator_epoch.to_be_bytes());
        [a, b, c, d, e, f]
    }
}

impl Record<'_> {
    /// The type of this record of a control batch.
    pub fn control_type(&self) -> Result<ControlType, Error> {
        let key = self.key.unwrap_or_default();
        let [a, b, c, d] = *key.first_chunk().ok_or(Error::ControlKey(key.len()))?;
        check_version(i16::from_be_bytes([a, b]))?;
        Ok(ControlType::from_id(i16::from_be_bytes([c, d])))
    }

    /// The end of a transaction that this record of a control batch marks, or none where it is of another type.
    pub fn end_txn_marker(&self) -> Result<Option<EndTxnMarker>, Error> {
        let committed = match self.control_type()? {
            ControlType::Commit => true,
            ControlType::Abort => false,
            _ => return Ok(None),
        };
        let value = self.value.unwrap_or_default();
        let [a, b, c, d, e, f] = *value.first_chunk().ok_or(Error::EndTxnMarker(value.len()))?;
        check_version(i16::from_be_bytes([a, b]))?;
        Ok(Some(EndTxnMarker { committed, coordinator_epoch: i32::from_be_bytes([c, d, e, f]) }))
    }
}

fn check_version(version: i16) -> Result<(), Error> {
    if version < 0 { Err(Error::ControlVersion(version)) } else { Ok(()) }
}

impl BatchBuilder {
    /// Appends a control record after the last record, and makes this a control batch. For the types of a quorum,
    /// `value` is the encoded message without a version in front.
    pub fn append_control(
        &mut self,
        control_type: ControlType,
        timestamp: i64,
        value: &[u8],
    ) -> Result<(), Error> {
        *self.attributes_mut() = self.attributes_mut().with_control(true);
        let key = control_type.key();
        self.append_next(NewRecord { timestamp, key: Some(&key), value: Some(value), ..NewRecord::default() })
    }

    /// Appends the end marker of a transaction, and makes this a transactional control batch.
    pub fn append_end_txn_marker(&mut self, timestamp: i64, marker: EndTxnMarker) -> Result<(), Error> {
        *self.attributes_mut() = self.attributes_mut().with_transactional(true);
        self.append_control(marker.control_type(), timestamp, &marker.value())
    }
}
