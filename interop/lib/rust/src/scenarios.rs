//! The scenarios that every client has, and the records in them. The names are those of the Go clients'.

pub const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// The names of the checks that every client has. One that a client cannot have, it names with a reason: `Suite::none`.
pub(crate) fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "topic is created, described, deleted",
        "topic creation is refused",
        "topic deletion is refused",
        "partitions are added",
        "topic configs are changed",
        "topic configs are refused",
        "broker configs are described",
        "offsets are listed",
        "records are deleted",
        "groups are listed, described, deleted",
        "group offsets are changed",
        "record that is too large is refused",
        "record without key is refused by a compacted topic",
        "produce to an unknown topic is refused",
        "keys choose the same partition",
        "produce over a broken connection",
        "consume by assignment, seek",
        "consume from a timestamp",
        "consume an offset out of range",
        "consume, pause, resume",
        "group goes on from manual commits",
        "group goes on from automatic commits",
        "group of two shares, one joins, one leaves",
        "group of two, one dies",
        "no broker",
    ]
    .map(str::to_owned)
    .into();
    for codec in CODECS {
        names.extend(["0", "1", "all"].map(|acks| record_returns(acks, codec)));
        names.push(large_record_returns(codec));
    }
    names
}

/// The name of the scenario that produces the samples and consumes them.
pub fn record_returns(acks: &str, codec: &str) -> String {
    format!("record returns acks={acks} codec={codec}")
}

/// The name of the scenario that produces a large value and consumes it.
pub fn large_record_returns(codec: &str) -> String {
    format!("large record returns codec={codec}")
}

/// A record as all clients have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub timestamp_ms: i64,
}

/// What a record can have: header keys twice, an empty and a binary header, null and empty values, keys that are null.
pub fn sample() -> Vec<Sample> {
    let at = 1_234_567_890_123;
    let header = |key: &str, value: &[u8]| (key.to_owned(), value.to_vec());
    let record = |key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms| Sample {
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: vec![],
        timestamp_ms,
    };
    vec![
        Sample {
            headers: vec![header("trace", &[0, 255]), header("trace", b"twice"), header("empty", b"")],
            ..record(Some(b"k"), Some(b"v"), at)
        },
        record(Some(b"tombstone"), None, at + 1),
        record(None, Some(b""), at - 3_600_000),
        record(Some(b""), Some(&b"long ".repeat(2000)), at + 3_600_000),
    ]
}

/// A value of 1 MB that does not become smaller by compression.
pub fn large_value() -> Vec<u8> {
    let mut state: u64 = 88_172_645_463_325_252;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..1_000_000).map(next).collect()
}
