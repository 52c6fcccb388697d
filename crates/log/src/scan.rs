//! The walk over the batches of a segment's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::records::{Batch, BatchHeader, Error as BatchError};

use crate::access::Source;
use crate::disk::DiskFile;
use crate::error::{At as _, Error, Result, corrupt};

/// For walks that look at headers: about the distance of two index entries.
const HEADERS_CHUNK_BYTES: usize = 4096;
/// For walks that read everything.
const BATCHES_CHUNK_BYTES: usize = 256 * 1024;

/// A batch that the walk has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) position: u32,
    pub(crate) header: BatchHeader,
}

impl Found {
    /// Where the next batch begins. Fits: the batch is within a file whose end does.
    pub(crate) const fn end(&self) -> u32 {
        self.position + self.header.size_bytes() as u32
    }
}

/// Walks from one batch to the next, from `position` to `end`.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn DiskFile>,
    source: Source,
    path: PathBuf,
    position: u32,
    end: u32,
    chunk_bytes: usize,
    buf: Vec<u8>,
    buf_position: u32,
}

impl Scanner {
    /// A walk that jumps from header to header.
    pub(crate) const fn headers(file: Arc<dyn DiskFile>, path: PathBuf, position: u32, end: u32) -> Self {
        Self::new(file, path, position, end, HEADERS_CHUNK_BYTES)
    }

    /// A walk that reads whole batches.
    pub(crate) const fn batches(file: Arc<dyn DiskFile>, path: PathBuf, position: u32, end: u32) -> Self {
        Self::new(file, path, position, end, BATCHES_CHUNK_BYTES)
    }

    const fn new(
        file: Arc<dyn DiskFile>,
        path: PathBuf,
        position: u32,
        end: u32,
        chunk_bytes: usize,
    ) -> Self {
        let source = Source::Disk;
        Self { file, source, path, position, end, chunk_bytes, buf: Vec::new(), buf_position: 0 }
    }

    /// The same walk, which takes its bytes from there.
    pub(crate) const fn from(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// A walk over the same file from another position on.
    pub(crate) fn at(&self, position: u32) -> Self {
        Self::new(self.file.clone(), self.path.clone(), position, self.end, self.chunk_bytes)
    }

    /// Bytes of the file as they are; fewer at its end.
    pub(crate) fn read_raw(&self, buf: &mut [u8], position: u32) -> Result<usize> {
        self.file.read_at(buf, position.into()).at("read", &self.path)
    }

    /// Where the next batch begins.
    pub(crate) const fn position(&self) -> u32 {
        self.position
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next batch. `None` at the end; [`Error::Corrupt`] where no whole batch begins, also if the walk goes on.
    pub(crate) fn next(&mut self) -> Result<Option<Found>> {
        if self.position >= self.end {
            return Ok(None);
        }
        let position = self.position;
        let left = (self.end - position) as usize;
        let bytes = self.bytes(position, BatchHeader::SIZE_BYTES.min(left))?;
        let header = BatchHeader::parse(bytes).map_err(|error| self.corrupt(position, &error))?;
        if header.size_bytes() > left {
            let error = BatchError::Truncated { needed: header.size_bytes(), found: left };
            return Err(self.corrupt(position, &error));
        }
        let found = Found { position, header };
        self.position = found.end();
        Ok(Some(found))
    }

    /// All of a batch, crc checked.
    pub(crate) fn verified(&mut self, found: &Found) -> Result<Batch<'_>> {
        let batch = self.batch(found)?;
        if let Err(error) = batch.verify_crc() {
            return Err(corrupt(&self.path, found.position.into(), error.to_string(), "a valid batch"));
        }
        self.batch(found)
    }

    /// All of a batch.
    pub(crate) fn batch(&mut self, found: &Found) -> Result<Batch<'_>> {
        let path = self.path.clone();
        let bytes = self.bytes(found.position, found.header.size_bytes())?;
        Batch::parse(bytes)
            .map_err(|error| corrupt(&path, found.position.into(), error.to_string(), "a valid batch"))
    }

    pub(crate) fn corrupt(&self, position: u32, error: &BatchError) -> Error {
        corrupt(&self.path, position.into(), error.to_string(), "a valid batch")
    }

    fn bytes(&mut self, position: u32, len: usize) -> Result<&[u8]> {
        let have = self.buf_position..self.buf_position + self.buf.len() as u32;
        if position < have.start || position as usize + len > have.end as usize {
            let wanted = len.max(self.chunk_bytes).min((self.end - position) as usize);
            self.buf.resize(wanted, 0);
            let path = &self.path;
            let error = |source| Error::Io { operation: "read", path: path.clone(), source };
            let read = self.source.read_at(&self.file, &mut self.buf, position.into(), error);
            self.buf.truncate(*read.as_ref().unwrap_or(&0));
            let read = read?;
            self.buf_position = position;
            if read < len {
                return Err(corrupt(
                    &self.path,
                    (position as usize + read) as u64,
                    "the end of the file",
                    "a batch",
                ));
            }
        }
        let start = (position - self.buf_position) as usize;
        Ok(&self.buf[start..start + len])
    }
}
