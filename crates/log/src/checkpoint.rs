//! Kafka's small text files: offset checkpoints of a log directory, the leader epochs of a partition, and the
//! properties that identify a directory and a topic.
//!
//! Each is replaced as a whole (write, sync, rename, sync the directory), so that a crash leaves the old or the new one.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::{BrokerId, LeaderEpoch, Offset, TopicPartition, Uuid};

use crate::disk::{Disk, read_file, replace_file};
use crate::error::{At as _, Result, corrupt};

/// A checkpoint greater than this is none: a line of the longest topic name has under 300 bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// A properties file greater than this is none.
const MAX_PROPERTIES_BYTES: u64 = 1 << 20;

/// The checkpoints of a log directory: an offset a partition, in `DIR/NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetCheckpoint {
    /// `recovery-point-offset-checkpoint`: up to where logs were durable.
    RecoveryPoint,
    /// `log-start-offset-checkpoint`: where logs start that had records deleted.
    LogStartOffset,
    /// `replication-offset-checkpoint`: high watermarks.
    HighWatermark,
    /// `cleaner-offset-checkpoint`: up to where compacted logs were cleaned.
    Cleaner,
}

impl OffsetCheckpoint {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::RecoveryPoint, Self::LogStartOffset, Self::HighWatermark, Self::Cleaner];

    /// The name of the file.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::RecoveryPoint => "recovery-point-offset-checkpoint",
            Self::LogStartOffset => "log-start-offset-checkpoint",
            Self::HighWatermark => "replication-offset-checkpoint",
            Self::Cleaner => "cleaner-offset-checkpoint",
        }
    }

    /// Reads the file of a log directory; a missing one is empty.
    pub fn read(self, disk: &dyn Disk, log_dir: &Path) -> Result<BTreeMap<TopicPartition, Offset>> {
        self.read_file(disk, &log_dir.join(self.file_name()))
    }

    /// Reads a file, wherever it is.
    pub(crate) fn read_file(self, disk: &dyn Disk, path: &Path) -> Result<BTreeMap<TopicPartition, Offset>> {
        let entries = read_lines(disk, path)?.into_iter().map(|(position, line)| {
            let mut words = line.split_whitespace();
            let entry = (|| {
                let (topic, partition, offset) = (words.next()?, words.next()?, words.next()?);
                Some((TopicPartition::new(topic, partition.parse().ok()?), Offset(offset.parse().ok()?)))
            })();
            entry.ok_or_else(|| corrupt(path, position, quote(&line), "a topic, a partition and an offset"))
        });
        entries.collect()
    }

    /// Replaces the file of a log directory.
    pub fn write<'a>(
        self,
        disk: &dyn Disk,
        log_dir: &Path,
        offsets: impl IntoIterator<Item = (&'a TopicPartition, Offset)>,
    ) -> Result<()> {
        let lines: Vec<String> = offsets
            .into_iter()
            .map(|(tp, offset)| format!("{} {} {offset}", tp.topic, tp.partition))
            .collect();
        replace_file(disk, &log_dir.join(self.file_name()), &write_lines(&lines))
    }
}

pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
/// What is about to take its name. The next start removes it.
pub(crate) const NEW_LEADER_EPOCHS: &str = "leader-epoch-checkpoint.tmp";

pub(crate) fn read_leader_epochs(disk: &dyn Disk, dir: &Path) -> Result<Vec<(LeaderEpoch, Offset)>> {
    read_leader_epochs_file(disk, &dir.join(LEADER_EPOCHS))
}

pub(crate) fn read_leader_epochs_file(disk: &dyn Disk, path: &Path) -> Result<Vec<(LeaderEpoch, Offset)>> {
    let entries = read_lines(disk, path)?.into_iter().map(|(position, line)| {
        let entry = line.split_once(' ').and_then(|(epoch, offset)| {
            Some((LeaderEpoch(epoch.parse().ok()?), Offset(offset.trim().parse().ok()?)))
        });
        entry.ok_or_else(|| corrupt(path, position, quote(&line), "an epoch and an offset"))
    });
    entries.collect()
}

pub(crate) fn format_leader_epochs(epochs: impl IntoIterator<Item = (LeaderEpoch, Offset)>) -> Vec<u8> {
    let lines: Vec<String> = epochs.into_iter().map(|(epoch, offset)| format!("{epoch} {offset}")).collect();
    write_lines(&lines)
}

/// Version 0, the number of lines, the lines.
fn write_lines(lines: &[String]) -> Vec<u8> {
    let mut text = format!("0\n{}\n", lines.len());
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text.into_bytes()
}

