//! What an earlier process has written is checked before it is read the first time: a byte that the disk has changed is
//! told with its place, and never sent.

use std::path::{Path, PathBuf};

use log::disk::Disk as _;
use log::disk::sim::SimDisk;
use log::{Error, FetchRead, Log, Source};
use protocol::Offset;
use protocol::records::{BatchHeader, batches};

use crate::support::*;

/// The crc covers a batch from its attributes on.
const COVERED: usize = 21;

/// A log that was closed, and its segments with their bytes.
fn closed() -> (SimDisk, Vec<(PathBuf, Vec<u8>)>) {
    let (disk, mut log) = new_log(small());
    for _ in 0..20 {
        append(&mut log, plain(2));
    }
    log.close().unwrap();
    let names = files(&disk).into_iter().filter(|name| name.ends_with(".log"));
    let segments = names.map(|name| {
        let path = Path::new(DIR).join(name);
        let file = disk.open(&path, false).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        (path, bytes)
    });
    let segments = segments.collect();
    (disk, segments)
}

fn flip(disk: &SimDisk, path: &Path, at: usize) {
    let file = disk.open(path, false).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, at as u64).unwrap();
    file.write_at(&[byte[0] ^ 0x40], at as u64).unwrap();
}

/// As a fetch reads: from memory, and what is missing is loaded apart.
fn fetch(log: &Log, offset: Offset, max_bytes: u64) -> log::Result<FetchRead> {
    loop {
        match log.read_from(Source::PageCache, offset, max_bytes, true, log.log_end_offset()) {
            Err(Error::NotCached(missing)) => missing.load(),
            found => return found,
        }
    }
}

#[test]
fn no_changed_byte_is_sent() {
    let (disk, segments) = closed();
    assert!(segments.len() > 3);
    let written = |read: &FetchRead| {
        let expect = segments.iter().any(|(_, all)| {
            let bytes = bytes(read);
            all.windows(bytes.len().max(1)).any(|window| window == bytes)
        });
        assert!(expect || read.ranges.len() != 1, "what was never written");
        spans(read)
    };
    for (path, all) in &segments {
        let mut position = 0;
        for batch in batches(all) {
            let header = *batch.unwrap().header();
            let size = header.size_bytes();
            // Every byte of the header that counts, and every seventh of the rest.
            let places = (COVERED..size).filter(|at| *at < BatchHeader::SIZE_BYTES || at % 7 == 0);
            for at in places {
                flip(&disk, path, position + at);
                // The last batch says where the log ends.
                if let Ok((log, _)) = try_open(&disk, small(), CLEAN) {
                    let (base, end) = (header.base_offset.get(), log.log_end_offset().get().min(40));
                    for offset in (0..end).step_by(2) {
                        let found = if at % 2 == 0 {
                            fetch(&log, Offset(offset), 1)
                        } else {
                            log.read(Offset(offset), 1, true, log.log_end_offset())
                        };
                        match found {
                            Ok(read) => {
                                assert_ne!(offset, base, "byte {at}");
                                assert_eq!(written(&read), [(offset, offset + 1)]);
                            }
                            Err(Error::Corrupt { path: told, position: place, .. }) => {
                                assert_eq!(
                                    (&told, place),
                                    (path, position as u64),
                                    "offset {offset}, byte {at}"
                                );
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    // What lies before it is read in one go.
                    if base > 0 && end == 40 {
                        let read = fetch(&log, Offset(0), u64::MAX).unwrap();
                        let expect: Vec<_> = (0..base).step_by(2).map(|first| (first, first + 1)).collect();
                        assert_eq!(spans(&read), expect);
                        assert_eq!(read.next_offset, Offset(base));
                    }
                }
                flip(&disk, path, position + at);
            }
            position += size;
        }
    }
}

#[test]
fn each_batch_is_checked_once() {
    let (disk, segments) = closed();
    let log = open(&disk, small(), CLEAN);
    assert_eq!(everything(&log).len(), 20);
    // Nobody looks again: what changes now, it takes the next process to see.
    flip(&disk, &segments[0].0, 70);
    let read = fetch(&log, Offset(0), u64::MAX).unwrap();
    assert_eq!(read.next_offset, Offset(40));
    let log = open(&disk, small(), CLEAN);
    assert!(matches!(fetch(&log, Offset(0), u64::MAX), Err(Error::Corrupt { position: 0, .. })));
}

#[test]
fn what_is_written_after_a_cut_is_not_taken_for_what_was_there() {
    let (disk, segments) = closed();
    let (path, bytes) = segments.last().unwrap();
    flip(&disk, path, bytes.len() - 1);
    let mut log = open(&disk, small(), CLEAN);
    assert!(matches!(fetch(&log, Offset(38), 1), Err(Error::Corrupt { .. })));
    log.truncate_to(Offset(38), NOW).unwrap();
    append(&mut log, plain(3));
    assert_eq!(spans(&fetch(&log, Offset(38), 1).unwrap()), [(38, 40)]);
    assert_eq!(everything(&log).len(), 20);
}
