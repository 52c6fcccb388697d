//! What the oracles are told: everything that the node did, found and promised.

use std::fmt;

use coordinator::CoordinatorRecord;
use coordinator::group::{GroupCoordinator, Response};
use metadata::ClusterImage;
use protocol::{ErrorCode, MetadataRecord, TopicPartition, Uuid};

use super::clients::Asked;
use super::record::{ReadBatch, Rec};
use super::scene::Token;

/// A partition of one topic id: a topic that is deleted and created again is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Incarnation {
    pub(crate) partition: TopicPartition,
    pub(crate) topic_id: Uuid,
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Uuid([a, b, ..]) = self.topic_id;
        write!(f, "{}/{a:02x}{b:02x}", self.partition)
    }
}

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// In order: everything was closed.
    Clean,
    /// Killed: what was written is there.
    Kill,
    /// The power went: what was not synced is lost, torn or there.
    PowerLoss,
}

/// What a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Acks {
    None,
    Leader,
    All,
}

/// Something happened in the node, or left it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// These records are about to be written; if that fails nobody knows whether they are there.
    Appending { id: &'a Incarnation, records: &'a [Rec] },
    /// They are in the page cache, or, of a duplicate, have been already.
    Appended {
        id: &'a Incarnation,
        first_offset: i64,
        records: &'a [Rec],
        duplicate: bool,
        high_watermark: i64,
    },
    /// An answer to a producer has left the node.
    Acknowledged { id: &'a Incarnation, acks: Acks, first_offset: i64, records: &'a [Rec] },
    /// The durable offset of a partition, after a flush.
    Flushed { id: &'a Incarnation, durable: i64, log_end: i64 },
    /// The log starts here from now on: by retention or by request.
    StartMoved { id: &'a Incarnation, log_start: i64 },
    /// A cleaning begins: from now on, whatever comes of it, of each key only the newest record before `end` has to be there.
    Cleaning { id: &'a Incarnation, end: i64 },
    /// A client was told that the log starts here from now on, and for good.
    StartPromised { id: &'a Incarnation, log_start: i64 },
    /// The process ended.
    Ended { how: End },
    /// A log was opened. All of it was read.
    Recovered { id: &'a Incarnation, log_start: i64, log_end: i64, batches: &'a [ReadBatch] },
    /// A log could not be opened.
    NotRecovered { id: &'a Incarnation, error: &'a str },
    /// A consumer has read from an offset.
    Read { id: &'a Incarnation, from: i64, log_start: i64, high_watermark: i64, batches: &'a [ReadBatch] },
    /// A consumer was refused.
    ReadRefused { id: &'a Incarnation, from: i64, error: ErrorCode, log_start: i64, high_watermark: i64 },
    /// A timestamp was looked up: the timestamp and offset of the record that was found.
    LookedUpTime { id: &'a Incarnation, timestamp: i64, found: Option<(i64, i64)> },
    /// The end of a leader epoch was looked up: the epoch that was found, and where it ends.
    LookedUpEpoch { id: &'a Incarnation, epoch: i32, found: Option<(i32, i64)>, log_end: i64 },
    /// A request to a group has reached its coordinator.
    Asked { token: Token, asked: &'a Asked },
    /// An answer of a coordinator has left the node.
    Answered { token: Token, asked: &'a Asked, response: &'a Response },
    /// A coordinator as it lives, and every record of its log. `split` is some place in them.
    Replayable { live: &'a GroupCoordinator, records: &'a [CoordinatorRecord], split: usize },
    /// The cluster's metadata: the image as it is, and every record of its log. `split` is some place in them.
    Decided { live: &'a ClusterImage, records: &'a [MetadataRecord<'static>], split: usize },
    /// A topic was deleted.
    Deleted { id: &'a Incarnation },
}
