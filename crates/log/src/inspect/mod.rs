//! Looking at files of a log, whole or damaged, and mending them: what `millstream log dump|verify|repair` is made of.
//!
//! Works on files, without a [`Log`](crate::Log): [`BatchWalk`] goes on after what is no batch, [`files`] reads what lies beside the
//! segments, [`verify`] compares all of it, [`repair`] proposes and carries out what can be done about it.
//!
//! | file | what |
//! |---|---|
//! | `walk` | the walk over the batches of a file that does not stop at damage |
//! | `files` | what the other files hold, by their names |
//! | `directory` | what a log directory says of its partitions, and what cannot be read there |
//! | `finding` | what is wrong, where, and what was expected |
//! | `verify`, `indexes` | the comparison |
//! | `repair` | what can be done, and doing it |
//!
//! *Invariant*: only [`repair::Plan::carry_out`] writes, and it removes no byte of a batch: what leaves the log is in files with
//! the suffix `.corrupt` beside it.

pub mod directory;
pub mod files;
mod finding;
mod indexes;
pub mod repair;
mod verify;
mod walk;

pub use finding::{Finding, Findings, What};
pub use verify::{PartitionReport, Scope, verify};
pub use walk::{BatchWalk, Damage, Step};
