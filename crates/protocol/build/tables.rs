//! Writes the tables over all messages: api keys, metadata records, and the dispatch by name that the oracle tests use.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::schema::{Message, snake};

/// `enum ApiKey` with the facts of each api, one row an api.
pub(crate) fn api_keys(messages: &[Message]) -> String {
    let mut apis: BTreeMap<i16, (Option<&Message>, Option<&Message>)> = BTreeMap::new();
    for message in messages {
        match (message.kind.as_str(), message.api_key) {
            ("request", Some(key)) => apis.entry(key).or_default().0 = Some(message),
            ("response", Some(key)) => apis.entry(key).or_default().1 = Some(message),
            _ => {}
        }
    }
    let mut variants = String::new();
    let mut rows = String::new();
    let mut from = String::new();
    for (key, (request, response)) in &apis {
        let (Some(request), Some(response)) = (request, response) else {
            panic!("api {key} lacks a request or a response")
        };
        assert_eq!(
            (request.valid.low, request.valid.high),
            (response.valid.low, response.valid.high),
            "{}",
            request.name
        );
        let name = request.name.strip_suffix("Request").unwrap();
        let flexible = |m: &Message| m.flexible.map_or("i16::MAX".to_owned(), |f| f.low.to_string());
        writeln!(variants, "    /// `{name}`, api key {key}.\n    {name} = {key},").unwrap();
        writeln!(
            rows,
            "        ApiKey::{name} => &ApiFacts {{ name: \"{name}\", min_version: {}, max_version: {}, latest_unstable: {}, request_flexible_from: {}, response_flexible_from: {}, on_broker: {}, on_controller: {} }},",
            request.valid.low, request.valid.high, request.latest_unstable, flexible(request), flexible(response),
            request.listeners.iter().any(|l| l == "broker"), request.listeners.iter().any(|l| l == "controller"),
        ).unwrap();
        writeln!(from, "            {key} => Some(ApiKey::{name}),").unwrap();
    }
    let all: Vec<String> = apis
        .values()
        .map(|(request, _)| format!("ApiKey::{}", request.unwrap().name.strip_suffix("Request").unwrap()))
        .collect();
    format!(
        "/// An API of Kafka {}.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(i16)]\npub enum ApiKey {{\n{variants}}}\n\
         impl ApiKey {{\n    /// Every API, by key.\n    pub const ALL: [ApiKey; {}] = [{}];\n\n    /// The API of a key, if Kafka 4.4 has it.\n    pub const fn from_key(key: i16) -> Option<Self> {{\n        match key {{\n{from}            _ => None,\n        }}\n    }}\n\n    \
         /// The facts of this API.\n    pub const fn facts(self) -> &'static ApiFacts {{\n        match self {{\n{rows}        }}\n    }}\n}}\n",
        "4.4",
        all.len(),
        all.join(", ")
    )
}

/// Decode-then-encode by a message's name: what the oracle tests drive.
pub(crate) fn any_message(messages: &[Message]) -> String {
    let mut arms = String::new();
    for m in messages {
        writeln!(
            arms,
            "        \"{}\" => re_encode_as::<crate::messages::{}>(bytes, version),",
            m.name, m.name
        )
        .unwrap();
    }
    format!(
        "/// Decodes `bytes` as the named message and encodes what was decoded; `None` for an unknown name.\n\
         pub fn re_encode(name: &str, version: i16, bytes: &[u8]) -> Option<Result<Vec<u8>, RoundTripError>> {{\n    Some(match name {{\n{arms}        _ => return None,\n    }})\n}}\n\n\
         /// Every message and its versions.\npub const MESSAGES: &[(&str, std::ops::RangeInclusive<i16>)] = &[\n{}];\n",
        messages
            .iter()
            .map(|m| format!("    (\"{}\", {}..={}),\n", m.name, m.valid.low, m.valid.high))
            .collect::<String>()
    )
}

/// `enum MetadataRecord` over the records of the cluster metadata log.
pub(crate) fn metadata_records(messages: &[Message]) -> String {
    // The tiered storage log's records count their types from 0 too: they are not of this log.
    let records: BTreeMap<i16, &Message> = messages
        .iter()
        .filter(|m| m.kind == "metadata" && !m.name.starts_with("Remote"))
        .map(|m| (m.api_key.unwrap(), m))
        .collect();
    let (mut variants, mut decode, mut encode, mut key, mut versions) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for (number, m) in &records {
        let name = m.name.strip_suffix("Record").unwrap_or(&m.name);
        let borrows = m.structs.iter().any(|s| s.top && s.borrows);
        let ty =
            format!("crate::messages::{}::{}{}", snake(&m.name), m.name, if borrows { "<'a>" } else { "" });
        writeln!(variants, "    /// `{}`, api key {number}.\n    {name}({ty}),", m.name).unwrap();
        writeln!(
            decode,
            "            {number} => Self::{name}(crate::messages::{}::decode(r, version)?),",
            m.name
        )
        .unwrap();
        writeln!(encode, "            Self::{name}(record) => record.encode(w, version),").unwrap();
        writeln!(key, "            Self::{name}(_) => {number},").unwrap();
        writeln!(versions, "            {number} => Some({}..={}),", m.valid.low, m.valid.high).unwrap();
    }
    format!(
        "/// A record of the cluster metadata log.\n#[derive(Clone, Debug, PartialEq)]\npub enum MetadataRecord<'a> {{\n{variants}}}\n\
         impl<'a> MetadataRecord<'a> {{\n    /// The record type's number.\n    pub fn api_key(&self) -> i16 {{\n        match self {{\n{key}        }}\n    }}\n\n    \
         /// The versions of a record type; `None` for a type that Kafka 4.4 does not have.\n    pub fn versions(api_key: i16) -> Option<std::ops::RangeInclusive<i16>> {{\n        match api_key {{\n{versions}            _ => None,\n        }}\n    }}\n\n    \
         /// Reads the body of a record of type `api_key` at `version`.\n    pub fn decode(r: &mut Reader<'a>, api_key: i16, version: i16) -> Result<Self, DecodeError> {{\n        Ok(match api_key {{\n{decode}            _ => return Err(DecodeError::UnknownRecordType {{ api_key }}),\n        }})\n    }}\n\n    \
         /// Writes the body at `version`.\n    pub fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {{\n        match self {{\n{encode}        }}\n    }}\n}}\n"
    )
}
