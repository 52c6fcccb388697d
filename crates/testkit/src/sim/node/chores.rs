//! The chores of logs: retention, checkpoints, files that wait to be removed, records deleted by request
//! (`broker/src/housekeeping.rs`).

use std::path::PathBuf;

use log::CleaningLimits;
use protocol::{ErrorCode, Offset, TopicPartition};

use super::Node;
use crate::sim::event::{Event, Incarnation};
use crate::sim::scene::Scene;

/// How long the files of a deleted segment stay.
const FILE_DELETE_DELAY_MS: u64 = 5_000;

/// A file of a deleted segment.
pub(super) struct Doomed {
    at_ms: u64,
    path: PathBuf,
    directory: usize,
}

impl Node {
    /// One chore, at any time.
    pub(crate) fn step_chore(&mut self, scene: &mut Scene) {
        match scene.random.below(14) {
            0..3 => self.retain(scene),
            3..6 => self.checkpoint(scene),
            6 => {
                let now = scene.now;
                scene.trace(format_args!("producers expire"));
                self.partitions
                    .values_mut()
                    .for_each(|partition| partition.log.remove_expired_producers(now));
            }
            7 => {
                scene.trace(format_args!("idle files are closed"));
                self.partitions.values().for_each(|partition| partition.log.close_idle_files());
            }
            8 | 9 => self.show_coordinator(scene),
            10 => self.flush_all(scene),
            11 | 12 => self.clean(scene),
            _ => self.remove_doomed(scene),
        }
    }

    /// `flush.ms` has passed for every partition.
    pub(crate) fn flush_all(&mut self, scene: &mut Scene) {
        scene.trace(format_args!("everything is to be flushed"));
        for id in self.ids() {
            self.request_flush(&id);
        }
    }

    fn retain(&mut self, scene: &mut Scene) {
        let mut moved = vec![false; self.directories.len()];
        let mut files = Vec::new();
        for partition in self.partitions.values_mut() {
            let before = partition.log.log_start_offset();
            match partition.log.retain(scene.now) {
                Ok(retained) if retained.files.is_empty() => {}
                Ok(retained) => {
                    moved[partition.directory] = true;
                    files.extend(retained.files.into_iter().map(|path| Doomed {
                        at_ms: scene.now.monotonic_ms + FILE_DELETE_DELAY_MS,
                        path,
                        directory: partition.directory,
                    }));
                }
                Err(error) => scene.trace(format_args!("retention of {}: {error}", partition.id)),
            }
            let log_start = partition.log.log_start_offset();
            if log_start != before {
                scene.trace(format_args!("retention: {} starts at {log_start}", partition.id));
                scene.observe(&Event::StartMoved { id: &partition.id, log_start: log_start.get() });
            }
        }
        for (index, _) in moved.into_iter().enumerate().filter(|(_, moved)| *moved) {
            if let Err(error) = self.write_log_starts(index) {
                // The segments stay.
                return scene.trace(format_args!("log starts of directory {index}: {error}"));
            }
        }
        self.doomed.extend(files);
    }

    /// The cleaner comes to a compacted log (`broker/src/cleaner.rs`). It begins anew after a restart.
    fn clean(&mut self, scene: &mut Scene) {
        let compacted: Vec<_> =
            self.partitions.values().filter(|p| p.log.config().compact).map(|p| p.name().clone()).collect();
        if compacted.is_empty() {
            return;
        }
        let name = scene.pick(&compacted);
        if let Err(error) = self.try_clean(scene, &name) {
            scene.trace(format_args!("cleaning of {name}: {error}"));
        }
    }

