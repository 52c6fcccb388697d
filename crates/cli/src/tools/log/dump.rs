//! `millstream log dump`: what is in the files of a log.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use ::log::checkpoint::MetaProperties;
use ::log::disk::{Disk, ReadOnlyDisk};
use ::log::inspect::files::{self, FileKind};
use ::log::inspect::{BatchWalk, Damage, Step};
use protocol::Offset;
use protocol::compression::Codec;
use protocol::records::{Batch, BatchHeader, Record, TimestampType};
use serde_json::{Map, Value, json};

use super::super::output::{hex, insert, time};
use super::super::{Result, ToolError};
use super::decode::Topic;
use super::{existing, partition_of, print_json};
use crate::args::{Encoding, LogDumpArgs};

/// What a batch may unpack to: the node's own limit by default.
const MAX_DECOMPRESSED_BYTES: usize = 256 << 20;

pub(super) fn run(args: &LogDumpArgs, json: bool) -> Result<()> {
    let disk = ReadOnlyDisk;
    let mut dump = Dump { args, disk, out: BufWriter::new(io::stdout().lock()), json };
    for path in &args.paths {
        let path = existing(path)?;
        if path.is_dir() {
            dump.directory(&path)?;
        } else if let Some(kind) = FileKind::of(&path) {
            dump.file(&path, kind)?;
        } else {
            let text = format!("{}: the name says nothing of what is in the file", path.display());
            return Err(ToolError::Usage(text));
        }
    }
    dump.out.flush()?;
    Ok(())
}

struct Dump<'a> {
    args: &'a LogDumpArgs,
    disk: ReadOnlyDisk,
    out: BufWriter<io::StdoutLock<'static>>,
    json: bool,
}

