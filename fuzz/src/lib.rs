//! Every decoder that takes bytes from outside, each as a function of any bytes. It must not panic, not reserve what
//! the bytes do not justify, and what it takes for good must be good: it survives another round.
//!
//! `cargo test` replays `corpus/`; README.md says how to search on.

mod disk;

use bytes::Bytes;
use coordinator::CoordinatorRecord;
use coordinator::group::{GroupConfig, GroupCoordinator};
use coordinator::runtime::{Runtime, RuntimeConfig};
use metadata::configs::ServerConfig;
use protocol::Offset;
use protocol::any::{MESSAGES, re_encode};
use protocol::compression::Codec;
use stdx::properties::Properties;

pub use disk::{checkpoints, log_files};

/// What a batch may unpack to here.
const CAP_BYTES: usize = 1 << 20;

/// A function of any bytes.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("batches", batches),
    ("checkpoints", checkpoints),
    ("compression", compression),
    ("log_files", log_files),
    ("messages", messages),
    ("properties", properties),
    ("records", records),
];

/// Every request, response and record of internal topics: two bytes choose the message, two are the version.
pub fn messages(data: &[u8]) {
    let Some((head, body)) = data.split_first_chunk::<4>() else { return };
    let index = usize::from(u16::from_be_bytes([head[0], head[1]])) % MESSAGES.len();
    let version = i16::from_be_bytes([head[2], head[3]]);
    let name = MESSAGES[index].0;
    if let Some(Ok(once)) = re_encode(name, version, body) {
        let again = re_encode(name, version, &once).and_then(Result::ok);
        assert_eq!(again.as_deref(), Some(&*once), "{name} {version}");
    }
}

/// Record batches with their records and headers, as a producer sends them.
pub fn batches(data: &[u8]) {
    for batch in protocol::records::batches(data) {
        let Ok(batch) = batch else { return };
        let _ = batch.verify_crc();
        let Ok(unpacked) = batch.decompress(CAP_BYTES) else { continue };
        for record in batch.records(&unpacked) {
            let Ok(record) = record else { break };
            assert!(record.headers.iter().count() <= unpacked.len());
        }
    }
}

/// What each codec unpacks: the first byte chooses it.
pub fn compression(data: &[u8]) {
    let Some((codec, input)) = data.split_first() else { return };
    let Some(codec) = Codec::from_id(codec % 5) else { return };
    let _ = codec.is_portable(input);
    if let Ok(unpacked) = codec.decompress(input, CAP_BYTES) {
        assert!(unpacked.len() <= CAP_BYTES);
    }
}

/// A file of server properties, and what it means.
pub fn properties(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(properties) = Properties::parse_file(text) {
        let _ = ServerConfig::from_properties(properties);
    }
}

/// Records of the metadata log and of `__consumer_offsets`: a byte chooses, a second says where the key ends.
pub fn records(data: &[u8]) {
    let Some((&[kind, key_bytes], rest)) = data.split_first_chunk::<2>() else { return };
    if kind % 2 == 0 {
        let _ = metadata::records::decode(Offset(0), rest);
        return;
    }
    let (key, value) = rest.split_at(usize::from(key_bytes).min(rest.len()));
    let mut runtime = Runtime::new(GroupCoordinator::new(GroupConfig::default()), RuntimeConfig::default());
    let record = CoordinatorRecord {
        key: Bytes::copy_from_slice(key),
        value: (kind & 2 == 0).then(|| Bytes::copy_from_slice(value)),
    };
    let _ = runtime.load(Offset(0), &record);
}
