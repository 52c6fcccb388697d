//! Snapshots: `%020d-%010d.checkpoint`, named after the offset after the last record they cover and its epoch
//! (KIP-630). A control batch with header, `kraft.version` and voters, then data batches, then a footer.
//!
//! One is kept: the newest. It is on disk as a whole before it is the newest, and before any of the log goes.
//!
//! Apache Kafka's are read too. They do not say the index of the entry that they end with, so it is taken to be the offset
//! of the last record: no less than the true one, as no batch is empty, and indexes only have to ascend. One that ends at
//! offset 0 covers nothing: `kafka-storage format` leaves the first voters there.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use protocol::records::{Batch, ControlType};
use protocol::{LeaderEpoch, Offset};

use super::disk;
use super::log::Covered;
use crate::codec::control::{self, SnapshotHeader};
use crate::codec::{self, DataBatch};
use crate::error::{Damage, Error};
use crate::state_machine::{LoadedSnapshot, SnapshotRecords, StateMachine};
use crate::types::{LogId, SnapshotMeta, StoredMembership, epoch_of, log_id};

/// How many bytes of records make a batch of a snapshot: bounds the memory that writing one takes.
const BATCH_BYTES: usize = 1024 * 1024;

/// A snapshot's file, open: it can be read whatever becomes of its name.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile(pub(crate) Arc<File>);

/// What a snapshot covers.
#[derive(Clone, Debug)]
pub(crate) struct Covers {
    pub(crate) end_offset: i64,
    /// None where it ends at offset 0.
    pub(crate) last_log_id: Option<LogId>,
    /// The voters, unless they are configured and not recorded (`kraft.version` 0).
    pub(crate) membership: Option<StoredMembership>,
    /// When the last record was appended.
    pub(crate) last_timestamp_ms: i64,
}

impl Covers {
    fn file_name(&self) -> String {
        format!("{:020}-{:010}.checkpoint", self.end_offset, self.epoch().get())
    }

    /// The epoch of the last record that it covers.
    fn epoch(&self) -> LeaderEpoch {
        epoch_of(self.last_log_id.map_or(0, |id| id.leader_id.term))
    }

    fn header(&self) -> SnapshotHeader {
        SnapshotHeader {
            covers: self.last_log_id.map(|id| (id, self.end_offset)),
            last_timestamp_ms: self.last_timestamp_ms,
        }
    }

    /// What openraft wants to know of it.
    pub(crate) fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.last_log_id,
            last_membership: self.membership.clone().unwrap_or_default(),
            snapshot_id: self.file_name(),
        }
    }
}

/// A snapshot on disk.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    path: PathBuf,
    pub(crate) covers: Covers,
    pub(crate) file: SnapshotFile,
}

/// The snapshots of a log directory.
#[derive(Debug)]
pub(crate) struct SnapshotStore {
    dir: PathBuf,
    newest: Mutex<Option<Snapshot>>,
}

