//! Faults stop the quorum, and are told.

use super::*;

async fn fails(quorum: &RaftQuorum, expect: &str) {
    let error = quorum.propose(vec![record("boom")]).await.unwrap_err();
    assert!(matches!(&error, Error::Failed(reason) if reason.contains(expect)), "{error}");
    let mut status = quorum.subscribe();
    let status = status.wait_for(|s| s.stopped.is_some()).await.unwrap().clone();
    assert!(matches!(status.stopped, Some(Stop::Failed(reason)) if reason.contains(expect)));
    let again = quorum.propose(vec![record("more")]).await.unwrap_err();
    assert!(matches!(again, Error::Failed(_)), "{again}");
}

#[tokio::test]
async fn a_panic_of_the_state_machine_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    values.seen.lock().unwrap().panic_at = Some(record("boom"));
    fails(&quorum, "told to panic").await;
}

#[tokio::test]
async fn a_record_that_cannot_be_applied_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    values.seen.lock().unwrap().fault_at = Some(record("boom"));
    fails(&quorum, "no such topic").await;
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    quorum.propose(vec![record("a")]).await.unwrap();
    // A snapshot cannot be written where there is no directory any more.
    std::fs::remove_dir_all(dir.path().join("__cluster_metadata-0")).unwrap();
    quorum.snapshot_now().await;
    let mut status = quorum.subscribe();
    let status = status.wait_for(|s| s.stopped.is_some()).await.unwrap().clone();
    assert!(matches!(status.stopped, Some(Stop::Failed(reason)) if reason.contains("cannot create")));
    assert_eq!(values.texts(), ["a"]);
}

#[tokio::test]
async fn a_shutdown_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = open(dir.path()).await;
    quorum.shutdown().await;
    assert!(matches!(quorum.propose(vec![record("late")]).await, Err(Error::Stopped)));
    let mut status = quorum.subscribe();
    let status = status.wait_for(|s| s.stopped.is_some()).await.unwrap().clone();
    assert_eq!(status.stopped, Some(Stop::Shutdown));
}
