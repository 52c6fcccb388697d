//! A log directory: the lock on it, the mark of a clean shutdown, and the directories of partitions in it.

use std::path::{Path, PathBuf};

use protocol::{LeaderEpoch, TopicPartition, Uuid};

use crate::checkpoint::read_topic_id;
use crate::disk::{Disk, LockGuard, read_file, replace_file};
use crate::error::{At as _, Error, Result};

const LOCK: &str = ".lock";
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
const OPENED_IN: &str = ".millstream";
const DELETE_SUFFIX: &str = "-delete";
/// More than the digits of an epoch.
const MAX_EPOCH_BYTES: u64 = 64;
const FUTURE_SUFFIX: &str = "-future";
/// What file systems allow for a name.
const MAX_NAME_BYTES: usize = 255;

/// Makes a log directory with the directories above it, if it is missing, durably: what is acknowledged in it must not
/// go with its name.
pub fn create(disk: &dyn Disk, log_dir: &Path) -> Result<()> {
    let mut above = Vec::new();
    for dir in log_dir.ancestors() {
        let parent =
            dir.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
        match (disk.stat(dir).at("look at", dir)?, parent) {
            (None, Some(parent)) => above.push(parent),
            _ => break,
        }
    }
    disk.create_dir_all(log_dir).at("create", log_dir)?;
    // The outermost first: an inner one without its parent is of no use.
    for dir in above.into_iter().rev() {
        disk.sync_dir(dir).at("sync", dir)?;
    }
    Ok(())
}

/// Takes the lock of a log directory, which Apache Kafka respects and takes as well. [`Error::Locked`] if someone has it.
pub fn lock(disk: &dyn Disk, log_dir: &Path) -> Result<Box<dyn LockGuard>> {
    let path = log_dir.join(LOCK);
    disk.lock(&path).at("lock", &path)?.ok_or(Error::Locked { path })
}

/// Whether the directory was closed cleanly.
pub fn is_clean(disk: &dyn Disk, log_dir: &Path) -> Result<bool> {
    let path = log_dir.join(CLEAN_SHUTDOWN);
    Ok(disk.stat(&path).at("look at", &path)?.is_some())
}

/// Marks the directory as closed cleanly: after all its logs were closed and all checkpoints written.
pub fn mark_clean(disk: &dyn Disk, log_dir: &Path, broker_epoch: i64) -> Result<()> {
    let content = format!(r#"{{"version":0,"brokerEpoch":{broker_epoch}}}"#);
    replace_file(disk, &log_dir.join(CLEAN_SHUTDOWN), content.as_bytes())
}

/// Takes the mark away, durably: after all logs were opened, before anything is written.
pub fn mark_dirty(disk: &dyn Disk, log_dir: &Path) -> Result<()> {
    if is_clean(disk, log_dir)? {
        let path = log_dir.join(CLEAN_SHUTDOWN);
        disk.remove_file(&path).at("remove", &path)?;
        disk.sync_dir(log_dir).at("sync", log_dir)?;
    }
    Ok(())
}

/// The leader epoch of the metadata log in which this software last had every log of the directory open. Where that is not
/// the epoch before this run's, somebody else, an Apache Kafka, may have written here since. Content that cannot be read is
/// as good as none.
pub fn opened_in(disk: &dyn Disk, log_dir: &Path) -> Result<Option<LeaderEpoch>> {
    let path = log_dir.join(OPENED_IN);
    let content = match read_file(disk, &path, MAX_EPOCH_BYTES) {
        Err(Error::Corrupt { .. }) => None,
        read => read?,
    };
    let text = content.and_then(|content| String::from_utf8(content).ok());
    Ok(text.and_then(|text| text.trim_end().parse().ok()).map(LeaderEpoch))
}

/// Says so, durably.
pub fn mark_opened_in(disk: &dyn Disk, log_dir: &Path, epoch: LeaderEpoch) -> Result<()> {
    replace_file(disk, &log_dir.join(OPENED_IN), format!("{epoch}\n").as_bytes())
}

/// What is in a log directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The directories of partitions.
    pub partitions: Vec<(TopicPartition, PathBuf)>,
    /// Directories of partitions that were deleted: [`remove_partition`] finishes them.
    pub deleted: Vec<PathBuf>,
    /// Copies of partitions that are in another log directory: see [`FutureLog`](crate::FutureLog).
    pub future: Vec<(TopicPartition, PathBuf)>,
}