    fn try_clean(&mut self, scene: &mut Scene, name: &TopicPartition) -> Result<(), log::Error> {
        let Some(partition) = self.partitions.get_mut(name) else { return Ok(()) };
        let directory = partition.directory;
        let Some(what) = partition.log.cleanable(partition.clean_to, scene.now)? else { return Ok(()) };
        let limits = CleaningLimits {
            map_bytes: scene.pick(&[24 * 4, 24 * 20, 1 << 16]),
            map_load: 0.9,
            write_bytes: scene.pick(&[1, 500, 1 << 16]),
            seed: [1, 2],
        };
        let mut cleaning = partition.log.start_cleaning(what, limits, scene.now)?;
        let clean_to = cleaning.map(&mut |_| Ok(()))?;
        let ours = self.partitions.values().filter(|partition| partition.directory == directory);
        self.directories[directory].write_recovery_points(ours)?;
        let Some(partition) = self.partitions.get_mut(name) else { return Ok(()) };
        scene.observe(&Event::Cleaning { id: &partition.id, end: clean_to.get() });
        while let Some(cleaned) = cleaning.next(&mut |_| Ok(()))? {
            let Some(files) = partition.log.replace(cleaned)? else { return Ok(()) };
            let at_ms = scene.now.monotonic_ms + FILE_DELETE_DELAY_MS;
            self.doomed.extend(files.into_iter().map(|path| Doomed { at_ms, path, directory }));
        }
        partition.clean_to = Some(clean_to);
        let report = cleaning.report();
        scene.trace(format_args!(
            "{name} is clean to {clean_to}: {} of {} records stay",
            report.records_kept, report.records_read
        ));
        Ok(())
    }

    fn remove_doomed(&mut self, scene: &mut Scene) {
        let now_ms = scene.now.monotonic_ms;
        for doomed in self.doomed.extract_if(.., |doomed| doomed.at_ms <= now_ms) {
            let removed = self.directories[doomed.directory].disk.remove_file(&doomed.path);
            scene.trace(format_args!("{} removed: {}", doomed.path.display(), removed.is_ok()));
        }
    }

    fn checkpoint(&mut self, scene: &mut Scene) {
        scene.trace(format_args!("checkpoint"));
        for index in 0..self.directories.len() {
            if let Err(error) = self.write_checkpoints(index) {
                scene.trace(format_args!("checkpoints of directory {index}: {error}"));
            }
        }
    }

    fn write_log_starts(&self, index: usize) -> Result<(), log::Error> {
        let ours = self.partitions.values().filter(|partition| partition.directory == index);
        self.directories[index].write_log_starts(ours)
    }

    /// Moves the start of a log and makes that durable. Whether it is.
    pub(super) fn move_start(&mut self, scene: &mut Scene, name: &TopicPartition, start: Offset) -> bool {
        let Some(partition) = self.partitions.get_mut(name) else { return false };
        if let Err(error) = partition.log.advance_log_start_offset(start) {
            partition.refusal(&error);
            return false;
        }
        let log_start = partition.log.log_start_offset().get();
        scene.observe(&Event::StartMoved { id: &partition.id, log_start });
        let directory = partition.directory;
        match self.write_log_starts(directory) {
            Ok(()) => true,
            Err(error) => {
                scene.trace(format_args!("log starts of directory {directory}: {error}"));
                false
            }
        }
    }

    /// A DeleteRecords request: the log's start afterwards.
    pub(crate) fn delete_records(
        &mut self,
        scene: &mut Scene,
        id: &Incarnation,
        before: i64,
    ) -> Result<i64, ErrorCode> {
        let Some(partition) = self.partition(id) else {
            return Err(ErrorCode::UnknownTopicOrPartition);
        };
        if partition.log.durable_offset() < Offset(before) {
            // The broker answers when the flush is over; here the admin asks again.
            self.request_flush(id);
            return Err(ErrorCode::RequestTimedOut);
        }
        match self.move_start(scene, &id.partition, Offset(before)) {
            true => Ok(self.partition(id).map_or(0, |partition| partition.log.log_start_offset().get())),
            false => Err(ErrorCode::KafkaStorageError),
        }
    }
}
