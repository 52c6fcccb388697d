//! The process: starting, refusing to start, health, metrics, stopping, starting again.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use crate::node::{Node, server_command, wait_for_exit};
use crate::requests::*;
use crate::wire::Wire;

/// Runs the server where it cannot start: exit code 1 and one line on stderr, which this returns.
#[track_caller]
fn refusal(folder: &Path, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|o| (*o).to_owned()).collect();
    let mut child = server_command(folder, &overrides).stderr(Stdio::piped()).spawn().unwrap();
    let status = wait_for_exit(&mut child);
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[track_caller]
fn check_refusal(folder: &Path, overrides: &[&str], expect: &[&str]) {
    let line = refusal(folder, overrides);
    for part in expect {
        assert!(line.contains(part), "{part:?} in {line:?}");
    }
}

#[test]
fn health_and_metrics() {
    let node = Node::start();
    assert_eq!(node.get("/health/live").0, 200);
    assert_eq!(node.get("/health/ready").0, 200);
    assert_eq!(node.get("/nothing").0, 404);

    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "counted", 1, &[]);
    append(&mut wire, topic, batch(&["a", "b", "c"]));
    crate::groups::commit(&mut wire, "readers", topic, 1);
    let (status, text) = node.get("/metrics");
    assert_eq!(status, 200);
    let value = |start: &str, labels: &[&str]| -> f64 {
        let line = text.lines().find(|line| {
            line.strip_prefix(start).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        let line = line.unwrap_or_else(|| panic!("no {start} {labels:?} in:\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let of_topic = ["topic=\"counted\""];
    assert_eq!(value("kafka_server_brokertopicmetrics_messagesin_total", &of_topic), 3.0);
    assert!(value("kafka_server_brokertopicmetrics_bytesin_total", &of_topic) > 60.0);
    let of_partition = ["topic=\"counted\"", "partition=\"0\""];
    assert_eq!(value("kafka_topic_partition_current_offset", &of_partition), 3.0);
    assert_eq!(value("kafka_topic_partition_oldest_offset", &of_partition), 0.0);
    assert_eq!(value("kafka_topic_partitions", &of_topic), 1.0);
    let of_group = ["topic=\"counted\"", "partition=\"0\"", "consumergroup=\"readers\""];
    assert_eq!(value("kafka_consumergroup_current_offset", &of_group), 1.0);
    assert_eq!(value("kafka_consumergroup_lag", &of_group), 2.0);
    assert_eq!(value("kafka_controller_kafkacontroller_activecontrollercount", &[]), 1.0);
    assert_eq!(value("kafka_server_replicamanager_underreplicatedpartitions", &[]), 0.0);
    assert_eq!(value("kafka_brokers", &[]), 1.0);
    assert_eq!(value("kafka_network_requestmetrics_requests_total", &["request=\"Produce\""]), 1.0);
}

#[test]
fn stops_on_sigterm_and_keeps_its_data() {
    let mut node = Node::start();
    let mut wire = Wire::connect(node.address);
    let topic = create_topic(&mut wire, "kept", 1, &[]);
    append(&mut wire, topic, batch(&["a", "b"]));
    let cluster_id = metadata(&mut wire, Some(&[])).cluster_id;
    assert!(node.ready_line.ends_with(&format!("cluster.id={}", cluster_id.as_deref().unwrap())));

    // The connection is open and the node stops all the same.
    assert_eq!(node.stop().code(), Some(0));
    assert!(wire.is_closed());
    node.start_again();
    let mut wire = Wire::connect(node.address);
    let again = metadata(&mut wire, Some(&["kept"]));
    assert_eq!((again.cluster_id, again.topics[0].topic_id), (cluster_id, topic.id));
    let values = |wire: &mut Wire| -> Vec<_> { read_all(wire, topic).into_iter().map(|(_, v)| v).collect() };
    assert_eq!(values(&mut wire), ["a", "b"]);
    assert_eq!(append(&mut wire, topic, batch(&["c"])), 2);

    node.kill();
    node.start_again();
    assert_eq!(values(&mut Wire::connect(node.address)), ["a", "b", "c"]);
}

#[test]
fn a_taken_port_is_named() {
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let listeners = format!("listeners=PLAINTEXT://{}", node.address);
    check_refusal(folder.path(), &[&listeners], &[&listeners]);
    let admin = format!("admin.listener={}", node.admin.unwrap());
    check_refusal(folder.path(), &[&admin], &[&admin]);
    assert!(!folder.path().join("millstream-data").exists(), "a start that fails leaves nothing");
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "in the way").unwrap();
    check_refusal(folder.path(), &["log.dirs=file"], &["log.dirs=file"]);
    check_refusal(folder.path(), &["log.dirs=file/below"], &["log.dirs=file/below"]);

    fs::create_dir(folder.path().join("photos")).unwrap();
    fs::write(folder.path().join("photos/cat.jpg"), "a cat").unwrap();
    check_refusal(folder.path(), &["log.dirs=photos"], &["log.dirs=photos", "cat.jpg"]);
    assert_eq!(fs::read(folder.path().join("photos/cat.jpg")).unwrap(), b"a cat");
}

#[test]
fn a_directory_belongs_to_one_process_and_one_node() {
    let mut node = Node::start();
    check_refusal(node.folder(), &[], &["millstream-data", "lock"]);
    // The first one does not notice.
    metadata(&mut Wire::connect(node.address), None);
    assert!(node.stop().success());
    check_refusal(node.folder(), &["node.id=7"], &["millstream-data", "node.id=1", "node.id=7"]);

    let mut other = Node::start();
    assert!(other.stop().success());
    let dirs = format!("log.dirs=millstream-data,{}", other.folder().join("millstream-data").display());
    check_refusal(node.folder(), &[&dirs], &["log.dirs=", "cluster.id="]);
}

#[test]
fn a_bad_value_is_named_and_an_unknown_property_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    check_refusal(folder.path(), &["num.partitions=many"], &["num.partitions", "many"]);
    check_refusal(folder.path(), &["num.partitions=0"], &["num.partitions", "0"]);
    let unknown_host = "max.connections.per.ip.overrides=no-such-host.invalid:5";
    check_refusal(
        folder.path(),
        &[unknown_host],
        &["max.connections.per.ip.overrides", "no-such-host.invalid"],
    );
    check_refusal(folder.path(), &["listeners=nonsense"], &["listeners", "nonsense"]);
    check_refusal(folder.path(), &["log.retention.ms=0"], &["log.retention.ms", "0"]);

    let node = Node::start_with(&["no.such.property=secret"]);
    let line = node.early_lines.iter().find(|line| line.contains("no.such.property")).expect("a warning");
    assert!(line.contains("WARN") && !line.contains("secret"), "{line}");
}

#[test]
fn a_properties_file_and_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    fs::write(&file, "# a comment\nnode.id=5\nnum.partitions = 3\nlog.dirs=\\\n  elsewhere\n").unwrap();
    let mut command = server_command(folder.path(), &["num.partitions=none".to_owned()]);
    let mut child = command.arg(&file).spawn().unwrap();
    assert_eq!(wait_for_exit(&mut child).code(), Some(1));
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("num.partitions=none"), "the override wins over the file: {text}");
    check_refusal(folder.path(), &["log.dirs=elsewhere", "node.id=x"], &["node.id", "x"]);
}

