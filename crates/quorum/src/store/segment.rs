//! One segment file of the log, and what a start finds in it.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use openraft::entry::EntryPayload;
use protocol::records::{Batch, BatchHeader};

use crate::codec;
use crate::error::{Damage, Error};
use crate::types::NodeId;

/// A segment: `%020d.log`, named after the offset of its first record.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base_offset: i64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) size_bytes: u64,
}

impl Segment {
    /// The base offset in the name of a segment file.
    pub(super) fn base_offset_of(name: &str) -> Option<i64> {
        let digits =
            name.strip_suffix(".log").filter(|d| d.len() == 20 && d.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok()
    }

    /// Creates an empty segment, or opens the one that is there. A new one is in its directory for good only once that
    /// is synced.
    pub(super) fn open(dir: &Path, base_offset: i64) -> Result<Self, Error> {
        let path = dir.join(format!("{base_offset:020}.log"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        let size_bytes = file.metadata().map_err(Error::io("read the size of", &path))?.len();
        Ok(Self { base_offset, path, file: Arc::new(file), size_bytes })
    }

    /// Writes at the end, into the page cache.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(bytes, self.size_bytes).map_err(Error::io("write", &self.path))?;
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }

    /// Cuts the end off, durably.
    pub(super) fn truncate(&mut self, size_bytes: u64) -> Result<(), Error> {
        let cut = || self.file.set_len(size_bytes).and_then(|()| self.file.sync_all());
        cut().map_err(Error::io("truncate", &self.path))?;
        self.size_bytes = size_bytes;
        Ok(())
    }

    /// The bytes of one batch.
    pub(super) fn read(&self, at: u64, size_bytes: u32) -> Result<Bytes, Error> {
        let mut bytes = vec![0; size_bytes as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(Error::io("read", &self.path))?;
        Ok(bytes.into())
    }

    /// Every batch of the file, each to follow the one before it from `next_offset` and `epoch` on.
    ///
    /// Ends at the first that does not. That is the torn tail of an append that was never acknowledged if nothing
    /// whole comes after it: then the file is cut there. Otherwise, and in any segment but the `last`, it is damage.
    pub(super) fn recover(&mut self, epoch: &mut i32, last: bool) -> Result<Vec<Found>, Error> {
        let bytes = Bytes::from(fs::read(&self.path).map_err(Error::io("read", &self.path))?);
        let mut found = Vec::new();
        let (mut at, mut next_offset) = (0, self.base_offset);
        while at < bytes.len() {
            match follows(&bytes.slice(at..), next_offset, *epoch) {
                Ok(next) => {
                    let header = next.header;
                    found.push(Found { at: at as u64, ..next });
                    (at, next_offset) = (at + header.size_bytes(), header.next_offset().get());
                    *epoch = header.partition_leader_epoch.get();
                }
                Err(damage) if !last || !can_be_torn(&damage) || batch_after(&bytes[at..], next_offset) => {
                    return Err(Error::corrupt(&self.path, at as u64, damage));
                }
                Err(damage) => {
                    tracing::warn!(
                        path = %self.path.display(), position = at, bytes = bytes.len() - at, %damage,
                        "cut the torn end of an append that was never acknowledged"
                    );
                    self.truncate(at as u64)?;
                    break;
                }
            }
        }
        Ok(found)
    }
}

/// A batch that a start found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: u64,
    pub(super) header: BatchHeader,
    /// The voters, where the batch names them.
    pub(super) voters: Option<BTreeSet<NodeId>>,
    /// Whether it is a membership: the voters are in the log.
    pub(super) is_membership: bool,
}

/// The batch at the start of `bytes`, which must be whole and follow the one before it. Where it is, is not told.
fn follows(bytes: &Bytes, next_offset: i64, epoch: i32) -> Result<Found, Damage> {
    let batch = Batch::parse(bytes)?;
    let header = *batch.header();
    if header.base_offset.get() != next_offset {
        return Err(Damage::Offset { found: header.base_offset.get(), expected: next_offset });
    }
    if header.partition_leader_epoch.get() < epoch {
        return Err(Damage::Epoch { found: header.partition_leader_epoch.get(), previous: epoch });
    }
    let entry = codec::decode(0, bytes.slice(..header.size_bytes()))?;
    let voters = if header.attributes.is_control() { codec::named_voters(&batch)? } else { None };
    Ok(Found { at: 0, header, voters, is_membership: matches!(entry.payload, EntryPayload::Membership(_)) })
}

/// Whether an append that never ended can look like this. The crc does not cover the base offset: where the crc fits
/// and the offset does not, a tear has lost the sector with the first of the offset's bytes and no more.
fn can_be_torn(damage: &Damage) -> bool {
    match damage {
        Damage::Offset { found, expected } => (0..8).any(|kept| *found == expected & ((1 << (8 * kept)) - 1)),
        Damage::Batch(_) => true,
        Damage::Epoch { .. }
        | Damage::Decode(_)
        | Damage::Control { .. }
        | Damage::Incomplete { .. }
        | Damage::Json(_)
        | Damage::Gap { .. } => false,
    }
}

/// Whether a whole batch of later offsets lies anywhere after the start of `bytes`. An append is durable before the
/// next one starts, so then the batch at the start was durable, and may have been acknowledged.
fn batch_after(bytes: &[u8], offset: i64) -> bool {
    (1..bytes.len()).any(|at| {
        Batch::parse(&bytes[at..]).is_ok_and(|batch| {
            let later = batch.header().base_offset.get() > offset;
            later && batch.verify_crc().is_ok()
        })
    })
}
