//! A history on disk: a folder of files, one a writer, each event written as it happens. A process that is killed may
//! leave half a line at its file's end: what was not written whole has not happened.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::event::{Event, Micros, Op, Outcome, What, now};

/// Writes the events of one client, without a buffer: they outlive the process.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    by: String,
    next_id: u64,
}

impl Journal {
    /// Of the writer `by` in the folder of a history.
    pub(crate) fn create(folder: &Path, by: &str) -> Result<Self, Error> {
        let path = folder.join(format!("{by}.jsonl"));
        let file = File::options().create(true).append(true).open(&path).map_err(Error::file(&path))?;
        Ok(Self { file, path, by: by.to_owned(), next_id: 0 })
    }

    /// Writes an event of just now.
    pub(crate) fn write(&mut self, what: What) -> Result<Micros, Error> {
        let at = now();
        let mut line = serde_json::to_vec(&Event { at, by: self.by.clone(), what })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(Error::file(&self.path))?;
        Ok(at)
    }

    /// Writes that an operation begins; its id.
    pub(crate) fn begin(&mut self, op: Op) -> Result<u64, Error> {
        self.next_id += 1;
        self.write(What::Began { id: self.next_id, op })?;
        Ok(self.next_id)
    }

    /// Writes how it ended.
    pub(crate) fn end(&mut self, id: u64, outcome: Outcome) -> Result<Micros, Error> {
        self.write(What::Ended { id, outcome })
    }
}

/// Reads a history while it is written.
pub(crate) struct Tail {
    folder: PathBuf,
    files: BTreeMap<PathBuf, Place>,
    events: Vec<Event>,
}

/// How far a file is read.
#[derive(Default)]
struct Place {
    position: u64,
    line: usize,
}

impl Tail {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new(), events: vec![] }
    }

    /// Reads what was written since; the new events, those of one writer in their order.
    pub(crate) fn read(&mut self) -> Result<&[Event], Error> {
        let known = self.events.len();
        for entry in fs::read_dir(&self.folder).map_err(Error::file(&self.folder))? {
            let path = entry.map_err(Error::file(&self.folder))?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let place = self.files.entry(path.clone()).or_default();
                read_on(&path, place, &mut self.events)?;
            }
        }
        Ok(self.events.get(known..).unwrap_or_default())
    }

    /// All events in the order of time.
    pub(crate) fn finish(mut self) -> Result<Vec<Event>, Error> {
        self.read()?;
        self.events.sort_by_key(|event| event.at);
        if self.events.is_empty() { Err(Error::NoHistory(self.folder)) } else { Ok(self.events) }
    }
}

fn read_on(path: &Path, place: &mut Place, events: &mut Vec<Event>) -> Result<(), Error> {
    let mut file = File::open(path).map_err(Error::file(path))?;
    file.seek(SeekFrom::Start(place.position)).map_err(Error::file(path))?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes).map_err(Error::file(path))?;
    for line in bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        place.line += 1;
        let event = serde_json::from_slice(line);
        let wrong = |source| Error::History { path: path.to_owned(), line: place.line, source };
        events.push(event.map_err(wrong)?);
        place.position += line.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_half_a_line_waits() {
        let folder = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(folder.path());
        assert!(tail.read().unwrap().is_empty());
        let mut a = Journal::create(folder.path(), "a").unwrap();
        let mut b = Journal::create(folder.path(), "b").unwrap();
        a.write(What::NodeSpawned).unwrap();
        let id = b.begin(Op::Bounds).unwrap();
        assert_eq!(tail.read().unwrap().len(), 2);
        b.end(id, Outcome::Done).unwrap();
        a.file.write_all(br#"{"at":1,"by":"a","#).unwrap();
        assert_eq!(tail.read().unwrap().len(), 1);
        a.file.write_all(b"\"event\":\"node_ready\"}\n").unwrap();
        assert_eq!(tail.read().unwrap()[0].what, What::NodeReady);
        a.file.write_all(b"{\"at\":").unwrap();
        // In the order of time: that event says it was the first.
        let all = tail.finish().unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].what, What::NodeReady);
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.jsonl"), "{\"at\":1,\"by\":\"x\",\"event\":\"node_ready\"}\n{}\n")
            .unwrap();
        let error = Tail::new(folder.path()).finish().unwrap_err().to_string();
        assert!(error.contains("x.jsonl line 2"), "{error}");
        fs::write(folder.path().join("x.jsonl"), "").unwrap();
        assert!(matches!(Tail::new(folder.path()).finish(), Err(Error::NoHistory(_))));
    }
}