#[test]
fn the_admin_listener_can_be_off() {
    let node = Node::start_with(&["admin.listener="]);
    assert_eq!(node.admin, None);
    metadata(&mut Wire::connect(node.address), None);
}

#[test]
fn json_logs() {
    let node = Node::start_with(&["millstream.log.format=json", "no.such.property=1"]);
    for line in node.early_lines.iter().chain([&node.ready_line]) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn several_directories_share_the_partitions() {
    let mut node = Node::start_with(&["log.dirs=a,b"]);
    let mut wire = Wire::connect(node.address);
    create_topic(&mut wire, "spread", 6, &[]);
    let partitions = |folder: &Path| -> Vec<usize> {
        let of = |dir: &str| {
            let entries = fs::read_dir(folder.join(dir)).unwrap();
            entries
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("spread-"))
                .count()
        };
        vec![of("a"), of("b")]
    };
    assert_eq!(partitions(node.folder()), [3, 3]);
    assert!(node.stop().success());
    node.start_again();
    let described = metadata(&mut Wire::connect(node.address), Some(&["spread"]));
    assert!(described.topics[0].partitions.iter().all(|partition| partition.error_code == NONE));
    assert_eq!(partitions(node.folder()), [3, 3]);
}

#[test]
fn clients_are_told_the_address_they_used_unless_one_is_advertised() {
    let node = Node::start_with(&["listeners=PLAINTEXT://0.0.0.0:0"]);
    for host in ["127.0.0.1", "127.0.0.2"] {
        let address = format!("{host}:{}", node.address.port()).parse().unwrap();
        let answer = metadata(&mut Wire::connect(address), None);
        assert_eq!(
            (&*answer.brokers[0].host, answer.brokers[0].port),
            (host, i32::from(node.address.port()))
        );
    }

    let advertised = "advertised.listeners=PLAINTEXT://broker.example:1234";
    let node = Node::start_with(&[advertised]);
    let answer = metadata(&mut Wire::connect(node.address), None);
    assert_eq!((&*answer.brokers[0].host, answer.brokers[0].port), ("broker.example", 1234));
}

#[test]
fn the_demo_shows_a_record() {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_millstream")).arg("demo").output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("offset 0, key 'greeting', value 'Hello from millstream'"), "{said}");
}
