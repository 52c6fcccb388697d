//! The schemas of messages, read where the codec of the node reads them: but this codec is written anew, and not generated,
//! so that a mistake of the node's does not hide itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

use serde_json::Value as Json;

/// An inclusive range of versions; empty where `low > high`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    low: i16,
    high: i16,
}

impl Versions {
    fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self { low: 1, high: 0 });
        }
        let number = |text: &str| text.parse::<i16>().ok();
        Some(match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(low), _) => Self { low: number(low)?, high: i16::MAX },
            (None, Some((low, high))) => Self { low: number(low)?, high: number(high)? },
            (None, None) => Self { low: number(text)?, high: number(text)? },
        })
    }

    fn of(json: &Json, key: &str, otherwise: &str) -> Result<Self, String> {
        let text = json[key].as_str().unwrap_or(otherwise);
        Self::parse(text).ok_or_else(|| format!("{key}: {text}: not versions"))
    }

    pub(crate) fn contain(self, version: i16) -> bool {
        self.low <= version && version <= self.high
    }
}

/// The type of a field.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Bool,
    /// An integer of so many bytes, and whether it has a sign.
    Int(usize, bool),
    Float64,
    Uuid,
    String,
    Bytes,
    Records,
    Struct(Rc<Vec<Field>>),
    Array(Box<Type>),
}

/// A field of a message or of a structure inside.
#[derive(Debug)]
pub(crate) struct Field {
    /// As Kafka writes it in its logs: `errorCode`.
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) tagged: Option<(u32, Versions)>,
    pub(crate) default: Option<String>,
}

/// A request or a response.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: Rc<Vec<Field>>,
    pub(crate) flexible: Versions,
}

/// An API: its request and its response.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: String,
    pub(crate) key: i16,
    pub(crate) request: Message,
    pub(crate) response: Message,
}

/// All APIs, by name.
pub(crate) fn read_all(folder: &Path) -> Result<BTreeMap<String, Rc<Api>>, String> {
    let mut apis = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix("Request.json")) else {
            continue;
        };
        let (request, key) = read(&path)?;
        let (response, _) = read(&path.with_file_name(format!("{name}Response.json")))?;
        apis.insert(name.to_owned(), Rc::new(Api { name: name.to_owned(), key, request, response }));
    }
    Ok(apis)
}

fn read(path: &Path) -> Result<(Message, i16), String> {
    let complain = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    let text = fs::read_to_string(path).map_err(|error| complain(&error))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| complain(&error))?;
    let fields = fields(&json["fields"], &json["commonStructs"]).map_err(|error| complain(&error))?;
    let flexible = Versions::of(&json, "flexibleVersions", "none").map_err(|error| complain(&error))?;
    Ok((Message { fields, flexible }, json["apiKey"].as_i64().unwrap_or(-1) as i16))
}

fn array(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn string(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn fields(json: &Json, common: &Json) -> Result<Rc<Vec<Field>>, String> {
    array(json).map(|field| self::field(field, common)).collect::<Result<_, _>>().map(Rc::new)
}

fn field(json: &Json, common: &Json) -> Result<Field, String> {
    let kafka_name = string(&json["name"]);
    let (first, rest) = kafka_name.split_at(1);
    let name = first.to_lowercase() + rest;
    let tagged = match json["tag"].as_u64() {
        Some(tag) => Some((tag as u32, Versions::of(json, "taggedVersions", "none")?)),
        None => None,
    };
    Ok(Field {
        kind: kind(&string(&json["type"]), json, common)?,
        versions: Versions::of(json, "versions", "none")?,
        nullable: Versions::of(json, "nullableVersions", "none")?,
        tagged,
        default: match &json["default"] {
            Json::String(text) => Some(text.clone()),
            Json::Null => None,
            other => Some(other.to_string()),
        },
        name,
    })
}

fn kind(name: &str, json: &Json, common: &Json) -> Result<Type, String> {
    Ok(match name {
        "bool" => Type::Bool,
        "int8" => Type::Int(1, true),
        "int16" => Type::Int(2, true),
        "uint16" => Type::Int(2, false),
        "int32" => Type::Int(4, true),
        "uint32" => Type::Int(4, false),
        "int64" => Type::Int(8, true),
        "float64" => Type::Float64,
        "uuid" => Type::Uuid,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        _ => match name.strip_prefix("[]") {
            Some(item) => Type::Array(Box::new(kind(item, json, common)?)),
            None if json["fields"].is_array() => Type::Struct(fields(&json["fields"], common)?),
            None => {
                let shared = array(common).find(|shared| shared["name"] == name);
                Type::Struct(fields(&shared.ok_or_else(|| format!("no type {name}"))?["fields"], common)?)
            }
        },
    })
}
