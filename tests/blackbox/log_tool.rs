//! Damage in the middle of a log: the node says where, never serves it as if it were good, and `millstream log` mends it.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use protocol::ErrorCode;

use crate::node::Node;
use crate::requests::*;
use crate::wire::Wire;

const LOG: &str = "00000000000000000000.log";
/// The batch that is damaged, of one record, as all are.
const VICTIM: i64 = 7;
const BATCHES: i64 = 20;
/// In a batch: the byte of the magic, in the header, and one in the records.
const MAGIC: u64 = 16;
const RECORD: u64 = 70;

/// Long enough for the index to have entries: not only a start meets the damage, but a read.
fn value(number: i64) -> String {
    format!("number {number:04} {}", "x".repeat(1000))
}

/// A stopped node with a damaged batch, and where that is.
struct Damaged {
    node: Node,
    topic: Topic,
    dir: PathBuf,
    position: u64,
}

impl Damaged {
    fn new(byte: u64) -> Self {
        let mut node = Node::start();
        let mut wire = Wire::connect(node.address);
        let topic = create_topic(&mut wire, "damaged", 1, &[]);
        let mut size = 0;
        for number in 0..BATCHES {
            let batch = batch(&[&value(number)]);
            size = batch.len() as u64;
            append(&mut wire, topic, batch);
        }
        assert!(node.stop().success());
        let dir = node.folder().join("millstream-data/damaged-0");
        let position = size * VICTIM as u64;
        let file = std::fs::File::options().read(true).write(true).open(dir.join(LOG)).unwrap();
        let mut bytes = [0];
        file.read_exact_at(&mut bytes, position + byte).unwrap();
        file.write_all_at(&[bytes[0] ^ 0x5a], position + byte).unwrap();
        Self { node, topic, dir, position }
    }

    fn tool(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.arg("log").args(args).current_dir(self.node.folder()).output().unwrap()
    }

    fn place(&self) -> String {
        format!("{LOG}: byte {}", self.position)
    }

    /// Whether `log verify` of all is well; if not, it names the place.
    fn verify(&self) -> bool {
        let Output { status, stdout, .. } = self.tool(&["verify"]);
        let text = String::from_utf8(stdout).unwrap();
        if status.success() {
            assert!(text.ends_with("all is well\n"), "{text}");
            return true;
        }
        assert_eq!(status.code(), Some(1), "{text}");
        assert!(text.contains(&self.place()) && text.contains("before the recovery point"), "{text}");
        assert!(text.ends_with(" 1 finding\n"), "{text}");
        false
    }

    /// Everything but the lost record is served, and new ones go behind.
    fn serves_the_rest(&mut self) {
        self.node.start_again();
        let mut wire = Wire::connect(self.node.address);
        let expect = (0..BATCHES).filter(|number| *number != VICTIM).map(|number| (number, value(number)));
        assert_eq!(read_all(&mut wire, self.topic), expect.collect::<Vec<_>>());
        assert_eq!(append(&mut wire, self.topic, batch(&["new"])), BATCHES);
    }
}

