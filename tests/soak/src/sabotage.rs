//! Damage that no node survives, done while it is down: the checker has to find each, or it would find nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check::Rule;
use crate::error::Error;

/// Does every damage to a node's data; what each is, and the rule that it must be found to violate.
pub(crate) fn damage(data: &Path) -> Result<Vec<(&'static str, Rule)>, Error> {
    let mut done = vec![];
    let mut note = |did: bool, how, rule| {
        if did {
            done.push((how, rule));
        }
    };
    note(cut(&data.join("steady-0"))?, "the end of steady-0 is cut off", Rule::Lost);
    note(double(&data.join("steady-1"))?, "a batch of steady-1 is there once more", Rule::Duplicated);
    note(swap(&data.join("steady-2"))?, "two batches of steady-2 are swapped", Rule::Reordered);
    note(forget_commits(data)?, "__consumer_offsets is emptied", Rule::CommitMovedBack);
    note(undelete(data)?, "the log start of trimmed is set back to 0", Rule::StartMovedBack);
    Ok(done)
}

/// One batch in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Batch {
    from: usize,
    to: usize,
    base_offset: i64,
    records: i64,
    producer_id: i64,
}

/// The batches of a segment, as far as they are whole: base offset at 0, length at 8, last offset delta at 23, producer
/// id at 43.
fn batches(bytes: &[u8]) -> Vec<Batch> {
    let mut all = vec![];
    let mut from = 0;
    while let Some(batch) = batch_at(bytes, from) {
        from = batch.to;
        all.push(batch);
    }
    all
}

fn batch_at(bytes: &[u8], from: usize) -> Option<Batch> {
    let rest = bytes.get(from..)?;
    let long = |at: usize| Some(i64::from_be_bytes(rest.get(at..at + 8)?.try_into().ok()?));
    let int = |at: usize| Some(i32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    let to = from + 12 + usize::try_from(int(8)?).ok()?;
    let batch =
        Batch { from, to, base_offset: long(0)?, records: i64::from(int(23)?) + 1, producer_id: long(43)? };
    (to <= bytes.len()).then_some(batch)
}

/// The newest segment of a partition that holds anything. Its index files go: the node makes them anew.
fn segment(partition: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
    let mut segments = files(partition, ".log")?;
    segments.sort();
    for path in segments.into_iter().rev() {
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        if !bytes.is_empty() {
            for index in ["index", "timeindex"] {
                let _ = fs::remove_file(path.with_extension(index));
            }
            return Ok(Some((path, bytes)));
        }
    }
    Ok(None)
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    Ok(found)
}

fn cut(partition: &Path) -> Result<bool, Error> {
    let Some((path, bytes)) = segment(partition)? else { return Ok(false) };
    let all = batches(&bytes);
    let Some(batch) = all.get(all.len() / 2) else { return Ok(false) };
    fs::write(&path, bytes.get(..batch.from).unwrap_or_default()).map_err(Error::file(&path))?;
    Ok(true)
}

fn double(partition: &Path) -> Result<bool, Error> {
    let Some((path, mut bytes)) = segment(partition)? else { return Ok(false) };
    let all = batches(&bytes);
    let idempotent = all.iter().rfind(|batch| batch.producer_id >= 0);
    let (Some(batch), Some(last)) = (idempotent, all.last()) else { return Ok(false) };
    bytes.truncate(last.to);
    let copy = placed(&bytes, batch, last.base_offset + last.records);
    bytes.extend(copy);
    fs::write(&path, bytes).map_err(Error::file(&path))?;
    Ok(true)
}

/// The last two batches of one idempotent producer with no other between them.
fn swap(partition: &Path) -> Result<bool, Error> {
    let Some((path, mut bytes)) = segment(partition)? else { return Ok(false) };
    let all = batches(&bytes);
    let neighbours =
        all.windows(2).rfind(|two| two[0].producer_id >= 0 && two[0].producer_id == two[1].producer_id);
    let Some([first, second]) = neighbours else { return Ok(false) };
    let mut swapped = placed(&bytes, second, first.base_offset);
    swapped.extend(placed(&bytes, first, first.base_offset + second.records));
    bytes.splice(first.from..second.to, swapped);
    fs::write(&path, bytes).map_err(Error::file(&path))?;
    Ok(true)
}

/// A batch at another offset, which its checksum does not cover.
fn placed(bytes: &[u8], batch: &Batch, base_offset: i64) -> Vec<u8> {
    let mut copy = base_offset.to_be_bytes().to_vec();
    copy.extend(bytes.get(batch.from + 8..batch.to).unwrap_or_default());
    copy
}

fn forget_commits(data: &Path) -> Result<bool, Error> {
    let mut any = false;
    for entry in fs::read_dir(data).map_err(Error::file(data))? {
        let folder = entry.map_err(Error::file(data))?.path();
        if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("__consumer_offsets-")) {
            for path in files(&folder, "log")?.into_iter().chain(files(&folder, "index")?) {
                fs::remove_file(&path).map_err(Error::file(&path))?;
                any = true;
            }
        }
    }
    Ok(any)
}

fn undelete(data: &Path) -> Result<bool, Error> {
    let path = data.join("log-start-offset-checkpoint");
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let mut any = false;
    let lines = text.lines().map(|line| match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["trimmed", partition, offset] if *offset != "0" => {
            any = true;
            format!("trimmed {partition} 0\n")
        }
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    fs::write(&path, text).map_err(Error::file(&path))?;
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(base_offset: i64, records: i32, producer_id: i64) -> Vec<u8> {
        let mut bytes = base_offset.to_be_bytes().to_vec();
        bytes.extend(60_i32.to_be_bytes());
        bytes.resize(72, base_offset as u8);
        bytes[23..27].copy_from_slice(&(records - 1).to_be_bytes());
        bytes[43..51].copy_from_slice(&producer_id.to_be_bytes());
        bytes
    }

    /// What a partition's batches are after a damage: (base offset, records, producer id).
    #[track_caller]
    fn check(
        before: &[(i64, i32, i64)],
        damage: fn(&Path) -> Result<bool, Error>,
        expect: &[(i64, i64, i64)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> =
            before.iter().flat_map(|(offset, records, id)| batch(*offset, *records, *id)).collect();
        let path = folder.path().join("00000000000000000000.log");
        fs::write(&path, bytes).unwrap();
        fs::write(folder.path().join("00000000000000000009.log"), "").unwrap();
        assert_eq!(damage(folder.path()).unwrap(), !expect.is_empty());
        let found = batches(&fs::read(&path).unwrap());
        let found: Vec<_> = found.iter().map(|b| (b.base_offset, b.records, b.producer_id)).collect();
        if !expect.is_empty() {
            assert_eq!(found, expect);
        }
    }

    #[test]
    fn damages() {
        check(&[(0, 2, -1), (2, 3, 5), (5, 1, -1), (6, 1, 7)], cut, &[(0, 2, -1), (2, 3, 5)]);
        check(&[(0, 2, -1), (2, 3, 5), (5, 1, -1)], double, &[(0, 2, -1), (2, 3, 5), (5, 1, -1), (6, 3, 5)]);
        check(&[(0, 2, -1)], double, &[]);
        check(&[(0, 2, 5), (2, 3, 5), (5, 1, 7)], swap, &[(0, 3, 5), (3, 2, 5), (5, 1, 7)]);
        check(&[(0, 2, 5), (2, 3, 7), (5, 1, 5)], swap, &[]);
    }
}
