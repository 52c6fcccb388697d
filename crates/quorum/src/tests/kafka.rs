//! Directories that Apache Kafka made, and what it finds there afterwards.

use protocol::records::{BatchBuilder, ControlType};
use protocol::{LeaderEpoch, Uuid};

use super::*;
use crate::codec::control::{self, Control, SnapshotHeader};
use crate::codec::{DataBatch, control_batch};
use crate::types::{Membership, Voter as Member};

const VOTERS: &[u8] = include_bytes!("../../testdata/kafka-4.3.1-voters.checkpoint");
const BOOTSTRAP: &[u8] = include_bytes!("../../testdata/kafka-4.3.1-bootstrap.checkpoint");
/// The directory and the listener that are in `VOTERS`.
const DIRECTORY: &str = "b04Qi0geSraOZRpzmKH1QQ";
const LISTENER: (&str, &str, u16) = ("CONTROLLER", "127.0.0.1", 29_093);

fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join("__cluster_metadata-0").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn read(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join("__cluster_metadata-0").join(name)).unwrap()
}

fn data(offset: i64, epoch: i32, texts: &[&str]) -> Vec<u8> {
    let mut batch = DataBatch::new(Offset(offset), LeaderEpoch(epoch), 77);
    texts.iter().for_each(|text| batch.push(&record(text)).unwrap());
    batch.build().unwrap()
}

fn controls(offset: i64, epoch: i32, controls: &[Control]) -> Vec<u8> {
    control_batch(controls, Offset(offset), LeaderEpoch(epoch), 77).unwrap()
}

fn leader_change(voters: &[u64]) -> Control {
    control::leader_change(1, &voters.iter().copied().collect()).unwrap()
}

fn voters(ids: &[u64]) -> Control {
    let nodes = ids.iter().map(|id| (*id, Member::default())).collect::<std::collections::BTreeMap<_, _>>();
    control::voters(&Membership::new(vec![ids.iter().copied().collect()], nodes), None).unwrap()
}

/// A snapshot as Kafka writes it, which does not say the index of its last entry.
fn snapshot(recorded: Option<Control>, texts: &[&str]) -> Vec<u8> {
    let header = SnapshotHeader { covers: None, last_timestamp_ms: 77 };
    let mut header = vec![control::snapshot_header(&header).unwrap()];
    if let Some(voters) = recorded {
        header.extend([control::kraft_version().unwrap(), voters]);
    }
    let (first, last) = (header.len() as i64, (header.len() + texts.len()) as i64);
    let footer = [control::snapshot_footer().unwrap()];
    [controls(0, 0, &header), data(first, 0, texts), controls(last, 0, &footer)].concat()
}

/// The types of the control records in the files of the log, in order.
fn control_types(dir: &Path) -> Vec<ControlType> {
    let mut names: Vec<_> =
        std::fs::read_dir(dir.join("__cluster_metadata-0")).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "log" || e == "checkpoint"));
    names.sort();
    let mut types = vec![];
    for path in names {
        let bytes = std::fs::read(path).unwrap();
        for batch in protocol::records::batches(&bytes).map(Result::unwrap) {
            if batch.header().attributes.is_control() {
                types
                    .extend(crate::codec::control_records(&batch).unwrap().into_iter().map(|(kind, _)| kind));
            }
        }
    }
    types
}

#[tokio::test]
async fn a_formatted_directory_starts_with_what_it_was_formatted_with() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "00000000000000000000-0000000000.checkpoint", VOTERS);
    std::fs::write(dir.path().join("bootstrap.checkpoint"), BOOTSTRAP).unwrap();
    let directory: Uuid = DIRECTORY.parse().unwrap();
    let ours = || Options {
        bootstrap_records: vec![record("ours")],
        voter: Voter::new(directory, vec![]),
        ..options(dir.path())
    };
    for epoch in 1..3 {
        let values = Values::default();
        let quorum = RaftQuorum::open(ours(), values.clone()).await.unwrap();
        let texts = values.texts();
        assert_eq!(texts.len(), 6, "{texts:?}");
        assert!(texts[0].contains("metadata.version") && texts[5].contains("transaction.version"));
        assert_eq!(quorum.status().leader_epoch.get(), epoch);
        quorum.shutdown().await;
    }
    let log = read(dir.path(), "00000000000000000000.log");
    let first = protocol::records::batches(&log).next().unwrap().unwrap();
    let (_, value) = crate::codec::control_records(&first).unwrap().pop().unwrap();
    let recorded = control::read_voters(&value).unwrap().0.get_node(&1).cloned().unwrap();
    let (name, host, port) = LISTENER;
    let endpoint = Endpoint { name: name.into(), host: host.into(), port };
    assert_eq!(recorded, Voter::new(directory, vec![endpoint]), "what Kafka knows of this node stays");
}

