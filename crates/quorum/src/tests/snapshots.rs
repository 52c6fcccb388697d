//! Snapshots are made when due, loaded at start, and let the log go.

use std::time::Duration;

use super::*;

/// The names in the log's directory.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("__cluster_metadata-0")).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Waits until openraft has taken notice of a snapshot that covers what is applied.
async fn snapshot(quorum: &RaftQuorum) {
    quorum.snapshot_now().await;
    quorum.snapshot_covers_all().await;
}

#[tokio::test]
async fn the_log_before_a_snapshot_goes_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = open(dir.path()).await;
    let mut expect = Vec::new();
    for round in 0..3 {
        for i in 0..10 {
            expect.push(format!("{round}/{i}"));
            quorum.propose(vec![record(&expect[expect.len() - 1])]).await.unwrap();
        }
        snapshot(&quorum).await;
    }
    // The last segment before a snapshot goes with the next one.
    assert_eq!(
        names(dir.path()),
        [
            "00000000000000000023.log",
            "00000000000000000033-0000000001.checkpoint",
            "leader-epoch-checkpoint",
            "quorum-state"
        ]
    );
    quorum.propose(vec![record("tail")]).await.unwrap();
    expect.push("tail".to_owned());
    drop(quorum);

    for epoch in 2..4 {
        let (quorum, values) = open(dir.path()).await;
        assert_eq!(values.texts(), expect);
        assert_eq!(values.seen.lock().unwrap().loaded_from, Some(33));
        assert_eq!(quorum.status().leader_epoch.get(), epoch);
        assert_eq!(names(dir.path())[0], "00000000000000000033-0000000001.checkpoint");
    }
}

#[tokio::test]
async fn a_snapshot_is_made_after_so_many_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let limited = || Options { max_bytes_between_snapshots: 2_000, ..options(dir.path()) };
    let values = Values::default();
    let quorum = RaftQuorum::open(limited(), values.clone()).await.unwrap();
    for i in 0..200 {
        quorum.propose(vec![record(&format!("{i:0100}"))]).await.unwrap();
    }
    quorum.snapshot_covers_some().await;
    let log_bytes = || -> u64 {
        let logs = names(dir.path()).into_iter().filter(|name| name.ends_with(".log"));
        logs.map(|name| dir.path().join("__cluster_metadata-0").join(name).metadata().unwrap().len()).sum()
    };
    let all = values.records();
    drop(quorum);
    let values = Values::default();
    let quorum = RaftQuorum::open(limited(), values.clone()).await.unwrap();
    assert!(log_bytes() < 200 * 100, "{}", log_bytes());
    assert_eq!(values.records(), all);
    drop(quorum);
}

#[tokio::test]
async fn a_snapshot_is_made_after_so_much_time() {
    const INTERVAL: Duration = Duration::from_millis(100);
    let dir = tempfile::tempdir().unwrap();
    let before = std::time::Instant::now();
    let limited = Options { max_snapshot_interval: INTERVAL, ..options(dir.path()) };
    let quorum = RaftQuorum::open(limited, Values::default()).await.unwrap();
    quorum.propose(vec![record("a")]).await.unwrap();
    quorum.snapshot_covers_some().await;
    assert!(before.elapsed() >= INTERVAL, "{:?}", before.elapsed());
}

#[tokio::test]
async fn a_snapshot_of_many_batches_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = open(dir.path()).await;
    let large: Vec<Bytes> = (0..5u8).map(|i| Bytes::from(vec![i; 700_000])).collect();
    quorum.propose(large.clone()).await.unwrap();
    snapshot(&quorum).await;
    drop(quorum);
    let (_quorum, values) = open(dir.path()).await;
    assert_eq!(values.records(), large);
    assert!(values.seen.lock().unwrap().offsets.is_empty(), "all of it from the snapshot");
}
