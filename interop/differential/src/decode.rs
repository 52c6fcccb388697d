//! An answer from bytes to lines: for each field its path and its value.

use std::collections::BTreeSet;

use crate::batches;
use crate::schema::{Field, Message, Type};

/// A field's path, such as `topics[made].partitions[0].errorCode`, and its value.
pub(crate) type Line = (String, String);

/// The body of a message; what cannot be read is a line, the last.
pub(crate) fn message(message: &Message, version: i16, bytes: &[u8], response_header: bool) -> Vec<Line> {
    let flexible = message.flexible.contain(version);
    let mut decoder = Decoder { bytes, version, flexible, lines: vec![] };
    let read = (|| {
        if flexible && response_header {
            decoder.tags(&[], "header")?;
        }
        decoder.members(&message.fields, "")
    })();
    if let Err(wrong) = read {
        decoder.lines.push(("unreadable".into(), wrong));
    } else if !decoder.bytes.is_empty() {
        decoder.lines.push(("left over".into(), format!("{} bytes", decoder.bytes.len())));
    }
    decoder.lines
}

/// What names an element of a list, in the order of preference.
const KEYS: &[&str] = &[
    "name",
    "topic",
    "topicName",
    "key",
    "groupId",
    "transactionalId",
    "partitionIndex",
    "partition",
    "resourceName",
    "apiKey",
    "nodeId",
    "brokerId",
    "memberId",
];

struct Decoder<'a> {
    bytes: &'a [u8],
    version: i16,
    flexible: bool,
    lines: Vec<Line>,
}

impl<'a> Decoder<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| format!("{count} bytes are missing"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn integer(&mut self, width: usize, signed: bool) -> Result<i64, String> {
        let bytes = self.take(width)?;
        let negative = signed && bytes[0] & 0x80 != 0;
        Ok(bytes
            .iter()
            .fold(if negative { -1 } else { 0 }, |number: i64, byte| number << 8 | i64::from(*byte)))
    }

    fn varint(&mut self) -> Result<i64, String> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            number |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a varint is too long".into())
    }

    fn length(&mut self, width: usize) -> Result<Option<usize>, String> {
        let length = if self.flexible { self.varint()? - 1 } else { self.integer(width, true)? };
        Ok(usize::try_from(length).ok())
    }

    fn members(&mut self, fields: &[Field], path: &str) -> Result<(), String> {
        let mut tagged = vec![];
        let version = self.version;
        for field in fields.iter().filter(|field| field.versions.contain(version)) {
            if field.tagged.as_ref().is_some_and(|(_, versions)| versions.contain(version)) {
                tagged.push(field);
            } else {
                self.field(field, path)?;
            }
        }
        if self.flexible { self.tags(&tagged, path) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field, path: &str) -> Result<(), String> {
        let path = join(path, &field.name);
        if matches!(field.kind, Type::Struct(_))
            && field.nullable.contain(self.version)
            && self.integer(1, true)? < 0
        {
            self.lines.push((path, "null".into()));
            return Ok(());
        }
        self.value(&field.kind, &path)
    }

    fn tags(&mut self, known: &[&Field], path: &str) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for _ in 0..self.varint()? {
            let tag = self.varint()? as u32;
            let size = self.varint()? as usize;
            let bytes = self.take(size)?;
            seen.insert(tag);
            match known.iter().find(|field| field.tagged.as_ref().is_some_and(|(known, _)| *known == tag)) {
                Some(field) => {
                    let rest = std::mem::replace(&mut self.bytes, bytes);
                    self.field(field, path)?;
                    if !std::mem::replace(&mut self.bytes, rest).is_empty() {
                        self.lines.push((join(path, &format!("tag {tag}")), "has bytes left over".into()));
                    }
                }
                None => self.lines.push((join(path, &format!("tag {tag}")), format!("{bytes:02x?}"))),
            }
        }
        for field in known {
            if field.tagged.as_ref().is_some_and(|(tag, _)| !seen.contains(tag)) {
                self.lines.push((join(path, &field.name), "not there".into()));
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: &Type, path: &str) -> Result<(), String> {
        let text = match kind {
            Type::Bool => (self.take(1)?[0] != 0).to_string(),
            Type::Int(width, signed) => self.integer(*width, *signed)?.to_string(),
            Type::Float64 => f64::from_bits(self.integer(8, true)? as u64).to_string(),
            Type::Uuid => {
                let number =
                    self.take(16)?.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
                format!("{number:032x}")
            }
            Type::String => match self.length(2)? {
                Some(length) => format!("{:?}", String::from_utf8_lossy(self.take(length)?)),
                None => "null".into(),
            },
            Type::Bytes => match self.length(4)? {
                Some(length) => hex(self.take(length)?),
                None => "null".into(),
            },
            Type::Records => match self.length(4)? {
                Some(length) => {
                    let bytes = self.take(length)?;
                    self.lines.extend(
                        batches::describe(bytes).into_iter().map(|(name, value)| (join(path, &name), value)),
                    );
                    return Ok(());
                }
                None => "null".into(),
            },
            Type::Struct(fields) => return self.members(fields, path),
            Type::Array(item) => return self.array(item, path),
        };
        self.lines.push((path.to_owned(), text));
        Ok(())
    }

    fn array(&mut self, item: &Type, path: &str) -> Result<(), String> {
        let Some(count) = self.length(4)? else {
            self.lines.push((path.to_owned(), "null".into()));
            return Ok(());
        };
        if count == 0 {
            self.lines.push((path.to_owned(), "[]".into()));
        }
        let outer = std::mem::take(&mut self.lines);
        let mut items = vec![];
        let mut read = Ok(());
        for _ in 0..count {
            read = self.value(item, "");
            items.push(std::mem::take(&mut self.lines));
            if read.is_err() {
                break;
            }
        }
        self.lines = outer;
        for (name, lines) in named(items) {
            let name = format!("{path}[{name}]");
            self.lines.extend(lines.into_iter().map(|(inner, value)| (join(&name, &inner), value)));
        }
        read
    }
}

/// A name for each element. Plain values are sorted: the order of lists is not compared.
fn named(mut items: Vec<Vec<Line>>) -> Vec<(String, Vec<Line>)> {
    let value = |lines: &[Line], name: &str| {
        lines.iter().find(|(path, _)| path == name).map(|(_, value)| value.trim_matches('"').to_owned())
    };
    let key = |lines: &Vec<Line>| {
        let key = KEYS.iter().find_map(|key| value(lines, key))?;
        Some(value(lines, "resourceType").map_or(key.clone(), |kind| format!("{kind} {key}")))
    };
    if items.iter().any(|lines| key(lines).is_none()) {
        items.sort();
        return items.into_iter().enumerate().map(|(at, lines)| (at.to_string(), lines)).collect();
    }
    let mut seen = std::collections::BTreeMap::new();
    let mut named = vec![];
    for lines in items {
        let name = key(&lines).unwrap_or_default();
        let times = seen.entry(name.clone()).or_insert(0);
        *times += 1;
        named.push((if *times == 1 { name } else { format!("{name}#{times}") }, lines));
    }
    named
}

fn join(path: &str, name: &str) -> String {
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => path.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}
