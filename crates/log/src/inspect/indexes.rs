//! The comparison of a segment's indexes with its batches, along a walk over those.

use std::path::{Path, PathBuf};

use protocol::records::{BatchHeader, ControlType};
use protocol::{Offset, ProducerId};

use super::files::{self, IndexEntry, TimeEntry};
use super::finding::{Finding, Findings, What};
use super::walk::Damage;
use crate::dir::{Dir, Kind};
use crate::error::{At as _, Error, Result};
use crate::txn_index::AbortedTxn;

/// The indexes of a segment, and how far the walk has come in them. Each says one thing that is wrong with it, no more: the
/// cure is to build it anew.
#[derive(Debug)]
pub(super) struct Indexes {
    segment: Offset,
    positions: Index<IndexEntry>,
    times: Index<TimeEntry>,
    txns: Index<AbortedTxn>,
    last_offset: Option<Offset>,
    max_timestamp: i64,
    /// Abort markers of the segment, not yet matched with the entries.
    markers: Vec<(Offset, ProducerId)>,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
struct Index<E> {
    path: PathBuf,
    entry_bytes: u64,
    /// `None`: there is no file, or nothing more is to be said of it.
    entries: Option<Vec<E>>,
    missing: bool,
    at: usize,
    wrong: Option<(u64, String, String)>,
}

impl<E: Copy> Index<E> {
    fn load(
        dir: &Dir,
        segment: Offset,
        kind: Kind,
        entry_bytes: u64,
        read: impl FnOnce(&Path) -> Result<Vec<E>>,
    ) -> Result<Self> {
        let path = dir.file(segment, kind);
        let mut index = Self { path, entry_bytes, entries: None, missing: false, at: 0, wrong: None };
        match read(&index.path) {
            Ok(entries) => index.entries = Some(entries),
            Err(error) if error.is_not_found() => index.missing = true,
            Err(Error::Corrupt { position, found, expected, .. }) => {
                index.wrong = Some((position, found, expected.to_owned()));
            }
            Err(error) => return Err(error),
        }
        Ok(index)
    }

    fn next(&self) -> Option<E> {
        self.entries.as_ref()?.get(self.at).copied()
    }

    /// The entry is as it should be.
    const fn pass(&mut self) {
        self.at += 1;
    }

    /// It is not.
    fn wrong(&mut self, found: String, expected: impl Into<String>) {
        self.wrong = Some((self.at as u64 * self.entry_bytes, found, expected.into()));
        self.entries = None;
    }

    fn check_order(&mut self, grows: impl Fn(&E, &E) -> bool, show: impl Fn(&E) -> String) {
        let Some(entries) = &self.entries else { return };
        if let Some(at) = entries.windows(2).position(|pair| !grows(&pair[0], &pair[1])) {
            let found = format!("{} after {}", show(&entries[at + 1]), show(&entries[at]));
            self.at = at + 1;
            self.wrong(found, "entries that grow");
        }
    }

    fn must_exist(&mut self) {
        if self.missing {
            self.wrong("no file".to_owned(), "an index of the segment");
        }
    }

    fn report(self, findings: &mut Findings, what: What, before: bool) {
        if let Some((position, found, expected)) = self.wrong {
            findings.add(Finding::new(&self.path, position, found, expected, what, before));
        }
    }
}

impl Indexes {
    pub(super) fn load(dir: &Dir, segment: Offset) -> Result<Self> {
        let disk = &*dir.disk;
        let mut positions =
            Index::load(dir, segment, Kind::OffsetIndex, 8, |path| files::offset_index(disk, path, segment))?;
        positions.check_order(
            |a, b| a.offset < b.offset && a.position < b.position,
            |entry| format!("offset {} at position {}", entry.offset, entry.position),
        );
        let mut times =
            Index::load(dir, segment, Kind::TimeIndex, 12, |path| files::time_index(disk, path, segment))?;
        times.check_order(
            |a, b| a.timestamp < b.timestamp && a.offset <= b.offset,
            |entry| format!("timestamp {} at offset {}", entry.timestamp, entry.offset),
        );
        let txns =
            Index::load(dir, segment, Kind::TxnIndex, 34, |path| files::txn_index(disk, path, segment))?;
        let (mut files, mut bytes) = (0, 0);
        for path in [&positions.path, &times.path, &txns.path] {
            if let Some(stat) = disk.stat(path).at("look at", path)? {
                files += 1;
                bytes += stat.len;
            }
        }
        Ok(Self {
            segment,
            positions,
            times,
            txns,
            last_offset: None,
            max_timestamp: -1,
            markers: Vec::new(),
            files,
            bytes,
        })
    }

