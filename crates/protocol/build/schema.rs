//! Reads one schema file into the facts the generator needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// An inclusive range of versions; `None` in [`Field`] means no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) low: i16,
    pub(crate) high: i16,
}

impl Versions {
    fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return None;
        }
        let number = |t: &str| t.parse::<i16>().unwrap_or_else(|e| panic!("version '{text}': {e}"));
        Some(if let Some(low) = text.strip_suffix('+') {
            Self { low: number(low), high: i16::MAX }
        } else if let Some((low, high)) = text.split_once('-') {
            Self { low: number(low), high: number(high) }
        } else {
            Self { low: number(text), high: number(text) }
        })
    }

    pub(crate) fn intersect(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }

    /// A Rust condition that holds where `version`, known to be `within`, is in this range; `None` if it always is.
    pub(crate) fn condition(self, within: Self) -> Option<String> {
        match (self.low > within.low, self.high < within.high) {
            (false, false) => None,
            (true, false) => Some(format!("version >= {}", self.low)),
            (false, true) => Some(format!("version <= {}", self.high)),
            (true, true) if self.low == self.high => Some(format!("version == {}", self.low)),
            (true, true) => Some(format!("({}..={}).contains(&version)", self.low, self.high)),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    F64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Self {
        match text {
            "bool" => Self::Bool,
            "int8" => Self::I8,
            "int16" => Self::I16,
            "uint16" => Self::U16,
            "int32" => Self::I32,
            "uint32" => Self::U32,
            "int64" => Self::I64,
            "float64" => Self::F64,
            "uuid" => Self::Uuid,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "records" => Self::Records,
            _ => match text.strip_prefix("[]") {
                Some(item) => Self::Array(Box::new(Self::parse(item))),
                None if text.starts_with(char::is_uppercase) => Self::Struct(text.to_owned()),
                None => panic!("unknown type '{text}'"),
            },
        }
    }

    pub(crate) fn item(&self) -> &Self {
        if let Self::Array(item) = self { item } else { self }
    }
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) versions: Option<Versions>,
    pub(crate) nullable: Option<Versions>,
    pub(crate) tagged: Option<(u32, Versions)>,
    /// `None`: the message's; `Some(false)`: never compact, whatever the message's version.
    pub(crate) never_flexible: bool,
    pub(crate) default: Option<String>,
    pub(crate) ignorable: bool,
}

#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// Whether it holds borrowed bytes, itself or inside.
    pub(crate) borrows: bool,
    pub(crate) top: bool,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) api_key: Option<i16>,
    pub(crate) listeners: Vec<String>,
    pub(crate) latest_unstable: bool,
    pub(crate) valid: Versions,
    pub(crate) flexible: Option<Versions>,
    pub(crate) structs: Vec<Struct>,
}

pub(crate) fn read(path: &Path) -> Message {
    let text = fs::read_to_string(path).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let name = schema["name"].as_str().unwrap().to_owned();
    let mut structs = vec![];
    collect(&name, &schema["fields"], true, &mut structs);
    for common in schema["commonStructs"].as_array().into_iter().flatten() {
        collect(common["name"].as_str().unwrap(), &common["fields"], false, &mut structs);
    }
    mark_borrowing(&mut structs);
    Message {
        name,
        kind: schema["type"].as_str().unwrap().to_owned(),
        api_key: schema["apiKey"].as_i64().map(|key| key as i16),
        listeners: schema["listeners"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|l| l.as_str().unwrap().to_owned())
            .collect(),
        latest_unstable: schema["latestVersionUnstable"].as_bool().unwrap_or(false),
        valid: Versions::parse(schema["validVersions"].as_str().unwrap()).unwrap(),
        flexible: Versions::parse(schema["flexibleVersions"].as_str().unwrap_or("none")),
        structs,
    }
}

fn collect(name: &str, fields: &Value, top: bool, structs: &mut Vec<Struct>) {
    let at = structs.len();
    structs.push(Struct { name: name.to_owned(), fields: vec![], borrows: false, top });
    let mut read = vec![];
    for field in fields.as_array().into_iter().flatten() {
        let ty = Type::parse(field["type"].as_str().unwrap());
        if let (Type::Struct(inner), Some(_)) = (ty.item(), field.get("fields")) {
            collect(inner, &field["fields"], false, structs);
        }
        let versions = |key: &str| field[key].as_str().and_then(Versions::parse);
        let tagged = versions("taggedVersions").map(|v| (field["tag"].as_u64().unwrap() as u32, v));
        read.push(Field {
            name: field["name"].as_str().unwrap().to_owned(),
            ty,
            versions: versions("versions").or(tagged.map(|(_, v)| v)),
            nullable: versions("nullableVersions"),
            tagged,
            never_flexible: field["flexibleVersions"] == "none",
            default: match &field["default"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            ignorable: field["ignorable"].as_bool().unwrap_or(false),
        });
    }
    structs[at].fields = read;
}

fn mark_borrowing(structs: &mut [Struct]) {
    let mut borrowing = BTreeSet::new();
    loop {
        let before = borrowing.len();
        for s in structs.iter() {
            let borrows = s.fields.iter().any(|f| match f.ty.item() {
                Type::String | Type::Bytes | Type::Records => true,
                Type::Struct(inner) => borrowing.contains(inner),
                _ => false,
            });
            if borrows {
                borrowing.insert(s.name.clone());
            }
        }
        if borrowing.len() == before {
            break;
        }
    }
    for s in structs {
        s.borrows = borrowing.contains(&s.name);
    }
}

/// `FetchRequest` → `fetch_request`, `V3AndBelowTopics` → `v3_and_below_topics`.
pub(crate) fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &letter) in letters.iter().enumerate() {
        if letter.is_uppercase() && i > 0 {
            let previous = letters[i - 1];
            let next_is_lower = letters.get(i + 1).is_some_and(|next| next.is_lowercase());
            if previous.is_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_uppercase() && next_is_lower)
            {
                out.push('_');
            }
        }
        out.extend(letter.to_lowercase());
    }
    out
}
