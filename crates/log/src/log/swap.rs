//! What an interrupted cleaning has left in a directory: see the table in [`crate::clean`]. Apache Kafka's too.

use std::collections::BTreeSet;

use protocol::Offset;

use crate::clean::{CLEANED, SWAP};
use crate::dir::{Dir, Kind, parse_name};
use crate::error::{At as _, Result, corrupt};
use crate::scan::Scanner;
use crate::segment::MAX_SEGMENT_BYTES;

/// Gives up the cleaned segments that were not whole, and puts the others in their place. Answers how many files are gone.
pub(super) fn finish(dir: &Dir) -> Result<usize> {
    let mut removed = 0;
    let (mut cleaned, mut swaps) = (BTreeSet::new(), BTreeSet::new());
    for entry in dir.disk.list(&dir.path).at("list", &dir.path)? {
        let part = |suffix| entry.name.strip_suffix(suffix).and_then(parse_name);
        cleaned.extend(part(CLEANED));
        swaps.extend(part(SWAP));
    }
    let unfinished = cleaned.first().map(|(base, _)| *base);
    // While a `.cleaned` is there, what was renamed already does not count. It goes last, so that this can be begun anew.
    let given_up: Vec<_> =
        swaps.iter().copied().filter(|(base, _)| unfinished.is_some_and(|from| *base >= from)).collect();
    for (base, kind) in given_up {
        swaps.remove(&(base, kind));
        dir.remove(&dir.with_suffix(SWAP).file(base, kind))?;
        removed += 1;
    }
    for (base, kind) in cleaned {
        dir.remove(&dir.with_suffix(CLEANED).file(base, kind))?;
        removed += 1;
    }
    for (base, _) in swaps.iter().filter(|(_, kind)| *kind == Kind::Log) {
        removed += remove_old(dir, *base, end_of(dir, *base)?)?;
        dir.with_suffix(SWAP).rename(*base, Kind::Log, "")?;
    }
    for (base, kind) in swaps {
        dir.with_suffix(SWAP).rename(base, kind, "")?;
    }
    Ok(removed)
}

/// The offset after the last batch of a segment that waits to be in place.
fn end_of(dir: &Dir, base: Offset) -> Result<Offset> {
    let path = dir.with_suffix(SWAP).file(base, Kind::Log);
    let file = dir.open(&path, false)?;
    let len = file.len().at("read the length of", &path)?;
    if len > MAX_SEGMENT_BYTES.into() {
        return Err(corrupt(&path, 0, format!("{len} bytes"), "at most 2 GiB"));
    }
    let mut walk = Scanner::headers(file, path, 0, len as u32);
    let mut end = base;
    while let Some(found) = walk.next()? {
        end = found.header.next_offset();
    }
    Ok(end)
}

/// Removes the segments that a cleaned one replaces.
fn remove_old(dir: &Dir, base: Offset, end: Offset) -> Result<usize> {
    let mut removed = 0;
    for entry in dir.disk.list(&dir.path).at("list", &dir.path)? {
        let Some((old, kind)) = parse_name(&entry.name) else { continue };
        if kind != Kind::Snapshot && (old == base || (base..end).contains(&old)) {
            dir.remove(&dir.path.join(&entry.name))?;
            removed += 1;
        }
    }
    Ok(removed)
}