    /// The walk is at a batch; `marker` is the type of its first record, where it is a control batch.
    pub(super) fn batch(&mut self, position: u64, header: &BatchHeader, marker: Option<ControlType>) {
        self.check_position(position, header);
        self.check_times(header);
        if marker == Some(ControlType::Abort) {
            self.markers.push((header.base_offset, header.producer_id));
        }
        self.last_offset = Some(header.last_offset());
    }

    /// A look-up of an offset finds the last entry up to it, and reads on from there.
    fn check_position(&mut self, position: u64, header: &BatchHeader) {
        let Some(entry) = self.positions.next() else { return };
        let at = u64::from(entry.position);
        let show = || format!("offset {} at position {at}", entry.offset);
        if at < position {
            self.positions.wrong(show(), "the position of a batch");
        } else if at == position {
            let follows = self.last_offset.is_none_or(|last| last < entry.offset);
            if header.base_offset <= entry.offset && follows {
                self.positions.pass();
            } else {
                let found = format!("{}, where the batch has {}", show(), header.base_offset);
                self.positions.wrong(found, "an offset from that batch on");
            }
        }
    }

    /// A look-up of a time finds the last entry up to it, and takes for given that no record before has a later one.
    fn check_times(&mut self, header: &BatchHeader) {
        self.settle_times(header.base_offset);
        if let Some(entry) = self.times.next()
            && header.max_timestamp > entry.timestamp
            && header.base_offset <= entry.offset
        {
            let found = format!("timestamp {} at offset {}", entry.timestamp, entry.offset);
            self.times
                .wrong(found, format!("at least {}, of offset {}", header.max_timestamp, header.base_offset));
        }
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    /// The entries before an offset are done with: each is the greatest timestamp up to its offset.
    fn settle_times(&mut self, before: Offset) {
        while let Some(entry) = self.times.next().filter(|entry| entry.offset < before) {
            // An empty segment's only entry says that there is nothing.
            if entry.timestamp == self.max_timestamp || entry.timestamp < 0 {
                self.times.pass();
            } else {
                let found = format!("timestamp {} at offset {}", entry.timestamp, entry.offset);
                self.times.wrong(found, format!("{}, the greatest up to there", self.max_timestamp));
            }
        }
    }

    /// The walk has passed bytes that are no batch: what the indexes say of them is as good as anything.
    pub(super) fn damage(&mut self, damage: &Damage) {
        let end = damage.position + damage.bytes;
        while self.positions.next().is_some_and(|entry| u64::from(entry.position) < end) {
            self.positions.pass();
        }
        // The greatest timestamp may have been there.
        self.times.entries = None;
        self.last_offset = damage.next_offset.map(|next| next + -1).or(self.last_offset);
    }

    /// The walk is at the end of the segment, which is complete or not.
    pub(super) fn finish(mut self, findings: &mut Findings, log_bytes: u64, complete: bool, before: bool) {
        if let Some(entry) = self.positions.next() {
            let found = format!("offset {} at position {}", entry.offset, entry.position);
            self.positions.wrong(found, format!("a position before the end of the segment, {log_bytes}"));
        }
        let end = self.last_offset.map_or(self.segment, |last| last + 1);
        self.settle_times(end);
        if let Some(entry) = self.times.next()
            && (self.last_offset.is_some() || entry.timestamp >= 0 && entry.offset > self.segment)
        {
            let found = format!("timestamp {} at offset {}", entry.timestamp, entry.offset);
            self.times.wrong(found, format!("an offset before the end of the segment, {end}"));
        }
        self.check_transactions();
        if complete && log_bytes > 0 {
            self.positions.must_exist();
            self.times.must_exist();
        }
        self.positions.report(findings, What::Index { segment: self.segment }, before);
        self.times.report(findings, What::Index { segment: self.segment }, before);
        self.txns.report(findings, What::TxnIndex { segment: self.segment }, before);
    }

    fn check_transactions(&mut self) {
        while let Some(txn) = self.txns.next() {
            let marker = self.markers.binary_search(&(txn.last_offset, txn.producer_id));
            if marker.is_ok() && txn.first_offset < txn.last_offset {
                self.txns.pass();
            } else {
                let (id, first, last) = (txn.producer_id, txn.first_offset, txn.last_offset);
                let found = format!("a transaction of producer {id} from {first} to {last}");
                self.txns.wrong(found, "one that an abort marker at its last offset ends");
            }
        }
    }
}
