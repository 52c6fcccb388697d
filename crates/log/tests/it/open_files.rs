//! What a log keeps open on the operating system's disk.

use std::fs;
use std::path::Path;

use log::disk::OsDisk;
use log::{Log, Recovery};
use protocol::TopicPartition;

use crate::support::{CLEAN, NOW, append, everything, plain, small};

/// The names of this process's open files in a folder.
fn open_files(folder: &Path) -> Vec<String> {
    let all =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut names: Vec<String> = all
        .filter(|path| path.starts_with(folder))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
#[cfg(target_os = "linux")]
fn a_segment_that_nobody_reads_has_no_open_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("t-0");
    let open = |recovery: Recovery| {
        Log::open(OsDisk::shared(), &path, TopicPartition::new("t", 0), small(), recovery, NOW).unwrap().0
    };
    let mut log = open(Recovery::default());
    for _ in 0..40 {
        append(&mut log, plain(3));
    }
    assert!(log.segment_count() > 5);
    let end = log.log_end_offset();
    log.close().unwrap();
    drop(log);

    // Whether it was closed or killed: nothing is open but what is written to.
    for recovery in [CLEAN, Recovery { recovery_point: end, ..Recovery::default() }] {
        let log = open(recovery);
        let names =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let active = names.filter_map(|name| name.strip_suffix(".log").map(str::to_owned)).max().unwrap();
        let open = open_files(&path);
        assert!(open.iter().all(|name| name.starts_with(&active)), "{recovery:?}: {open:?}");

        everything(&log);
        assert!(open_files(&path).len() > 5);
        log.close_idle_files();
        assert!(open_files(&path).len() <= 3, "{:?}", open_files(&path));
    }
}
