//! Files and directories: made durable, with the path in every error.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::error::Error;

/// Makes the entries of a directory durable: files created, renamed and deleted in it.
pub(super) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(Error::io("sync", dir))
}

/// Writes a whole file so that, whenever we crash, either what was there or the new contents are there.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut std::io::BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    let part = path.with_added_extension("part");
    let file = File::create(&part).map_err(Error::io("create", &part))?;
    let mut out = std::io::BufWriter::with_capacity(64 * 1024, file);
    write(&mut out)?;
    out.flush().map_err(Error::io("write", &part))?;
    out.get_ref().sync_all().map_err(Error::io("sync", &part))?;
    drop(out);
    fs::rename(&part, path).map_err(Error::io("rename", &part))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Deletes a file that nobody needs. Its directory entry may come back after a crash; those who open know that.
pub(super) fn delete(path: &Path) -> Result<(), Error> {
    fs::remove_file(path).map_err(Error::io("delete", path))
}

/// The names in a directory, in order.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, Error> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let mut names = read().map_err(Error::io("list", dir))?;
    names.sort();
    Ok(names)
}
