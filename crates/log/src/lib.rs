//! One partition's log on disk: segments, indexes, recovery, retention, producer state. Kafka's files as they are.
//!
//! # Map
//! | file | what |
//! |---|---|
//! | `log/` | [`Log`]: open and recover, append, read, look up by time, cut, retain, clean, flush, move |
//! | `validate` | what a leader checks on batches and how it stamps them; pure |
//! | `refusal` | why batches are refused, with Kafka's codes |
//! | `clean/` | compaction: what stays of a log of keys |
//! | `producer/` | what a partition remembers of its producers and transactions; pure |
//! | `leader_epochs` | where each leader's epoch began |
//! | `segment` | one `.log` file with its indexes |
//! | `scan` | the walk over the batches of a file |
//! | `offset_index`, `time_index`, `entry_file`, `txn_index` | the indexes |
//! | `inspect/` | looking at files, whole or damaged, and mending them: the tools `millstream log …` |
//! | `checkpoint`, `log_dir` | the small files beside the partitions: checkpoints, properties, lock, clean shutdown |
//! | `dir` | the names of a partition's files |
//! | `access` | look-ups that do not wait for the disk |
//! | `handles` | which files are open: a bounded number, those used last |
//! | `disk/` | the file system, real ([`disk::OsDisk`]) or simulated ([`disk::sim::SimDisk`]) |
//!
//! # Use
//! Start: [`log_dir::lock`], read the checkpoints, [`Log::open`] each partition, [`log_dir::mark_dirty`].
//! Run: [`Log::append_as_leader`]; [`Log::flush_target`], [`FlushTarget::sync`] on another thread, [`Log::mark_flushed`];
//! [`Log::read`] and then the bytes of its ranges without any lock. From time to time
//! [`Log::retain`], the checkpoints, [`Log::close_idle_files`].
//! Stop: [`Log::close`] each, write the checkpoints, [`log_dir::mark_clean`].
//!
//! # Invariants
//! An open log has no thread, task or timer, and needs no open file. Nothing here reads a clock or draws a random number.
//! Batches before [`Log::durable_offset`] survive a crash. Memory grows with partitions, segments and producers, not
//! with records.
//!
//! Not here: which log directory, tiers; the high watermark's rules, which are replication's.

mod access;
pub mod checkpoint;
mod clean;
mod config;
mod dir;
pub mod disk;
mod entry_file;
mod error;
mod handles;
pub mod inspect;
mod leader_epochs;
mod log;
pub mod log_dir;
mod offset_index;
pub mod producer;
mod refusal;
mod scan;
mod segment;
mod time_index;
mod txn_index;
mod unchecked;
pub mod validate;

pub use access::{NotCached, Source};
pub use clean::{Cleanable, Cleaned, Cleaning, CleaningLimits, CleaningReport, Pace};
pub use config::LogConfig;
pub use error::{Error, Result};
pub use handles::Handles;
pub use log::{
    AppendInfo, Cut, FetchRead, FileRange, FlushTarget, FutureLog, Log, MoveError, Recovery, RecoveryReport,
    Retained, TimestampAndOffset,
};
pub use txn_index::AbortedTxn;
pub use validate::{Origin, Refusal};