impl Dump<'_> {
    /// All files whose names say what they are.
    fn directory(&mut self, dir: &Path) -> Result<()> {
        let list = |source| ::log::Error::Io { operation: "list", path: dir.to_owned(), source };
        let mut some = false;
        for entry in self.disk.list(dir).map_err(list)?.iter().filter(|entry| !entry.is_dir) {
            let path = dir.join(&entry.name);
            if let Some(kind) = FileKind::of(&path) {
                some = true;
                self.file(&path, kind)?;
            }
        }
        if some {
            return Ok(());
        }
        Err(ToolError::Usage(format!("{}: no file of a log or a log directory is in it", dir.display())))
    }

    fn file(&mut self, path: &Path, kind: FileKind) -> Result<()> {
        if !self.json {
            writeln!(self.out, "{}", path.display())?;
        }
        let dumped = self.content(path, kind);
        if let Err(ToolError::Log(error @ ::log::Error::Corrupt { .. })) = &dumped {
            // What cannot be read is the content.
            return self.damaged(path, &error.to_string());
        }
        dumped
    }

    fn damaged(&mut self, path: &Path, text: &str) -> Result<()> {
        if self.json {
            return self.object(path, "damage", json!({ "found": text }));
        }
        Ok(writeln!(self.out, "  {text}")?)
    }

    fn content(&mut self, path: &Path, kind: FileKind) -> Result<()> {
        let disk = self.disk;
        match kind {
            FileKind::Segment(base) => self.batches(path, base),
            FileKind::QuorumSnapshot => self.batches(path, Offset::ZERO),
            FileKind::OffsetIndex(base) => {
                files::offset_index(&disk, path, base)?.iter().try_for_each(|entry| {
                    let (offset, position) = (entry.offset.get(), entry.position);
                    self.entry(path, "index", &[("offset", json!(offset)), ("position", json!(position))])
                })
            }
            FileKind::TimeIndex(base) => files::time_index(&disk, path, base)?.iter().try_for_each(|entry| {
                let (timestamp, offset) = (entry.timestamp, entry.offset.get());
                self.entry(path, "timeindex", &[("timestamp", json!(timestamp)), ("offset", json!(offset))])
            }),
            FileKind::TxnIndex(base) => files::txn_index(&disk, path, base)?.iter().try_for_each(|txn| {
                let fields = [
                    ("producer_id", json!(txn.producer_id.get())),
                    ("first_offset", json!(txn.first_offset.get())),
                    ("last_offset", json!(txn.last_offset.get())),
                    ("last_stable_offset", json!(txn.last_stable_offset.get())),
                ];
                self.entry(path, "aborted_transaction", &fields)
            }),
            FileKind::Snapshot(offset) => self.producers(path, offset),
            FileKind::Checkpoint(checkpoint) => {
                files::offsets(&disk, path, checkpoint)?.iter().try_for_each(|(id, offset)| {
                    let fields = [
                        ("topic", json!(&*id.topic)),
                        ("partition", json!(id.partition)),
                        ("offset", json!(offset.get())),
                    ];
                    self.entry(path, "checkpoint", &fields)
                })
            }
            FileKind::LeaderEpochs => {
                files::leader_epochs(&disk, path)?.iter().try_for_each(|(epoch, start)| {
                    let fields = [("leader_epoch", json!(epoch.get())), ("first_offset", json!(start.get()))];
                    self.entry(path, "leader_epoch", &fields)
                })
            }
            FileKind::TopicId => {
                let id = files::topic_id(&disk, path)?.map(|id| id.to_string());
                self.entry(path, "partition_metadata", &[("topic_id", json!(id))])
            }
            FileKind::MetaProperties => {
                let Some(dir) = path.parent() else { return Ok(()) };
                let Some(meta) = MetaProperties::read(&disk, dir)? else { return Ok(()) };
                let fields = [
                    ("cluster_id", json!(meta.cluster_id)),
                    ("node_id", json!(meta.node_id.get())),
                    ("directory_id", json!(meta.directory_id.map(|id| id.to_string()))),
                ];
                self.entry(path, "meta_properties", &fields)
            }
        }
    }

    /// Something of one line, which has no table.
    fn entry(&mut self, path: &Path, kind: &str, fields: &[(&str, Value)]) -> Result<()> {
        if self.json {
            let object = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            return self.object(path, kind, Value::Object(object.collect()));
        }
        write!(self.out, " ")?;
        for (name, value) in fields {
            match value {
                Value::String(text) => write!(self.out, " {name} {text}")?,
                Value::Null => write!(self.out, " {name} -")?,
                Value::Number(ms) if *name == "timestamp" => {
                    write!(self.out, " {name} {}", time(ms.as_i64().unwrap_or(-1)))?;
                }
                other => write!(self.out, " {name} {other}")?,
            }
        }
        Ok(writeln!(self.out)?)
    }

    fn object(&mut self, path: &Path, kind: &str, mut object: Value) -> Result<()> {
        if let Value::Object(fields) = &mut object {
            let mut all = Map::new();
            all.insert("type".to_owned(), json!(kind));
            all.insert("file".to_owned(), json!(path.to_string_lossy()));
            all.append(fields);
            *fields = all;
        }
        print_json(&mut self.out, &object)
    }

    fn producers(&mut self, path: &Path, offset: Offset) -> Result<()> {
        for producer in files::snapshot(&self.disk, path, offset)?.producers() {
            let last = producer.last_batch();
            let fields = [
                ("producer_id", json!(producer.producer_id.get())),
                ("producer_epoch", json!(producer.producer_epoch.get())),
                ("coordinator_epoch", json!(producer.coordinator_epoch)),
                ("last_sequence", json!(producer.last_sequence())),
                ("last_offset", json!(last.map(|last| last.last_offset.get()))),
                ("timestamp", json!(producer.last_timestamp)),
                ("open_transaction", json!(producer.current_txn_first_offset.map(Offset::get))),
            ];
            self.entry(path, "producer", &fields)?;
        }
        Ok(())
    }

    fn batches(&mut self, path: &Path, base: Offset) -> Result<()> {
        let topic = path.parent().and_then(partition_of).and_then(|id| Topic::of(&id.topic));
        let topic = topic.filter(|_| self.args.decode);
        let mut walk = BatchWalk::open(&self.disk, path, base, None)?;
        if !self.json {
            writeln!(self.out, "{}", Row::header().line())?;
        }
        let from = Offset(self.args.offset.unwrap_or(0));
        let mut left = self.args.max.unwrap_or(u64::MAX);
        while let Some(step) = walk.step()? {
            match step {
                Step::Damage(damage) => self.damage(path, &damage)?,
                Step::Batch { header, .. } if header.last_offset() < from => continue,
                Step::Batch { position, header } => {
                    self.batch(path, position, &header, true)?;
                    if (self.args.records || topic.is_some())
                        && let Some(batch) = walk.batch()?
                    {
                        self.records(path, &batch, topic)?;
                    }
                }
            }
            left -= 1;
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn damage(&mut self, path: &Path, damage: &Damage) -> Result<()> {
        if self.json {
            let object = json!({
                "position": damage.position,
                "size_bytes": damage.bytes,
                "found": damage.found,
                "expected": damage.expected,
                "next_offset": damage.first_offset.get(),
            });
            return self.object(path, "damage", object);
        }
        if let Some(header) = &damage.header {
            self.batch(path, damage.position, header, false)?;
        }
        let Damage { position, bytes, found, expected, .. } = damage;
        Ok(writeln!(
            self.out,
            "  DAMAGED: {bytes} bytes at position {position}: {found}; expected {expected}"
        )?)
    }

    fn batch(&mut self, path: &Path, position: u64, header: &BatchHeader, good: bool) -> Result<()> {
        if self.json {
            let attributes = header.attributes;
            let object = json!({
                "base_offset": header.base_offset.get(),
                "last_offset": header.last_offset().get(),
                "records": header.record_count,
                "position": position,
                "size_bytes": header.size_bytes(),
                "codec": codec(header),
                "leader_epoch": header.partition_leader_epoch.get(),
                "producer_id": header.producer_id.get(),
                "producer_epoch": header.producer_epoch.get(),
                "base_sequence": header.base_sequence,
                "last_sequence": header.last_sequence(),
                "transactional": attributes.is_transactional(),
                "control": attributes.is_control(),
                "delete_horizon_ms": header.delete_horizon_ms(),
                "timestamp_type": timestamp_type(header),
                "base_timestamp": header.base_timestamp,
                "max_timestamp": header.max_timestamp,
                "crc": header.crc,
                "crc_ok": good,
            });
            return self.object(path, "batch", object);
        }
        Ok(writeln!(self.out, "{}", Row::of(position, header, good).line())?)
    }

    fn records(&mut self, path: &Path, batch: &Batch<'_>, topic: Option<Topic>) -> Result<()> {
        let unpacked = match batch.decompress(MAX_DECOMPRESSED_BYTES) {
            Ok(unpacked) => unpacked,
            Err(error) => return self.damaged(path, &error.to_string()),
        };
        for record in batch.records(&unpacked) {
            match record {
                Ok(record) => self.record(path, batch.header(), &record, topic)?,
                Err(error) => self.damaged(path, &error.to_string())?,
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        path: &Path,
        header: &BatchHeader,
        record: &Record<'_>,
        topic: Option<Topic>,
    ) -> Result<()> {
        let is_control = header.attributes.is_control();
        let control = is_control.then(|| record.control_type().ok()).flatten();
        let decoded = topic.filter(|_| !is_control).and_then(|topic| topic.decode(record));
        if self.json {
            let mut object = Map::new();
            object.insert("offset".to_owned(), json!(record.offset.get()));
            object.insert("timestamp".to_owned(), json!(record.timestamp));
            if let Some(control) = control {
                object.insert("control_type".to_owned(), json!(format!("{control:?}")));
            }
            insert(&mut object, "key", record.key, Encoding::Raw);
            insert(&mut object, "value", record.value, Encoding::Raw);
            if let Some((key, value)) = &decoded {
                object.insert("decoded_key".to_owned(), json!(key));
                object.insert("decoded_value".to_owned(), json!(value));
            }
            let headers = record.headers.iter().map(|header| {
                let mut object = Map::new();
                object.insert("key".to_owned(), json!(header.key_text()));
                insert(&mut object, "value", header.value, Encoding::Raw);
                Value::Object(object)
            });
            object.insert("headers".to_owned(), headers.collect());
            return self.object(path, "record", Value::Object(object));
        }
        write!(self.out, "    {}  {}", record.offset, time(record.timestamp))?;
        if let Some(control) = control {
            return Ok(writeln!(self.out, "  {control:?}")?);
        }
        if let Some((key, value)) = decoded {
            return Ok(writeln!(self.out, "  {key} {value}")?);
        }
        write!(self.out, "  key {}  value {}", text(record.key), text(record.value))?;
        for header in record.headers.iter() {
            write!(self.out, "  header {:?}={}", header.key_text(), text(header.value))?;
        }
        Ok(writeln!(self.out)?)
    }
}

/// Text in quotes, other bytes in hexadecimal.
fn text(bytes: Option<&[u8]>) -> String {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => "null".to_owned(),
        Some((_, Ok(text))) => format!("{text:?}"),
        Some((bytes, Err(_))) => format!("0x{}", hex(bytes)),
    }
}

fn codec(header: &BatchHeader) -> &'static str {
    match header.attributes.codec() {
        Ok(Codec::None) => "none",
        Ok(Codec::Gzip) => "gzip",
        Ok(Codec::Snappy) => "snappy",
        Ok(Codec::Lz4) => "lz4",
        Ok(Codec::Zstd) => "zstd",
        Err(_) => "unknown",
    }
}

const fn timestamp_type(header: &BatchHeader) -> &'static str {
    match header.attributes.timestamp_type() {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

/// A line of the table of batches. Its columns are as wide as they mostly need: a file is printed as it is read.
struct Row([String; 10]);

impl Row {
    fn header() -> Self {
        let names =
            ["OFFSETS", "RECORDS", "POSITION", "BYTES", "CODEC", "EPOCH", "PRODUCER", "TIME", "CRC", "FLAGS"];
        Self(names.map(str::to_owned))
    }

    fn of(position: u64, header: &BatchHeader, good: bool) -> Self {
        let attributes = header.attributes;
        let producer = if header.has_producer_id() {
            let (id, epoch) = (header.producer_id, header.producer_epoch);
            format!("{id}/{epoch} {}..{}", header.base_sequence, header.last_sequence())
        } else {
            "-".to_owned()
        };
        let append_time = attributes.timestamp_type() == TimestampType::LogAppendTime;
        let flags = [
            (attributes.is_transactional(), "transactional"),
            (attributes.is_control(), "control"),
            (append_time, "append-time"),
        ];
        let mut flags: Vec<_> =
            flags.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned()).collect();
        flags.extend(header.delete_horizon_ms().map(|ms| format!("delete-horizon={}", time(ms))));
        Self([
            format!("{}..{}", header.base_offset, header.last_offset()),
            header.record_count.to_string(),
            position.to_string(),
            header.size_bytes().to_string(),
            codec(header).to_owned(),
            header.partition_leader_epoch.to_string(),
            producer,
            time(header.max_timestamp),
            if good { "ok" } else { "BAD" }.to_owned(),
            flags.join(" "),
        ])
    }

    fn line(&self) -> String {
        let [offsets, records, position, bytes, codec, epoch, producer, time, crc, flags] = &self.0;
        let line = format!(
            "  {offsets:<17} {records:>7} {position:>10} {bytes:>8} {codec:<6} {epoch:>5} {producer:<16} {time:<24} {crc:<3} {flags}"
        );
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_as_text() {
        let check = |bytes: Option<&[u8]>, expect: &str| assert_eq!(text(bytes), expect);
        check(None, "null");
        check(Some(b""), "\"\"");
        check(Some("größe\n".as_bytes()), "\"größe\\n\"");
        check(Some(&[0xff, 0]), "0xff00");
    }
}
