//! Record batches: made from what a script says, and told as lines.
//!
//! `@batch{records: [k=v, w], codec: gzip, timestamp: 5, producer: 1, epoch: 0, sequence: 3}` and, to spoil it after it was
//! made: `attributes`, `magic`, `lastOffsetDelta`, `count`, `baseOffset`, `length`, `maxTimestamp`, all before the crc is
//! made, and `crc: wrong`. `@old{magic: 1, records: [..]}` is a message set, `@hex{bytes: 00ff}` bytes as they are.
//! A list of them is one after the other.

use protocol::Offset;
use protocol::compression::Codec;
use protocol::records::{BatchBuilder, NewRecord};

use crate::value::Value;

/// Where the fields of a batch stand, and how wide they are.
const FIELDS: &[(&str, usize, usize)] = &[
    ("baseOffset", 0, 8),
    ("length", 8, 4),
    ("leaderEpoch", 12, 4),
    ("magic", 16, 1),
    ("attributes", 21, 2),
    ("lastOffsetDelta", 23, 4),
    ("baseTimestamp", 27, 8),
    ("maxTimestamp", 35, 8),
    ("producer", 43, 8),
    ("epoch", 51, 2),
    ("sequence", 53, 4),
    ("count", 57, 4),
];
const HEADER_BYTES: usize = 61;

pub(crate) fn make(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::Text(text) => Ok(text.as_bytes().to_vec()),
        Value::List(parts) => Ok(parts.iter().map(make).collect::<Result<Vec<_>, _>>()?.concat()),
        Value::Made(name, members) => match name.as_str() {
            "batch" => batch(members),
            "old" => Ok(message_set(members)),
            "hex" => hex(text(members, "bytes").unwrap_or_default()),
            "subscription" => Ok(subscription(members)),
            _ => Err(format!("@{name} is not known")),
        },
        _ => Err(format!("{value:?} is no bytes")),
    }
}

fn get<'a>(members: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    members.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn text<'a>(members: &'a [(String, Value)], name: &str) -> Option<&'a str> {
    match get(members, name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn number(members: &[(String, Value)], name: &str) -> Option<i64> {
    text(members, name)?.parse().ok()
}

/// Keys and values: `k=v`, `v` without a key, `k=` with a null value.
fn records(members: &[(String, Value)]) -> Vec<(Option<&str>, Option<&str>)> {
    let Some(Value::List(records)) = get(members, "records") else { return vec![(Some("k"), Some("v"))] };
    records
        .iter()
        .filter_map(|record| if let Value::Text(text) = record { Some(text.as_str()) } else { None })
        .map(|text| match text.split_once('=') {
            Some((key, "")) => (Some(key), None),
            Some((key, value)) => (Some(key), Some(value)),
            None => (None, Some(text)),
        })
        .collect()
}

fn batch(members: &[(String, Value)]) -> Result<Vec<u8>, String> {
    let codec = text(members, "codec").unwrap_or("none");
    let codec = Codec::from_name(codec).ok_or_else(|| format!("no codec {codec}"))?;
    let mut builder = BatchBuilder::new(Offset(0)).compression(codec);
    for (key, value) in records(members) {
        let record = NewRecord {
            timestamp: number(members, "timestamp").unwrap_or(1_700_000_000_000),
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            ..NewRecord::default()
        };
        builder.append_next(record).map_err(|error| error.to_string())?;
    }
    let mut bytes = builder.build().map_err(|error| error.to_string())?;
    for (name, at, width) in FIELDS {
        if let Some(number) = number(members, name) {
            bytes[*at..at + width].copy_from_slice(&number.to_be_bytes()[8 - width..]);
        }
    }
    if let Some(cut) = number(members, "cut") {
        bytes.truncate(bytes.len().saturating_sub(cut as usize));
    }
    if bytes.len() > HEADER_BYTES - 1 {
        let mut crc = crc32c::crc32c(&bytes[21..]);
        if text(members, "crc") == Some("wrong") {
            crc ^= 1;
        }
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    Ok(bytes)
}

/// Messages of magic 0 or 1, as clients wrote them before Kafka 0.11.
fn message_set(members: &[(String, Value)]) -> Vec<u8> {
    let magic = number(members, "magic").unwrap_or(1) as u8;
    let mut set = vec![];
    for (at, (key, value)) in records(members).into_iter().enumerate() {
        let mut message = vec![magic, 0];
        if magic == 1 {
            message.extend(1_700_000_000_000_i64.to_be_bytes());
        }
        for part in [key, value] {
            message.extend(part.map_or(-1, |part| part.len() as i32).to_be_bytes());
            message.extend(part.unwrap_or_default().as_bytes());
        }
        set.extend((at as i64).to_be_bytes());
        set.extend((message.len() as i32 + 4).to_be_bytes());
        set.extend(crc32(&message).to_be_bytes());
        set.extend(message);
    }
    set
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

/// What a consumer says when it joins: `@subscription{topics: [a, b]}`, version 0.
fn subscription(members: &[(String, Value)]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    let topics = if let Some(Value::List(topics)) = get(members, "topics") { topics.as_slice() } else { &[] };
    bytes.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        if let Value::Text(topic) = topic {
            bytes.extend((topic.len() as i16).to_be_bytes());
            bytes.extend(topic.as_bytes());
        }
    }
    bytes.extend((-1_i32).to_be_bytes());
    bytes
}

fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|error| error.to_string())?;
            u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
        })
        .collect()
}

/// The batches of an answer. The last may be cut: a client reads what is whole.
pub(crate) fn describe(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut lines = vec![];
    let mut count = 0;
    while let Some(length) = bytes.get(8..12) {
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte)) + 12;
        if length < HEADER_BYTES || bytes.len() < length {
            break;
        }
        let (batch, rest) = bytes.split_at(length);
        for (name, at, width) in FIELDS {
            lines.push((format!("[{count}].{name}"), signed(&batch[*at..at + width]).to_string()));
        }
        let crc = crc32c::crc32c(&batch[21..]).to_be_bytes() == batch[17..21];
        lines.push((format!("[{count}].crc"), if crc { "right" } else { "wrong" }.to_owned()));
        let records = batch[HEADER_BYTES..].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        lines.push((format!("[{count}].records"), records));
        bytes = rest;
        count += 1;
    }
    if count == 0 {
        lines.push((String::new(), "[]".to_owned()));
    }
    if !bytes.is_empty() {
        lines.push(("[cut]".to_owned(), format!("{} bytes of a batch", bytes.len())));
    }
    lines
}

fn signed(bytes: &[u8]) -> i64 {
    let negative = bytes[0] & 0x80 != 0;
    bytes.iter().fold(if negative { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_is_told() {
        let value = Value::parse("@batch{records: [k=v, w], producer: 7, sequence: 3, codec: gzip}");
        let lines = describe(&make(&value.unwrap()).unwrap());
        for (name, value) in [
            ("[0].producer", "7"),
            ("[0].sequence", "3"),
            ("[0].count", "2"),
            ("[0].attributes", "1"),
            ("[0].crc", "right"),
        ] {
            assert!(lines.contains(&(name.to_owned(), value.to_owned())), "{name}: {lines:?}");
        }
    }

    #[test]
    fn the_checksum_of_old_messages_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