/// The lines of a checkpoint, each with its position. A missing file has none, nor one that Apache Kafka has made and not
/// yet written.
fn read_lines(disk: &dyn Disk, path: &Path) -> Result<Vec<(u64, String)>> {
    let bytes = read_file(disk, path, MAX_FILE_BYTES)?.unwrap_or_default();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let text =
        String::from_utf8(bytes).map_err(|_| corrupt(path, 0, "bytes that are no text", "a checkpoint"))?;
    let mut position = 0;
    let mut lines = text.split_inclusive('\n').map(|line| {
        let at = position;
        position += line.len() as u64;
        (at, line.trim_end().to_owned())
    });
    let version = lines.next().map(|(_, line)| line);
    if version.as_deref() != Some("0") {
        return Err(corrupt(path, 0, quote(version.as_deref().unwrap_or("")), "version 0"));
    }
    let count = lines.next().map(|(_, line)| line).unwrap_or_default();
    let lines: Vec<(u64, String)> = lines.filter(|(_, line)| !line.is_empty()).collect();
    if count.parse() != Ok(lines.len()) {
        return Err(corrupt(
            path,
            2,
            format!("{} lines and a count of {}", lines.len(), quote(&count)),
            "equal numbers",
        ));
    }
    Ok(lines)
}

fn quote(line: &str) -> String {
    format!("'{}'", line.chars().take(80).collect::<String>())
}

/// `meta.properties` of a log directory: whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster.
    pub cluster_id: String,
    /// The node.
    pub node_id: BrokerId,
    /// The directory itself (KIP-858); Kafka before 3.7 wrote none.
    pub directory_id: Option<Uuid>,
}

impl MetaProperties {
    pub(crate) const FILE: &str = "meta.properties";

    /// Reads the file of a log directory; `None` if the directory is not formatted.
    pub fn read(disk: &dyn Disk, log_dir: &Path) -> Result<Option<Self>> {
        let path = log_dir.join(Self::FILE);
        let Some(properties) = read_properties(disk, &path)? else { return Ok(None) };
        let get = |name: &str| properties.get(name).map(String::as_str);
        if get("version") != Some("1") {
            let found = match get("version") {
                Some("0") => "version=0, of a broker with ZooKeeper".to_owned(),
                version => format!("version={}", version.unwrap_or("")),
            };
            return Err(corrupt(&path, 0, found, "version=1, of KRaft"));
        }
        let meta = (|| {
            let directory_id = get("directory.id").map(str::parse).transpose().ok()?;
            let node_id = BrokerId(get("node.id")?.parse().ok()?);
            Some(Self { cluster_id: get("cluster.id")?.to_owned(), node_id, directory_id })
        })();
        meta.map(Some).ok_or_else(|| {
            corrupt(&path, 0, format!("{properties:?}"), "cluster.id, node.id and a valid directory.id")
        })
    }

    /// Writes the file of a log directory.
    pub fn write(&self, disk: &dyn Disk, log_dir: &Path) -> Result<()> {
        let mut text =
            format!("version=1\ncluster.id={}\nnode.id={}\n", escape(&self.cluster_id), self.node_id);
        if let Some(directory_id) = self.directory_id {
            text.push_str(&format!("directory.id={directory_id}\n"));
        }
        replace_file(disk, &log_dir.join(Self::FILE), text.as_bytes())
    }
}

/// What a reader of properties would take for something else.
fn escape(value: &str) -> String {
    value
        .chars()
        .flat_map(|c| matches!(c, '=' | ':' | '#' | '!' | '\\').then_some('\\').into_iter().chain([c]))
        .collect()
}

/// `name=value` lines; comments and blank lines are skipped, backslashes taken away.
fn read_properties(disk: &dyn Disk, path: &Path) -> Result<Option<BTreeMap<String, String>>> {
    let Some(bytes) = read_file(disk, path, MAX_PROPERTIES_BYTES)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| line.split_once(['=', ':']));
    Ok(Some(pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().replace('\\', ""))).collect()))
}

pub(crate) const PARTITION_METADATA: &str = "partition.metadata";

/// The topic id in the `partition.metadata` of a partition's directory, if there is one. A file that a crash kept from being
/// complete says nothing: it becomes durable with the first records that do.
pub fn read_topic_id(disk: &dyn Disk, dir: &Path) -> Result<Option<Uuid>> {
    read_topic_id_file(disk, &dir.join(PARTITION_METADATA))
}

pub(crate) fn read_topic_id_file(disk: &dyn Disk, path: &Path) -> Result<Option<Uuid>> {
    let Some(properties) = read_properties(disk, path)? else { return Ok(None) };
    let len = disk.stat(path).at("look at", path)?.map_or(0, |stat| stat.len);
    if len < format_topic_id(Uuid::ZERO).len() as u64 || properties.is_empty() {
        return Ok(None);
    }
    let id = properties.get("topic_id").and_then(|id| id.parse().ok()).filter(|id: &Uuid| !id.is_zero());
    if properties.get("version").map(String::as_str) != Some("0") || id.is_none() {
        return Err(corrupt(path, 0, format!("{properties:?}"), "version 0 and a topic id"));
    }
    Ok(id)
}