impl SnapshotStore {
    /// Finds the newest snapshot of a directory with its records, and deletes what is older or was never finished.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Vec<Bytes>), Error> {
        let mut finished = Vec::new();
        for name in disk::names(dir)? {
            if name.ends_with(".part") {
                disk::delete(&dir.join(&name))?;
            } else if id_of(&name).is_some() {
                finished.push(dir.join(&name));
            }
        }
        let newest = finished.pop().map(|path| Snapshot::open(&path)).transpose()?;
        finished.iter().try_for_each(|older| disk::delete(older))?;
        let (newest, records) =
            newest.map_or_else(Default::default, |(newest, records)| (Some(newest), records));
        Ok((Self { dir: dir.to_owned(), newest: Mutex::new(newest) }, records))
    }

    /// The newest snapshot.
    pub(crate) fn newest(&self) -> Option<Snapshot> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the newest snapshot says of the log.
    pub(crate) fn covered(&self) -> Covered {
        self.newest().map_or_else(Covered::default, |snapshot| Covered {
            end_offset: snapshot.covers.end_offset,
            last_log_id: snapshot.covers.last_log_id,
            voters: snapshot.covers.membership.map(|stored| stored.membership().voter_ids().collect()),
        })
    }

    /// Writes a snapshot, durably, and makes it the newest. Blocks.
    pub(crate) fn write(
        &self,
        covers: Covers,
        records: SnapshotRecords,
        now_ms: i64,
    ) -> Result<Snapshot, Error> {
        let path = self.dir.join(covers.file_name());
        disk::replace(&path, |out| {
            write_batches(&covers, records, now_ms, |batch| {
                out.write_all(batch).map_err(Error::io("write", &path))
            })
        })?;
        self.adopt(path, covers)
    }

    /// Copies a received snapshot to where it belongs, durably, and makes it the newest. Answers its records too.
    /// Blocks.
    pub(crate) fn install(&self, received: &SnapshotFile) -> Result<(Snapshot, Vec<Bytes>), Error> {
        let from = self.dir.join("received snapshot");
        let bytes = read_all(&received.0).map_err(Error::io("read", &from))?;
        let (covers, records) = parse(&bytes, &from, None)?;
        let path = self.dir.join(covers.file_name());
        disk::replace(&path, |out| out.write_all(&bytes).map_err(Error::io("write", &path)))?;
        Ok((self.adopt(path, covers)?, records))
    }

    /// A file without a name, for a snapshot to be received into.
    pub(crate) fn receive(&self) -> Result<SnapshotFile, Error> {
        let path = self.dir.join("receiving.checkpoint.part");
        let open = || fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = open().map_err(Error::io("create", &path))?;
        disk::delete(&path)?;
        Ok(SnapshotFile(Arc::new(file)))
    }

    fn adopt(&self, path: PathBuf, covers: Covers) -> Result<Snapshot, Error> {
        let file = SnapshotFile(Arc::new(File::open(&path).map_err(Error::io("open", &path))?));
        let snapshot = Snapshot { path, covers, file };
        let older = {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            newest.replace(snapshot.clone())
        };
        if let Some(older) = older.filter(|older| older.path != snapshot.path) {
            disk::delete(&older.path)?;
        }
        Ok(snapshot)
    }
}

/// The end offset and the epoch in the name of a snapshot.
fn id_of(name: &str) -> Option<(i64, i32)> {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    if digits(offset, 20) && digits(epoch, 10) {
        Some((offset.parse().ok()?, epoch.parse().ok()?))
    } else {
        None
    }
}

impl Snapshot {
    /// Opens and checks a snapshot.
    fn open(path: &Path) -> Result<(Self, Vec<Bytes>), Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let bytes = read_all(&file).map_err(Error::io("read", path))?;
        let id = path.file_name().and_then(|name| id_of(&name.to_string_lossy()));
        let (covers, records) = parse(&bytes, path, id)?;
        if path.file_name().is_none_or(|name| *name != *covers.file_name()) {
            let damage = Damage::Incomplete { missing: "the offset and epoch of its name" };
            return Err(Error::corrupt(path, 0, damage));
        }
        Ok((Self { path: path.to_owned(), covers, file: SnapshotFile(Arc::new(file)) }, records))
    }

    /// Hands the records to a state machine.
    pub(crate) fn load(
        &self,
        records: Vec<Bytes>,
        state_machine: &mut impl StateMachine,
    ) -> Result<(), Error> {
        let covers = &self.covers;
        let mut loaded = LoadedSnapshot {
            end_offset: Offset(covers.end_offset),
            epoch: covers.epoch(),
            last_contained_log_timestamp_ms: covers.last_timestamp_ms,
            records: &mut records.into_iter(),
        };
        state_machine.load(&mut loaded).map_err(|source| Error::Load { path: self.path.clone(), source })
    }
}

/// The records that `kafka-storage format` wants a new log to start with (`bootstrap.checkpoint`), where it left some.
pub(crate) fn read_bootstrap(log_dir: &Path) -> Result<Option<Vec<Bytes>>, Error> {
    let path = log_dir.join("bootstrap.checkpoint");
    match fs::read(&path) {
        Ok(bytes) => parse(&bytes.into(), &path, Some((0, 0))).map(|(_, records)| Some(records)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", &path)(e)),
    }
}

fn read_all(file: &File) -> std::io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes.into())
}

