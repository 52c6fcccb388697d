//! What a start makes of a directory that is not as it was left.

use super::*;

async fn refused(dir: &Path) -> Error {
    match RaftQuorum::open(options(dir), Values::default()).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

/// A directory whose log has three data batches, each of 69 bytes.
async fn three() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, _) = open(dir.path()).await;
    for text in ["a", "b", "c"] {
        quorum.propose(vec![record(text)]).await.unwrap();
    }
    dir
}

#[tokio::test]
async fn damage_before_a_whole_batch_is_an_error_that_says_where() {
    let dir = three().await;
    let path = log_file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    let second = whole.len() - 2 * 69;
    for at in [second, second + 8, second + 12, second + 20, second + 68] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let error = refused(dir.path()).await;
        let found = matches!(&error, Error::Corrupt { path: p, position, .. } if *p == path && *position == second as u64);
        // A leader epoch that is too great is seen where the next one falls back.
        let next = matches!(&error, Error::Corrupt { position, .. } if at == second + 12 && *position == second as u64 + 69);
        assert!(found || next, "byte {at}: {error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing is changed");
    }
}

#[tokio::test]
async fn a_torn_end_is_cut() {
    let dir = three().await;
    let path = log_file(dir.path());
    let whole = std::fs::read(&path).unwrap();
    for torn in [&b"\0"[..], &[0; 4096], &whole[whole.len() - 69..whole.len() - 1], &[0xff; 100]] {
        std::fs::write(&path, [&whole, torn].concat()).unwrap();
        let (quorum, values) = open(dir.path()).await;
        assert_eq!(values.texts(), ["a", "b", "c"]);
        drop(quorum);
        std::fs::write(&path, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_lost_vote_does_not_take_the_epoch_back() {
    let dir = three().await;
    drop(open(dir.path()).await);
    std::fs::remove_file(dir.path().join("__cluster_metadata-0/quorum-state")).unwrap();
    let (quorum, values) = open(dir.path()).await;
    assert_eq!(values.texts(), ["a", "b", "c"]);
    assert_eq!(quorum.status().leader_epoch.get(), 3);
}

#[tokio::test]
async fn a_directory_of_another_node_or_cluster_is_refused() {
    let dir = three().await;
    let meta = dir.path().join("meta.properties");
    std::fs::write(&meta, "#\nversion=1\nnode.id=1\ncluster.id=test-cluster\n").unwrap();
    drop(open(dir.path()).await);
    std::fs::write(&meta, "version=1\nnode.id=2\ncluster.id=test-cluster\n").unwrap();
    let error = refused(dir.path()).await;
    assert!(matches!(error, Error::ForeignDirectory { property: "node.id", .. }), "{error}");
    std::fs::write(&meta, "version=1\nnode.id=1\ncluster.id=other\n").unwrap();
    let error = refused(dir.path()).await;
    assert!(matches!(error, Error::ForeignDirectory { property: "cluster.id", .. }), "{error}");
    std::fs::remove_file(&meta).unwrap();
    let other = Options { node_id: BrokerId(2), ..options(dir.path()) };
    let error = RaftQuorum::open(other, Values::default()).await.err().unwrap();
    assert!(matches!(error, Error::Voters { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_vote_or_snapshot_is_an_error() {
    let dir = three().await;
    let state = dir.path().join("__cluster_metadata-0/quorum-state");
    let kept = std::fs::read(&state).unwrap();
    std::fs::write(&state, "{").unwrap();
    assert!(matches!(refused(dir.path()).await, Error::Corrupt { path, .. } if path == state));
    std::fs::write(&state, kept).unwrap();

    let (quorum, _) = open(dir.path()).await;
    quorum.snapshot_now().await;
    quorum.snapshot_covers_all().await;
    drop(quorum);
    let names = std::fs::read_dir(dir.path().join("__cluster_metadata-0")).unwrap();
    let mut paths = names.map(|name| name.unwrap().path());
    let snapshot = paths.find(|path| path.extension().is_some_and(|e| e == "checkpoint")).unwrap();
    let whole = std::fs::read(&snapshot).unwrap();
    for bytes in [&whole[..whole.len() - 75], &whole[..100], b""] {
        std::fs::write(&snapshot, bytes).unwrap();
        assert!(matches!(refused(dir.path()).await, Error::Corrupt { path, .. } if path == snapshot));
    }
}