/// The content of `partition.metadata`.
pub(crate) fn format_topic_id(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::sim::SimDisk;

    fn write(text: &[u8], name: &str) -> SimDisk {
        let disk = SimDisk::new(1);
        disk.create_dir_all("/d".as_ref()).unwrap();
        disk.open(&Path::new("/d").join(name), true).unwrap().write_at(text, 0).unwrap();
        disk
    }

    const POINT: OffsetCheckpoint = OffsetCheckpoint::RecoveryPoint;

    #[test]
    fn checkpoints_are_kafkas() {
        let disk = write(b"0\n2\na-b 3 17\nc 0 9\n", POINT.file_name());
        let offsets = POINT.read(&disk, "/d".as_ref()).unwrap();
        let expect = [(TopicPartition::new("a-b", 3), Offset(17)), (TopicPartition::new("c", 0), Offset(9))];
        assert_eq!(offsets, BTreeMap::from(expect));
        let again = offsets.iter().map(|(tp, offset)| (tp, *offset));
        OffsetCheckpoint::HighWatermark.write(&disk, "/d".as_ref(), again).unwrap();
        let files = disk.dump();
        let content = |name: &str| &files[&Path::new("/d").join(name)];
        assert_eq!(content("replication-offset-checkpoint"), content(POINT.file_name()));
        assert!(OffsetCheckpoint::LogStartOffset.read(&disk, "/d".as_ref()).unwrap().is_empty());
        let new = write(b"", OffsetCheckpoint::Cleaner.file_name());
        assert!(OffsetCheckpoint::Cleaner.read(&new, "/d".as_ref()).unwrap().is_empty());
    }

    #[test]
    fn broken_checkpoints_are_errors_with_their_place() {
        let check = |text: &str, expect: u64| match POINT
            .read(&write(text.as_bytes(), POINT.file_name()), "/d".as_ref())
        {
            Err(crate::Error::Corrupt { position, .. }) => assert_eq!(position, expect, "{text:?}"),
            other => panic!("{text:?}: {other:?}"),
        };
        check("\n", 0);
        check("1\n0\n", 0);
        check("0\n2\na 0 1\n", 2);
        check("0\n1\na 0 1\nb 0 1\n", 2);
        check("0\n2\na 0 1\nb 0\n", 10);
        check("0\n1\na 0 x\n", 4);
    }

    #[test]
    fn meta_properties() {
        let text = b"#\n#Sat Nov 21 12:19:07 UTC 2026\nnode.id=1\ndirectory.id=xZuhtLPzQ0u0hOpAomk7Ng\nversion=1\ncluster.id=J5pqZ7GESgF1kF9EKrdtuQ\n";
        let disk = write(text, "meta.properties");
        let meta = MetaProperties::read(&disk, "/d".as_ref()).unwrap().unwrap();
        assert_eq!((meta.node_id, meta.cluster_id.as_str()), (BrokerId(1), "J5pqZ7GESgF1kF9EKrdtuQ"));
        assert_eq!(meta.directory_id.unwrap().to_string(), "xZuhtLPzQ0u0hOpAomk7Ng");
        let other = MetaProperties { cluster_id: "a=b:c#d".into(), directory_id: None, ..meta };
        other.write(&disk, "/d".as_ref()).unwrap();
        assert_eq!(MetaProperties::read(&disk, "/d".as_ref()).unwrap(), Some(other));
        assert_eq!(MetaProperties::read(&SimDisk::new(1), "/".as_ref()).unwrap(), None);
        assert!(MetaProperties::read(&write(b"version=0\n", "meta.properties"), "/d".as_ref()).is_err());
    }

    #[test]
    fn partition_metadata() {
        let read = |text: &[u8]| read_topic_id(&write(text, PARTITION_METADATA), "/d".as_ref());
        let whole = format_topic_id(Uuid::METADATA_TOPIC);
        assert_eq!(whole, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(read(whole.as_bytes()).unwrap(), Some(Uuid::METADATA_TOPIC));
        assert_eq!(read_topic_id(&write(b"", "x"), "/d".as_ref()).unwrap(), None);
        // As a crash may leave it.
        for torn in 0..whole.len() {
            assert_eq!(read(&whole.as_bytes()[..torn]).unwrap(), None);
        }
        assert_eq!(read(&vec![0; whole.len()]).unwrap(), None);
        assert!(read(b"version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ").is_err());
        assert!(read(b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQAA").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[0-9a \n:=\\\\-]{0,60}") {
            for bytes in [bytes, text.into_bytes()] {
                let _ = POINT.read(&write(&bytes, POINT.file_name()), "/d".as_ref());
                let _ = read_leader_epochs(&write(&bytes, LEADER_EPOCHS), "/d".as_ref());
                let _ = MetaProperties::read(&write(&bytes, "meta.properties"), "/d".as_ref());
                let _ = read_topic_id(&write(&bytes, PARTITION_METADATA), "/d".as_ref());
            }
        }
    }
}
