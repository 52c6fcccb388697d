//! The quorum as a whole, on a temporary directory.

mod crash;
mod damage;
mod faults;
mod kafka;
mod snapshots;

use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use protocol::{BrokerId, Offset};

use crate::*;

/// A state machine that keeps every record with its offset, where a test can see them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The records, in order.
    records: Vec<Bytes>,
    /// The offsets of those that were applied and not loaded.
    offsets: Vec<i64>,
    loaded_from: Option<i64>,
    panic_at: Option<Bytes>,
    fault_at: Option<Bytes>,
}

impl Values {
    fn records(&self) -> Vec<Bytes> {
        self.seen.lock().unwrap().records.clone()
    }

    fn texts(&self) -> Vec<String> {
        self.records().iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
    }
}

impl StateMachine for Values {
    fn load(&mut self, snapshot: &mut LoadedSnapshot<'_>) -> Result<(), Fault> {
        let records = (&mut *snapshot.records).collect();
        let mut seen = self.seen.lock().unwrap();
        (seen.records, seen.loaded_from) = (records, Some(snapshot.end_offset.get()));
        Ok(())
    }

    fn apply(&mut self, batch: &CommittedBatch) -> Result<(), Fault> {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(!batch.records.iter().any(|r| Some(r) == seen.panic_at.as_ref()), "told to panic");
        if batch.records.iter().any(|r| Some(r) == seen.fault_at.as_ref()) {
            return Err("no such topic".into());
        }
        let base = batch.base_offset.get();
        assert!(seen.offsets.last().is_none_or(|last| *last < base), "applied twice");
        seen.offsets.extend((0..batch.records.len() as i64).map(|delta| base + delta));
        seen.records.extend(batch.records.iter().cloned());
        Ok(())
    }

    fn snapshot(&self) -> SnapshotRecords {
        Box::new(self.records().into_iter())
    }
}

fn options(dir: &Path) -> Options {
    Options::new(dir, "test-cluster", BrokerId(1))
}

fn record(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn open(dir: &Path) -> (RaftQuorum, Values) {
    let values = Values::default();
    (RaftQuorum::open(options(dir), values.clone()).await.unwrap(), values)
}

fn log_file(dir: &Path) -> std::path::PathBuf {
    dir.join("__cluster_metadata-0/00000000000000000000.log")
}

#[tokio::test]
async fn a_new_log_starts_with_the_bootstrap_records_once() {
    let dir = tempfile::tempdir().unwrap();
    let bootstrapped =
        || Options { bootstrap_records: vec![record("a"), record("b")], ..options(dir.path()) };
    for starts in 1..=3 {
        let values = Values::default();
        let quorum = RaftQuorum::open(bootstrapped(), values.clone()).await.unwrap();
        assert_eq!(values.texts(), ["a", "b"]);
        assert_eq!(quorum.status().leader, Some(BrokerId(1)));
        assert_eq!(quorum.status().leader_epoch.get(), starts, "each start is an epoch, as in Kafka");
        quorum.shutdown().await;
    }
}

#[tokio::test]
async fn an_answered_proposal_is_applied_and_outlives_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    // 0 and 1: kraft.version and voters; 2: leader change.
    let first = quorum.propose(vec![record("a"), record("b")]).await.unwrap();
    assert_eq!((first.offset, first.epoch.get()), (Offset(3), 1));
    assert_eq!(values.texts(), ["a", "b"]);
    assert_eq!(quorum.status().high_watermark, Offset(5));
    let second = quorum.propose(vec![record("c")]).await.unwrap();
    assert_eq!(second.offset, Offset(5));
    drop(quorum);

    let (quorum, values) = open(dir.path()).await;
    assert_eq!(values.texts(), ["a", "b", "c"]);
    assert_eq!(quorum.status().high_watermark, Offset(7));
    let third = quorum.propose(vec![record("d")]).await.unwrap();
    assert_eq!((third.offset, third.epoch.get()), (Offset(7), 2));
}

#[tokio::test]
async fn refuses_what_cannot_be_a_batch() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    assert!(matches!(quorum.propose(vec![]).await, Err(Error::Empty)));
    let large = quorum.propose(vec![Bytes::from(vec![0; 9 << 20])]).await;
    assert!(matches!(large, Err(Error::TooLarge { max_bytes: 8_388_608, .. })), "{large:?}");
    quorum.propose(vec![record("fine")]).await.unwrap();
    assert_eq!(values.texts(), ["fine"]);
}

#[tokio::test]
async fn a_voter_that_moved_says_so_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let at = |port| {
        let endpoint = Endpoint { name: "CONTROLLER".into(), host: "localhost".into(), port };
        Options { voter: Voter::new(protocol::Uuid([7; 16]), vec![endpoint]), ..options(dir.path()) }
    };
    let watermark = async |port| {
        let quorum = RaftQuorum::open(at(port), Values::default()).await.unwrap();
        quorum.status().high_watermark.get()
    };
    assert_eq!(watermark(9093).await, 3);
    assert_eq!(watermark(9093).await, 4, "a leader change");
    assert_eq!(watermark(9094).await, 6, "a leader change and voters");
    assert_eq!(watermark(9094).await, 7);
}

#[tokio::test]
async fn proposals_of_many_tasks_are_all_applied_in_one_order() {
    let dir = tempfile::tempdir().unwrap();
    let (quorum, values) = open(dir.path()).await;
    let quorum = Arc::new(quorum);
    let proposals = (0..300).map(|i| {
        let quorum = Arc::clone(&quorum);
        tokio::spawn(async move { quorum.propose(vec![record(&i.to_string())]).await.unwrap().offset.get() })
    });
    let mut offsets = Vec::new();
    for proposal in proposals.collect::<Vec<_>>() {
        offsets.push(proposal.await.unwrap());
    }
    offsets.sort_unstable();
    assert_eq!(offsets, (3..303).collect::<Vec<_>>());
    assert_eq!(values.seen.lock().unwrap().offsets, offsets);
}
