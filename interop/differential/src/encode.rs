//! A request from its notation to bytes, and the places in it where it can be spoilt.

use crate::batches;
use crate::schema::{Field, Message, Type};
use crate::value::Value;

/// What stands at a place of the bytes, for those who spoil them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The length of an array, a text or bytes: so many bytes wide, or 0 for a varint of the length plus one.
    Length { width: usize },
    /// The text itself.
    Text { bytes: usize },
    /// The number of tagged fields.
    Tags,
}

/// Bytes under way.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Where it stands, and what.
    pub(crate) marks: Vec<(usize, Mark)>,
}

pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The body of a message.
pub(crate) fn message(message: &Message, version: i16, value: &Value) -> Result<Encoded, String> {
    let mut encoded = Encoded::default();
    let encoder = Encoder { version, flexible: message.flexible.contain(version) };
    encoder.members(&message.fields, value, &mut encoded)?;
    Ok(encoded)
}

/// The header of a request: version 2 is flexible, version 1 is not.
pub(crate) fn header(key: i16, version: i16, header_version: i16, correlation_id: i32) -> Encoded {
    let mut encoded = Encoded::default();
    encoded.bytes.extend(key.to_be_bytes());
    encoded.bytes.extend(version.to_be_bytes());
    encoded.bytes.extend(correlation_id.to_be_bytes());
    encoded.length("differential".len() as i64, 2, false);
    encoded.bytes.extend(b"differential");
    if header_version == 2 {
        encoded.marks.push((encoded.bytes.len(), Mark::Tags));
        encoded.bytes.push(0);
    }
    encoded
}

impl Encoded {
    fn length(&mut self, length: i64, width: usize, flexible: bool) {
        let width = if flexible { 0 } else { width };
        self.marks.push((self.bytes.len(), Mark::Length { width }));
        if flexible {
            varint((length + 1) as u64, &mut self.bytes);
        } else {
            self.bytes.extend_from_slice(&length.to_be_bytes()[8 - width..]);
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        let at = self.bytes.len();
        self.bytes.extend(other.bytes);
        self.marks.extend(other.marks.into_iter().map(|(place, mark)| (at + place, mark)));
    }
}

struct Encoder {
    version: i16,
    flexible: bool,
}

impl Encoder {
    fn members(&self, fields: &[Field], value: &Value, out: &mut Encoded) -> Result<(), String> {
        let Value::Struct(given) = value else { return Err(format!("not a structure: {value:?}")) };
        if let Some((unknown, _)) =
            given.iter().find(|(name, _)| fields.iter().all(|field| field.name != *name))
        {
            return Err(format!("there is no field {unknown}"));
        }
        let given =
            |field: &Field| given.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
        let mut tagged = vec![];
        for field in fields.iter().filter(|field| field.versions.contain(self.version)) {
            match &field.tagged {
                Some((tag, versions)) if versions.contain(self.version) => {
                    if let Some(value) = given(field) {
                        let mut inner = Encoded::default();
                        self.field(field, value, &mut inner)?;
                        tagged.push((*tag, inner));
                    }
                }
                _ => {
                    let default = default(field);
                    let value = given(field).unwrap_or(&default);
                    self.field(field, value, out)?;
                }
            }
        }
        if self.flexible {
            out.marks.push((out.bytes.len(), Mark::Tags));
            varint(tagged.len() as u64, &mut out.bytes);
            for (tag, inner) in tagged {
                varint(u64::from(tag), &mut out.bytes);
                varint(inner.bytes.len() as u64, &mut out.bytes);
                out.bytes.extend(inner.bytes);
            }
        }
        Ok(())
    }

    fn field(&self, field: &Field, value: &Value, out: &mut Encoded) -> Result<(), String> {
        // A structure that may be null has a byte in front.
        if matches!(field.kind, Type::Struct(_)) && field.nullable.contain(self.version) {
            out.bytes.push(if *value == Value::Null { 0xff } else { 1 });
            if *value == Value::Null {
                return Ok(());
            }
        }
        self.value(&field.kind, value, out).map_err(|error| format!("{}: {error}", field.name))
    }

    fn value(&self, kind: &Type, value: &Value, out: &mut Encoded) -> Result<(), String> {
        let wrong = || format!("{value:?} is no {kind:?}");
        match (kind, value) {
            (Type::Bool, Value::Text(text)) => out.bytes.push(u8::from(text == "true")),
            (Type::Int(width, _), Value::Text(text)) => {
                let number: i64 = text.parse().map_err(|_| wrong())?;
                out.bytes.extend_from_slice(&number.to_be_bytes()[8 - width..]);
            }
            (Type::Float64, Value::Text(text)) => {
                out.bytes.extend(text.parse::<f64>().map_err(|_| wrong())?.to_be_bytes());
            }
            (Type::Uuid, Value::Text(text)) => {
                out.bytes.extend(u128::from_str_radix(text, 16).map_err(|_| wrong())?.to_be_bytes());
            }
            (Type::String, Value::Null) => out.length(-1, 2, self.flexible),
            (Type::String, Value::Text(text)) => {
                out.length(text.len() as i64, 2, self.flexible);
                out.marks.push((out.bytes.len(), Mark::Text { bytes: text.len() }));
                out.bytes.extend(text.as_bytes());
            }
            (Type::Bytes | Type::Records | Type::Array(_), Value::Null) => out.length(-1, 4, self.flexible),
            (Type::Bytes | Type::Records, value) => {
                let bytes = batches::make(value)?;
                out.length(bytes.len() as i64, 4, self.flexible);
                out.bytes.extend(bytes);
            }
            (Type::Array(item), Value::List(items)) => {
                out.length(items.len() as i64, 4, self.flexible);
                for value in items {
                    self.value(item, value, out)?;
                }
            }
            (Type::Struct(fields), value) => self.members(fields, value, out)?,
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

fn default(field: &Field) -> Value {
    match (&field.kind, field.default.as_deref()) {
        (_, Some("null")) => Value::Null,
        (Type::Array(_), _) => Value::List(vec![]),
        (Type::Struct(_), _) => Value::Struct(vec![]),
        (Type::Int(..), Some(text)) => {
            let hexadecimal = text.strip_prefix("0x").and_then(|digits| i64::from_str_radix(digits, 16).ok());
            Value::Text(hexadecimal.map_or(text.to_owned(), |number| number.to_string()))
        }
        (_, Some(text)) => Value::Text(text.to_owned()),
        (Type::Bool, None) => Value::Text("false".to_owned()),
        (Type::Int(..) | Type::Float64 | Type::Uuid, None) => Value::Text("0".to_owned()),
        (Type::String | Type::Bytes | Type::Records, None) => Value::Text(String::new()),
    }
}
