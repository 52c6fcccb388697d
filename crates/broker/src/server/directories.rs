//! The directories of `log.dirs`: locked, told apart from what is not ours, formatted where they are new.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::checkpoint::MetaProperties;
use log::disk::{Disk, LockGuard, OsDisk};
use log::log_dir;
use protocol::{BrokerId, Uuid};
use stdx::Random;

use super::{StartError, seed};
use crate::config::Config;
use crate::directory::{Directory, Failures, Place};

/// A directory that is locked, and what it says that it is.
struct Locked {
    lock: Box<dyn LockGuard>,
    meta: Option<MetaProperties>,
}

/// Locks and reads the directories; formats those that are empty. One that cannot be used is offline, unless none is left
/// or it is to have the metadata log.
pub(super) fn open_directories(
    config: &Config,
    failures: &Failures,
) -> Result<(Vec<Arc<Directory>>, String), StartError> {
    let disk = OsDisk::shared();
    let mut unusable = Unusable::default();
    let mut locked = vec![];
    for path in &config.log_dirs {
        locked.push(unusable.take(path, lock_directory(&*disk, path))?);
    }
    let metas = locked.iter().flatten().filter_map(|locked| locked.meta.as_ref());
    let known = metas.map(|meta| meta.cluster_id.clone()).next();
    let mut random = Random::from_seed(seed());
    let mut fresh = || Uuid::from_random(u128::from(random.next_u64()) << 64 | u128::from(random.next_u64()));
    let cluster_id = known.unwrap_or_else(|| fresh().to_string());
    let mut directories = vec![];
    for (index, (path, locked)) in config.log_dirs.iter().zip(locked).enumerate() {
        let place = |id| Place { index, path: path.clone(), id, disk: Arc::clone(&disk) };
        let id = locked.as_ref().and_then(|locked| locked.meta.as_ref()?.directory_id);
        let directory = match locked {
            Some(locked) => {
                let meta = MetaProperties {
                    cluster_id: cluster_id.clone(),
                    node_id: config.broker_id,
                    directory_id: None,
                };
                let meta = locked.meta.unwrap_or(meta);
                check_meta(path, &meta, &cluster_id, config.broker_id)?;
                let opened = format(&*disk, path, meta, &mut fresh).and_then(|id| {
                    let was_clean = prepare(&*disk, path)?;
                    Directory::open(place(id), was_clean, locked.lock, failures.clone())
                });
                unusable.take(path, opened.map_err(StartError::Log))?
            }
            None => None,
        };
        let directory = directory
            .unwrap_or_else(|| Directory::unusable(place(id.unwrap_or(Uuid::ZERO)), failures.clone()));
        directories.push(Arc::new(directory));
    }
    unusable.conclude(&config.metadata_log.dir, directories.len())?;
    Ok((directories, cluster_id))
}

/// Directories that cannot be used, and why.
#[derive(Default)]
struct Unusable(Vec<(PathBuf, log::Error)>);

impl Unusable {
    /// What came of an attempt on a directory; `None` where its disk fails.
    fn take<T>(&mut self, path: &Path, attempt: Result<T, StartError>) -> Result<Option<T>, StartError> {
        match attempt {
            Err(StartError::Log(error @ log::Error::Io { .. })) => {
                self.0.push((path.to_owned(), error));
                Ok(None)
            }
            attempt => attempt.map(Some),
        }
    }

    /// The node cannot do without the directory of the metadata log, nor without any: that is the error then.
    fn conclude(self, metadata_dir: &Path, log_dirs: usize) -> Result<(), StartError> {
        let none_is_left = self.0.len() == log_dirs;
        for (path, error) in self.0 {
            if none_is_left || path == metadata_dir {
                return Err(match error {
                    log::Error::Io { source, .. } => StartError::Directory { path, source },
                    error => StartError::Log(error),
                });
            }
            tracing::error!(
                directory = %path.display(),
                %error,
                "the log directory cannot be used: it is offline with its partitions. Repair it and restart the node"
            );
        }
        Ok(())
    }
}

fn lock_directory(disk: &dyn Disk, path: &Path) -> Result<Locked, StartError> {
    log_dir::create(disk, path)?;
    let lock = log_dir::lock(disk, path)?;
    let meta = MetaProperties::read(disk, path)?;
    if meta.is_none() {
        refuse_foreign(disk, path)?;
    }
    Ok(Locked { lock, meta })
}

/// Writes what the directory is, if that is new; its id.
fn format(
    disk: &dyn Disk,
    path: &Path,
    mut meta: MetaProperties,
    fresh: impl FnOnce() -> Uuid,
) -> Result<Uuid, log::Error> {
    match meta.directory_id {
        Some(id) => Ok(id),
        None => {
            let id = fresh();
            meta.directory_id = Some(id);
            meta.write(disk, path)?;
            Ok(id)
        }
    }
}

/// Finishes what the last process was at; whether it has closed the directory in order.
fn prepare(disk: &dyn Disk, path: &Path) -> Result<bool, log::Error> {
    let was_clean = log_dir::is_clean(disk, path)?;
    for leftover in log_dir::list(disk, path)?.deleted {
        log_dir::remove_partition(disk, &leftover)?;
    }
    Ok(was_clean)
}

/// A directory with files in it that nobody formatted is somebody else's.
fn refuse_foreign(disk: &dyn Disk, path: &Path) -> Result<(), StartError> {
    let entries = disk.list(path).map_err(|source| log::Error::Io {
        operation: "list",
        path: path.to_owned(),
        source,
    })?;
    let foreign = entries.iter().find(|entry| entry.name != ".lock" && entry.name != "lost+found");
    match foreign {
        None => Ok(()),
        Some(entry) => Err(StartError::ForeignDirectory {
            path: path.to_owned(),
            reason: format!(
                "it has no meta.properties but holds '{}': give an empty directory, or one of a Kafka node",
                entry.name
            ),
        }),
    }
}

fn check_meta(
    path: &Path,
    meta: &MetaProperties,
    cluster_id: &str,
    node_id: BrokerId,
) -> Result<(), StartError> {
    let foreign = |reason| Err(StartError::ForeignDirectory { path: path.to_owned(), reason });
    if meta.node_id != node_id {
        return foreign(format!(
            "meta.properties says node.id={}, this node has node.id={node_id}",
            meta.node_id
        ));
    }
    if meta.cluster_id != cluster_id {
        return foreign(format!(
            "meta.properties says cluster.id={}, another directory says {cluster_id}",
            meta.cluster_id
        ));
    }
    Ok(())
}