#[tokio::test]
async fn a_snapshot_and_the_log_after_it_are_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        "00000000000000000007-0000000002.checkpoint",
        &snapshot(Some(voters(&[1])), &["a", "b"]),
    );
    // The log may reach back to before the snapshot, and has older ones beside it.
    write(dir.path(), "00000000000000000000-0000000000.checkpoint", VOTERS);
    let log = [data(5, 2, &["a", "b"]), controls(7, 3, &[leader_change(&[1])]), data(8, 3, &["c"])].concat();
    write(dir.path(), "00000000000000000005.log", &log);
    write(
        dir.path(),
        "quorum-state",
        br#"{"leaderId":1,"leaderEpoch":3,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
    );
    let mut expect = vec!["a", "b", "c"];
    for (epoch, text) in [(4, "d"), (5, "e"), (6, "f")] {
        let (quorum, values) = open(dir.path()).await;
        assert_eq!(values.texts(), expect);
        assert_eq!((quorum.epoch_before().get(), quorum.status().leader_epoch.get()), (epoch - 1, epoch));
        quorum.propose(vec![record(text)]).await.unwrap();
        expect.push(text);
        if epoch == 5 {
            quorum.snapshot_now().await;
            quorum.snapshot_covers_all().await;
        }
        quorum.shutdown().await;
    }
    let state = String::from_utf8(read(dir.path(), "quorum-state")).unwrap();
    assert!(state.contains(r#""leaderId":1,"leaderEpoch":6,"votedId":-1,"#), "{state}");
}

/// `kraft.version` 0: the voters are in the properties, and are nowhere recorded but where a leader repeats them.
#[tokio::test]
async fn configured_voters_are_not_recorded_afterwards_either() {
    let state = r#"{"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}"#;
    let dir = tempfile::tempdir().unwrap();
    let log = [controls(0, 2, &[leader_change(&[1])]), data(1, 2, &["a"])].concat();
    write(dir.path(), "00000000000000000000.log", &log);
    write(dir.path(), "quorum-state", state.as_bytes());
    let mut expect = vec!["a".to_owned()];
    for epoch in 3..6 {
        let (quorum, values) = open(dir.path()).await;
        assert_eq!(values.texts(), expect);
        assert_eq!(quorum.status().leader_epoch.get(), epoch);
        expect.push(epoch.to_string());
        quorum.propose(vec![record(&epoch.to_string())]).await.unwrap();
        if epoch == 4 {
            quorum.snapshot_now().await;
            quorum.snapshot_covers_all().await;
        }
        quorum.shutdown().await;
    }
    let written = String::from_utf8(read(dir.path(), "quorum-state")).unwrap();
    assert_eq!(written.trim_end().len(), state.len(), "the same fields: {written}");
    assert!(written.contains(r#""currentVoters":[{"voterId":1}],"data_version":0"#), "{written}");
    let types = control_types(dir.path());
    assert!(types.contains(&ControlType::SnapshotHeader) && types.contains(&ControlType::LeaderChange));
    assert!(!types.contains(&ControlType::KRaftVoters), "{types:?}");
    assert!(!types.contains(&ControlType::KRaftVersion), "{types:?}");
}

#[tokio::test]
async fn a_quorum_of_others_is_refused() {
    async fn check(name: &str, bytes: &[u8], state: Option<&str>, expect: &[i32]) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), name, bytes);
        if let Some(state) = state {
            write(dir.path(), "quorum-state", state.as_bytes());
        }
        match RaftQuorum::open(options(dir.path()), Values::default()).await {
            Err(Error::Voters { voters, .. }) => {
                assert_eq!(voters, expect.iter().copied().map(BrokerId).collect::<Vec<_>>());
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }
    let (log, three) = ("00000000000000000000.log", "00000000000000000003-0000000001.checkpoint");
    check(log, &controls(0, 1, &[leader_change(&[1, 2, 3])]), None, &[1, 2, 3]).await;
    let first = [leader_change(&[1, 2]), control::kraft_version().unwrap(), voters(&[1, 2])];
    check(log, &controls(0, 1, &first), None, &[1, 2]).await;
    check(three, &snapshot(Some(voters(&[2])), &["a"]), None, &[2]).await;
    let state = r#"{"clusterId":"","leaderId":-1,"leaderEpoch":3,"votedId":2,"appliedOffset":0,"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}"#;
    check(three, &snapshot(None, &["a"]), Some(state), &[1, 2]).await;
}

#[tokio::test]
async fn a_control_batch_that_says_nothing_known_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let mut builder = BatchBuilder::new(Offset::ZERO).partition_leader_epoch(LeaderEpoch(1));
    builder.append_control(ControlType::Commit, 0, &[0; 6]).unwrap();
    write(dir.path(), "00000000000000000000.log", &builder.build().unwrap());
    assert!(matches!(
        RaftQuorum::open(options(dir.path()), Values::default()).await,
        Err(Error::Corrupt { damage: Damage::Control { base_offset: 0 }, .. })
    ));
}
