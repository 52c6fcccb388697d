//! `millstream log`: the files of logs, looked at, checked and mended, without a node. What is right and what can be done is
//! `log::inspect`'s to say; here it is printed.

mod decode;
mod dump;
mod repair;
mod verify;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ::log::disk::{Disk, LockGuard};
use ::log::inspect::directory::LogDirectory;
use ::log::inspect::{Finding, Scope, What};
use ::log::{Error, Recovery, log_dir};
use protocol::TopicPartition;
use serde_json::{Value, json};

use super::{Result, ToolError};
use crate::args::{LogArgs, LogCommand};

pub(super) fn run(args: &LogArgs) -> Result<()> {
    match &args.command {
        LogCommand::Dump(dump) => dump::run(dump, args.json),
        LogCommand::Verify(verify) => verify::run(verify, args.json),
        LogCommand::Repair(repair) => repair::run(repair, args.json),
    }
}

/// The absolute path of something that is there.
fn existing(path: &Path) -> Result<PathBuf> {
    path.canonicalize()
        .map_err(|source| Error::Io { operation: "open", path: path.to_owned(), source }.into())
}

/// Whose directory it is, by its name.
fn partition_of(path: &Path) -> Option<TopicPartition> {
    log_dir::parse_partition_dir(path.file_name()?.to_str()?)
}

/// The log directory that a partition's directory stands in, if it is in one.
fn directory_above(disk: &dyn Disk, partition: &Path) -> Result<Option<LogDirectory>> {
    match partition.parent() {
        Some(parent) if LogDirectory::is_one(disk, parent)? => Ok(Some(LogDirectory::read(disk, parent)?)),
        _ => Ok(None),
    }
}

/// What a partition's files are compared with. Without checkpoints all of it counts as durable: nobody will recover a copy.
fn scope(directory: Option<&LogDirectory>, id: &TopicPartition, running: bool) -> Scope {
    match directory {
        Some(directory) => directory.scope(id, running),
        None => {
            let recovery = Recovery { clean_shutdown: true, ..Recovery::default() };
            Scope { recovery, ..Scope::default() }
        }
    }
}

/// Who uses a log directory.
enum Use {
    /// We do, until the guard is dropped.
    Ours(#[expect(dead_code, reason = "holds the lock")] Box<dyn LockGuard>),
    /// Nobody can: it is not writable.
    ReadOnly,
    /// A node.
    Running,
}

fn take(disk: &dyn Disk, log_dir: &Path) -> Result<Use> {
    match log_dir::lock(disk, log_dir) {
        Ok(guard) => Ok(Use::Ours(guard)),
        Err(Error::Locked { .. }) => Ok(Use::Running),
        Err(Error::Io { source, .. })
            if matches!(source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) =>
        {
            Ok(Use::ReadOnly)
        }
        Err(error) => Err(error.into()),
    }
}

/// One line on a finding.
fn line(finding: &Finding) -> String {
    let Finding { path, position, found, expected, .. } = finding;
    let consequence = match (finding.before_recovery_point, &finding.what) {
        (true, _) => "before the recovery point",
        (false, What::Batches { .. } | What::Segment) => {
            "past the recovery point: the next start cuts the log there"
        }
        (false, _) => "past the recovery point: the next start writes it anew",
    };
    format!("{}: byte {position}: {found}; expected {expected} ({consequence})", path.display())
}

/// The same for programs.
fn document(finding: &Finding) -> Value {
    let kind = match &finding.what {
        What::Batches { .. } => "batch",
        What::Records => "records",
        What::Index { .. } => "index",
        What::TxnIndex { .. } => "txnindex",
        What::Snapshot => "snapshot",
        What::LeaderEpochs => "leader-epoch-checkpoint",
        What::TopicId => "partition.metadata",
        What::LeaderEpoch => "leader-epoch",
        What::End { .. } => "log-end",
        What::Segment => "segment",
        What::Directory => "log-directory",
    };
    json!({
        "type": "finding",
        "kind": kind,
        "file": finding.path.to_string_lossy(),
        "position": finding.position,
        "found": finding.found,
        "expected": finding.expected,
        "before_recovery_point": finding.before_recovery_point,
    })
}

/// Prints an object on a line of its own.
fn print_json(out: &mut impl io::Write, object: &Value) -> Result<()> {
    serde_json::to_writer(&mut *out, object).map_err(io::Error::from)?;
    out.write_all(b"\n").map_err(ToolError::Output)
}
