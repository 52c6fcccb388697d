//! Record batches (magic 2, KIP-98) as a view over bytes.
//!
//! [`batches`] walks the batches of a produce request, a fetch answer or a stretch of a segment. A [`Batch`] is
//! checked only as far as its header; [`Batch::verify_crc`] vouches for the rest. Nothing up to there allocates.
//!
//! Not here: the message sets of magic 0 and 1. Kafka 4 has dropped them; they are recognised and refused
//! ([`Error::OldMagic`]). Rules of a broker (which offsets, sequences and timestamps a producer may send) are the log's.

mod batch;
mod error;
mod header;
mod opaque;

pub use batch::{Batch, Batches, batches};
pub use error::Error;
pub use header::{Attributes, BatchHeader, TimestampType};
pub use opaque::{FileRange, Records};