fn write_batches(
    covers: &Covers,
    records: SnapshotRecords,
    now_ms: i64,
    mut write: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let epoch = covers.epoch();
    let mut header = vec![control::snapshot_header(&covers.header())?];
    if let Some(stored) = &covers.membership {
        header.push(control::kraft_version()?);
        header.push(control::voters(stored.membership(), *stored.log_id())?);
    }
    write(&codec::control_batch(&header, Offset::ZERO, epoch, now_ms)?)?;
    let mut next = Offset(header.len() as i64);
    let mut records = records.peekable();
    while records.peek().is_some() {
        let mut batch = DataBatch::new(next, epoch, covers.last_timestamp_ms);
        while let Some(record) = records.next_if(|r| batch.is_empty() || batch.size_with(r) <= BATCH_BYTES) {
            batch.push(&record)?;
        }
        next += i64::from(batch.len());
        write(&batch.build()?)?;
    }
    write(&codec::control_batch(&[control::snapshot_footer()?], next, epoch, now_ms)?)
}

/// Checks a whole snapshot: what it covers, and the framed records. Where it does not say what it covers, `id` does: the
/// end offset and the epoch of its name.
fn parse(bytes: &Bytes, path: &Path, id: Option<(i64, i32)>) -> Result<(Covers, Vec<Bytes>), Error> {
    let mut parser = Parser { id, ..Parser::default() };
    let mut at = 0;
    while at < bytes.len() {
        let step = parser.batch(&bytes.slice(at..));
        at += step.map_err(|damage| Error::corrupt(path, at as u64, damage))?;
    }
    parser.finish().map_err(|damage| Error::corrupt(path, at as u64, damage))
}

#[derive(Default)]
struct Parser {
    id: Option<(i64, i32)>,
    next_offset: i64,
    covers: Option<Covers>,
    values: Vec<Bytes>,
    finished: bool,
}

impl Parser {
    /// Takes the batch at the start of `bytes`; answers its size.
    fn batch(&mut self, bytes: &Bytes) -> Result<usize, Damage> {
        let batch = Batch::parse(bytes)?;
        batch.verify_crc()?;
        let header = batch.header();
        if header.base_offset.get() != self.next_offset || self.finished {
            return Err(Damage::Offset { found: header.base_offset.get(), expected: self.next_offset });
        }
        self.next_offset = header.next_offset().get();
        if !header.attributes.is_control() {
            self.values.append(&mut codec::values(bytes, &batch)?);
        } else if self.covers.is_none() {
            self.covers = Some(covers(&batch, self.id)?);
        } else {
            let is_footer = |(kind, _): &(ControlType, _)| *kind == ControlType::SnapshotFooter;
            self.finished = codec::control_records(&batch)?.iter().any(is_footer);
        }
        Ok(header.size_bytes())
    }

    fn finish(self) -> Result<(Covers, Vec<Bytes>), Damage> {
        if !self.finished {
            return Err(Damage::Incomplete { missing: "the footer of a snapshot" });
        }
        let covers = self.covers.ok_or(Damage::Incomplete { missing: "the header of a snapshot" })?;
        Ok((covers, self.values))
    }
}

/// What the first batch of a snapshot says.
fn covers(batch: &Batch<'_>, id: Option<(i64, i32)>) -> Result<Covers, Damage> {
    let (mut header, mut voters) = (None, None);
    for (kind, value) in codec::control_records(batch)? {
        match kind {
            ControlType::SnapshotHeader => header = Some(control::read_snapshot_header(&value)?),
            ControlType::KRaftVoters => voters = Some(control::read_voters(&value)?),
            _ => {}
        }
    }
    let header = header.ok_or(Damage::Incomplete { missing: "the header of a snapshot" })?;
    let (last_log_id, end_offset) = match (header.covers, id) {
        (Some((last_log_id, end_offset)), _) => (Some(last_log_id), end_offset),
        (None, Some((0, _))) => (None, 0),
        (None, Some((end_offset, epoch))) => (Some(log_id(epoch, end_offset as u64 - 1)), end_offset),
        (None, None) => return Err(Damage::Incomplete { missing: "the index that a snapshot ends with" }),
    };
    Ok(Covers {
        end_offset,
        last_log_id,
        membership: voters.map(|(membership, since)| StoredMembership::new(since, membership)),
        last_timestamp_ms: header.last_timestamp_ms,
    })
}