#[test]
fn a_damaged_batch_is_found_and_taken_out() {
    for byte in [MAGIC, RECORD] {
        let mut damaged = Damaged::new(byte);
        assert!(!damaged.verify());
        let dir = damaged.dir.to_str().unwrap().to_owned();
        let before = std::fs::read(damaged.dir.join(LOG)).unwrap();

        let plan = damaged.tool(&["repair", &dir]);
        let text = String::from_utf8(plan.stdout).unwrap();
        assert!(plan.status.success(), "{text}");
        let size = before.len() as u64 / BATCHES as u64;
        assert!(text.contains(&format!("lost: offset {VICTIM} ({size} bytes)")), "{text}");
        assert!(text.ends_with("nothing was changed: --execute does it\n"), "{text}");
        assert_eq!(std::fs::read(damaged.dir.join(LOG)).unwrap(), before);

        let done = damaged.tool(&["repair", "--execute", &dir]);
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(done.status.success() && text.ends_with("all is well\n"), "{text}");
        let kept = damaged.dir.join(format!("{LOG}.{}.corrupt", damaged.position));
        let victim = damaged.position as usize..(damaged.position + size) as usize;
        assert_eq!(std::fs::read(kept).unwrap(), before[victim], "no byte is gone");
        assert!(damaged.verify());

        damaged.serves_the_rest();
        // Also after a crash, where the recovery meets the gap.
        damaged.node.kill();
        damaged.node.start_again();
        let mut wire = Wire::connect(damaged.node.address);
        assert_eq!(read_all(&mut wire, damaged.topic).len() as i64, BATCHES);
        assert!(damaged.node.stop().success());
        assert!(damaged.verify());
    }
}

#[test]
fn a_damaged_header_is_an_error_with_its_place_and_not_skipped() {
    let mut damaged = Damaged::new(MAGIC);
    damaged.node.start_again();
    let mut wire = Wire::connect(damaged.node.address);
    let data = fetch(&mut wire, 13, damaged.topic, VICTIM);
    assert_eq!(data.error_code, code(ErrorCode::KafkaStorageError), "{data:?}");
    let place = format!("{LOG} is corrupt at byte {}", damaged.position);
    damaged.node.wait_for_line(&place);
    // A recovery does not cut what was durable: the partition is offline.
    damaged.node.kill();
    damaged.node.start_again();
    let offline = |line: &String| line.contains("the partition is offline") && line.contains(&place);
    assert!(damaged.node.early_lines.iter().any(offline), "{:?}", damaged.node.early_lines);
    let data = fetch(&mut Wire::connect(damaged.node.address), 13, damaged.topic, 0);
    assert_ne!(data.error_code, code(ErrorCode::None), "{data:?}");
}

#[test]
fn a_changed_record_is_an_error_with_its_place_and_never_sent() {
    let mut damaged = Damaged::new(RECORD);
    damaged.node.start_again();
    let mut wire = Wire::connect(damaged.node.address);
    // All that lies before it, and after it.
    let records = |wire: &mut Wire, from| records_of(&fetch(wire, 13, damaged.topic, from));
    assert_eq!(records(&mut wire, 0).last().unwrap().0, VICTIM - 1);
    assert_eq!(records(&mut wire, VICTIM + 1)[0].0, VICTIM + 1);
    let data = fetch(&mut wire, 13, damaged.topic, VICTIM);
    assert_eq!(data.error_code, code(ErrorCode::KafkaStorageError), "{data:?}");
    damaged.node.wait_for_line(&format!("{LOG} is corrupt at byte {}", damaged.position));
    assert_eq!(append(&mut wire, damaged.topic, batch(&["new"])), BATCHES);
}

#[test]
fn a_running_node_keeps_its_logs_from_being_mended() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "running", 1, &[]);
    append(&mut wire, topic, batch(&["a"]));
    let tool = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        let output = command.arg("log").args(args).current_dir(node.folder()).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, stderr, _) = tool(&["repair", "--execute", "millstream-data/running-0"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("a node uses") && stderr.contains("stop it"), "{stderr}");
    let (code, stderr, stdout) = tool(&["verify"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stderr.contains("a node uses"), "{stderr}");
    let (code, _, stdout) = tool(&["dump", "--records", "millstream-data/running-0"]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains(r#"key null  value "a""#) && stdout.contains("topic_id"), "{stdout}");
    let (_, _, stdout) = tool(&["dump", "--json", "--records", &format!("millstream-data/running-0/{LOG}")]);
    assert!(stdout.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{stdout}");
    assert!(stdout.contains(r#""value":"a""#) && stdout.contains(r#""crc_ok":true"#), "{stdout}");
    assert!(node.stop().success());
}
