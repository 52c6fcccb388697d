//! The coordinator runtime, and over it the machines of classic consumer groups, of transactions and of share state. Pure: no
//! I/O, no clock, no randomness.
//!
//! - [`runtime`]: what every coordinator shares: propose, append, replay, hold the reply until it is committed; timers
//!   as data; loading and unloading with the leadership of a partition.
//! - [`group`]: the groups of one partition of `__consumer_offsets`: classic protocol and committed offsets.
//! - [`txn`]: the transactional ids of one partition of `__transaction_state`.
//! - [`share_state`]: what was delivered to share groups, in one partition of `__share_group_state`.
//! - [`share_partition`]: a partition as a share group reads it, at its leader; no coordinator, but pure as they are.
//! - [`share_session`]: what members of share groups fetch from a broker.
//!
//! A shell owns a [`Runtime`](runtime::Runtime) for each partition of the internal topic that its broker leads:
//! ```text
//! proposal = runtime.propose(now, token, request)      decides, changes nothing
//! appended = log.append(proposal.records())            only when there are records
//! replies  = runtime.conclude(now, proposal, appended) replays, applies the soft changes, holds the replies
//! replies  = runtime.committed(high_watermark)         releases what is committed
//! actions  = runtime.take_actions()                    what is to be done elsewhere, now that it is committed
//! ```
//! It sleeps until [`next_deadline_ms`](runtime::Runtime::next_deadline_ms) and then concludes every proposal of
//! [`due`](runtime::Runtime::due) likewise.
//!
//! *Invariant*: durable state changes in `replay` and nowhere else. *Invariant*: a failed append leaves no trace.

mod error;
pub mod group;
mod partition;
mod record;
pub mod runtime;
pub mod share_partition;
pub mod share_session;
pub mod share_state;
pub mod txn;

pub use error::{CommitError, Error};
pub use partition::partition_for;
pub use record::CoordinatorRecord;
