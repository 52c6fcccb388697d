//! Every decoder that takes bytes from outside, each as a function of any bytes. It must not panic, not reserve what
//! the bytes do not justify, and what it takes for good must be good: it survives another round.
//!
//! `cargo test` replays `corpus/`; README.md says how to search on.

mod decisions;
mod disk;

use bytes::Bytes;
use coordinator::CoordinatorRecord;
use coordinator::group::{GroupConfig, GroupCoordinator};
use coordinator::runtime::{Runtime, RuntimeConfig};
use coordinator::share_state::{ShareCoordinator, ShareStateConfig};
use metadata::configs::ServerConfig;
use protocol::any::{MESSAGES, re_encode};
use protocol::compression::Codec;
use protocol::frame::{FrameBuffer, Next, RequestHead, read_header};
use protocol::{ApiKey, Offset};
use stdx::properties::Properties;

pub use decisions::{controller, groups};
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
    ("controller", controller),
    ("frames", frames),
    ("groups", groups),
    ("log_files", log_files),
    ("messages", messages),
    ("properties", properties),
    ("records", records),
];

/// Requests on a connection, which arrive in pieces: the first byte says how long those are.
pub fn frames(data: &[u8]) {
    const MAX_FRAME_BYTES: usize = 1 << 16;
    let Some((&piece_bytes, stream)) = data.split_first() else { return };
    let mut buffer = FrameBuffer::default();
    let mut rest = stream;
    for piece in stream.chunks(usize::from(piece_bytes).max(1)) {
        let room = buffer.reserve(MAX_FRAME_BYTES);
        assert!(room.capacity() > room.len(), "a read needs room");
        room.extend_from_slice(piece);
        loop {
            match buffer.next(MAX_FRAME_BYTES) {
                Next::Complete(length) => {
                    let frame = buffer.take(length);
                    let after = rest.get(4..).and_then(|rest| rest.split_at_checked(length));
                    let (expect, after) = after.expect("a frame has arrived whole");
                    assert_eq!(&frame[..], expect);
                    rest = after;
                    request(&frame);
                }
                Next::TooLarge(_) => return,
                Next::Partial(_) | Next::Nothing => break,
            }
        }
    }
}

/// One request, as a node reads it.
fn request(frame: &[u8]) {
    let Ok(head) = RequestHead::read(frame) else { return };
    let Some(api) = ApiKey::from_key(head.api_key) else { return };
    if !api.stable_versions().contains(&head.version) {
        return;
    }
    let Ok((body_at, _)) = read_header(frame, api, head.version) else { return };
    let body = frame.get(body_at..).expect("a body begins within its frame");
    let name = format!("{}Request", api.name());
    if let Some(Ok(once)) = re_encode(&name, head.version, body) {
        let again = re_encode(&name, head.version, &once).and_then(Result::ok);
        assert_eq!(again.as_deref(), Some(&*once), "{name} {}", head.version);
    }
}

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

/// Records of the metadata log, of `__consumer_offsets` and of `__share_group_state`: a byte chooses, a second says where the key ends.
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
    let mut shares =
        Runtime::new(ShareCoordinator::new(ShareStateConfig::default()), RuntimeConfig::default());
    // An update counts on what there is.
    let _ = shares.load(Offset(0), &record);
    let _ = shares.load(Offset(1), &record);
}