/// Lists a log directory. What is no partition's directory is left out.
pub fn list(disk: &dyn Disk, log_dir: &Path) -> Result<Contents> {
    let mut contents = Contents::default();
    for entry in disk.list(log_dir).at("list", log_dir)? {
        if !entry.is_dir {
            continue;
        }
        let path = log_dir.join(&entry.name);
        if entry.name.ends_with(DELETE_SUFFIX) {
            contents.deleted.push(path);
        } else if let Some(topic_partition) = parse_future_dir(&entry.name) {
            contents.future.push((topic_partition, path));
        } else if let Some(topic_partition) = parse_partition_dir(&entry.name) {
            contents.partitions.push((topic_partition, path));
        }
    }
    Ok(contents)
}

/// The partition that a directory is named after.
pub fn parse_partition_dir(name: &str) -> Option<TopicPartition> {
    let (topic, partition) = name.rsplit_once('-')?;
    let digits = !partition.is_empty() && partition.bytes().all(|digit| digit.is_ascii_digit());
    if topic.is_empty() || topic.contains(['/', '\0']) || !digits {
        return None;
    }
    Some(TopicPartition::new(topic, partition.parse().ok()?))
}

/// The partition that a copy's directory is named after.
fn parse_future_dir(name: &str) -> Option<TopicPartition> {
    let (partition_dir, _unique) = name.strip_suffix(FUTURE_SUFFIX)?.rsplit_once('.')?;
    parse_partition_dir(partition_dir)
}

/// `TOPIC-PARTITION.32HEX-future`.
pub(crate) fn future_name(topic_partition: &TopicPartition, unique: Uuid) -> String {
    format!("{topic_partition}.{:032x}{FUTURE_SUFFIX}", u128::from_be_bytes(unique.0))
}

/// Whether a partition's name leaves room for that of a copy, in what file systems allow.
pub fn can_have_future(topic_partition: &TopicPartition) -> bool {
    future_name(topic_partition, Uuid::ZERO).len() <= MAX_NAME_BYTES
}

/// `TOPIC-PARTITION.32HEX-delete`, the topic cut if the name would be too long.
pub(crate) fn deleted_name(topic_partition: &TopicPartition, unique: Uuid) -> String {
    let suffix =
        format!("-{}.{:032x}{DELETE_SUFFIX}", topic_partition.partition, u128::from_be_bytes(unique.0));
    let topic = &topic_partition.topic;
    let keep = topic.floor_char_boundary(MAX_NAME_BYTES.saturating_sub(suffix.len()).min(topic.len()));
    format!("{}{suffix}", &topic[..keep])
}

/// Renames the directory of a partition whose log is not open, as [`Log::delete`](crate::Log::delete) does. `None` if there
/// is none, or it says that it is another topic's.
pub fn delete_partition(
    disk: &dyn Disk,
    log_dir: &Path,
    topic_partition: &TopicPartition,
    topic_id: Uuid,
    unique: Uuid,
) -> Result<Option<PathBuf>> {
    let path = log_dir.join(topic_partition.to_string());
    if disk.stat(&path).at("look at", &path)?.is_none()
        || read_topic_id(disk, &path)?.is_some_and(|found| found != topic_id)
    {
        return Ok(None);
    }
    let to = log_dir.join(deleted_name(topic_partition, unique));
    disk.rename(&path, &to).at("rename", &path)?;
    Ok(Some(to))
}

/// Removes a directory with the files in it.
pub fn remove_partition(disk: &dyn Disk, path: &Path) -> Result<()> {
    for entry in disk.list(path).at("list", path)? {
        let path = path.join(entry.name);
        disk.remove_file(&path).at("remove", &path)?;
    }
    disk.remove_dir(path).at("remove", path)
}
