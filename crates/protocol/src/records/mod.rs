//! Record batches (magic 2, KIP-98) as a view over bytes.
//!
//! [`batches`] walks the batches of a produce request, a fetch answer or a stretch of a segment. A [`Batch`] is
//! checked only as far as its header; [`Batch::verify_crc`] vouches for the rest. Nothing up to there allocates.
//! [`Batch::decompress`] and [`Batch::records`] reach the records, [`BatchMut`] re-stamps a header in place,
//! [`BatchBuilder`] writes a batch. [`Records`] is the field of a message that carries batches, unread.
//!
//! Not here: the message sets of magic 0 and 1. Kafka 4 has dropped them; they are recognised and refused
//! ([`Error::OldMagic`]). Rules of a broker (which offsets, sequences and timestamps a producer may send) are the log's.

mod batch;
mod builder;
mod control;
mod error;
#[cfg(test)]
mod golden;
mod header;
mod opaque;
mod record;
mod restamp;
#[cfg(test)]
mod tests;
mod varint;

pub use batch::{Batch, Batches, batches};
pub use builder::{BatchBuilder, NewRecord};
pub use control::{ControlType, EndTxnMarker};
pub use error::Error;
pub use header::{Attributes, BatchHeader, TimestampType};
pub use opaque::{FileRange, Records, Segment};
pub use record::{Header, HeaderIter, Headers, Record, RecordIter};
pub use restamp::BatchMut;
