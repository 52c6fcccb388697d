//! Writes the Rust of every message: structs, their defaults, decoding and encoding.

use std::fmt::Write;

use crate::schema::{Field, Message, Struct, Type, Versions, snake};

pub(crate) fn messages(messages: &[Message]) -> String {
    let mut out = String::new();
    for message in messages {
        let module = snake(&message.name);
        writeln!(out, "pub mod {module} {{\n    use super::prelude::*;").unwrap();
        for s in &message.structs {
            structure(&mut out, message, s);
        }
        writeln!(out, "}}\npub use {module}::{};\n", message.name).unwrap();
    }
    out
}

fn structure(out: &mut String, message: &Message, s: &Struct) {
    let life = if s.borrows { "<'a>" } else { "" };
    let doc = if s.top {
        format!("`{}`, versions {} to {}.", s.name, message.valid.low, message.valid.high)
    } else {
        format!("Part of `{}`.", message.name)
    };
    writeln!(out, "/// {doc}\n#[derive(Clone, Debug, PartialEq)]\npub struct {}{life} {{", s.name).unwrap();
    for field in &s.fields {
        writeln!(out, "    pub {}: {},", ident(field), rust_type(message, field)).unwrap();
    }
    writeln!(out, "    pub unknown_tagged_fields: TaggedFields,\n}}").unwrap();
    default(out, message, s, life);
    if s.top {
        let (low, high) = (message.valid.low, message.valid.high);
        writeln!(out, "impl{life} Versioned for {}{life} {{ const NAME: &'static str = \"{}\"; const VERSIONS: std::ops::RangeInclusive<i16> = {low}..={high}; }}", s.name, s.name).unwrap();
        writeln!(out, "impl<'a> Message<'a> for {}{life} {{ fn decode(r: &mut Reader<'a>, version: i16) -> Result<Self, DecodeError> {{ Self::decode(r, version) }} fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {{ self.encode(w, version) }} }}", s.name).unwrap();
    }
    writeln!(out, "impl{life} {}{life} {{", s.name).unwrap();
    decode(out, message, s);
    encode(out, message, s);
    writeln!(out, "}}").unwrap();
}

fn default(out: &mut String, message: &Message, s: &Struct, life: &str) {
    writeln!(out, "impl{life} Default for {}{life} {{\n    fn default() -> Self {{\n        Self {{", s.name)
        .unwrap();
    for field in &s.fields {
        writeln!(out, "            {}: {},", ident(field), default_value(field)).unwrap();
    }
    let _ = message;
    writeln!(out, "            unknown_tagged_fields: TaggedFields::default(),\n        }}\n    }}\n}}")
        .unwrap();
}

fn ident(field: &Field) -> String {
    let name = snake(&field.name);
    match name.as_str() {
        "type" | "match" | "ref" | "self" | "move" | "fn" | "mod" | "static" => format!("r#{name}"),
        _ => name,
    }
}

fn item_type(message: &Message, ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".into(),
        Type::I8 => "i8".into(),
        Type::I16 => "i16".into(),
        Type::U16 => "u16".into(),
        Type::I32 => "i32".into(),
        Type::U32 => "u32".into(),
        Type::I64 => "i64".into(),
        Type::F64 => "f64".into(),
        Type::Uuid => "Uuid".into(),
        Type::String => "Str<'a>".into(),
        Type::Bytes => "Blob<'a>".into(),
        Type::Records => "Records<'a>".into(),
        Type::Struct(name) => {
            let inner = message
                .structs
                .iter()
                .find(|s| s.name == *name)
                .unwrap_or_else(|| panic!("{}: no struct {name}", message.name));
            format!("{name}{}", if inner.borrows { "<'a>" } else { "" })
        }
        Type::Array(item) => format!("Vec<{}>", item_type(message, item)),
    }
}

fn optional(field: &Field) -> bool {
    field.nullable.is_some() || field.ty == Type::Records
}

fn rust_type(message: &Message, field: &Field) -> String {
    let ty = item_type(message, &field.ty);
    if optional(field) { format!("Option<{ty}>") } else { ty }
}

fn default_value(field: &Field) -> String {
    let default = field.default.as_deref();
    if default == Some("null") || (field.ty == Type::Records && default.is_none()) {
        return "None".into();
    }
    let value = match &field.ty {
        Type::Bool => default.unwrap_or("false").to_lowercase(),
        Type::I8 | Type::I16 | Type::U16 | Type::I32 | Type::U32 | Type::I64 => match default {
            None | Some("") => "0".into(),
            Some(number) => number.to_owned(),
        },
        Type::F64 => {
            default.map_or("0.0".into(), |d| if d.contains('.') { d.to_owned() } else { format!("{d}.0") })
        }
        Type::Uuid => "Uuid::ZERO".into(),
        Type::String => format!("Str::Borrowed(\"{}\")", default.unwrap_or("")),
        Type::Bytes => "Blob::Borrowed(&[])".into(),
        Type::Records => "Records::default()".into(),
        Type::Struct(name) => format!("{name}::default()"),
        Type::Array(_) => "Vec::new()".into(),
    };
    if optional(field) { format!("Some({value})") } else { value }
}

/// The expression for "compact encoding here": a constant where the versions decide it.
fn flexible_expr(message: &Message, field: &Field) -> &'static str {
    if field.never_flexible || message.flexible.and_then(|f| f.intersect(message.valid)).is_none() {
        "false"
    } else if message.flexible.is_some_and(|f| f.low <= message.valid.low) {
        "true"
    } else {
        "flexible"
    }
}

/// Splits a field's versions into those where it stands in the body and those where it is tagged.
fn body_versions(message: &Message, field: &Field) -> Vec<Versions> {
    let Some(all) = field.versions.and_then(|v| v.intersect(message.valid)) else { return vec![] };
    let Some(tagged) = field.tagged.and_then(|(_, v)| v.intersect(all)) else { return vec![all] };
    let below = (tagged.low > all.low).then(|| Versions { low: all.low, high: tagged.low - 1 });
    let above = (tagged.high < all.high).then(|| Versions { low: tagged.high + 1, high: all.high });
    below.into_iter().chain(above).collect()
}

fn tagged_versions(message: &Message, field: &Field) -> Option<(u32, Versions)> {
    let (tag, versions) = field.tagged?;
    let within = field.versions?.intersect(message.valid)?;
    Some((tag, versions.intersect(within)?))
}

fn any_condition(ranges: &[Versions], within: Versions) -> Option<String> {
    let conditions: Vec<Option<String>> = ranges.iter().map(|r| r.condition(within)).collect();
    if conditions.iter().any(Option::is_none) {
        return None;
    }
    Some(conditions.into_iter().flatten().collect::<Vec<_>>().join(" || "))
}

fn nullable_here(message: &Message, field: &Field, here: Versions) -> Nullable {
    match field.nullable.and_then(|n| n.intersect(message.valid)).and_then(|n| n.intersect(here)) {
        None => Nullable::Never,
        Some(n) if n == here => Nullable::Always,
        Some(n) => Nullable::When(n.condition(message.valid).unwrap_or_else(|| "true".into())),
    }
}

enum Nullable {
    Never,
    Always,
    When(String),
}

fn needs_flexible(message: &Message) -> bool {
    message.flexible.is_some_and(|f| f.low > message.valid.low && f.low <= message.valid.high)
}

fn tagged_section_condition(message: &Message) -> Option<String> {
    let flexible = message.flexible?.intersect(message.valid)?;
    Some(flexible.condition(message.valid).map_or("true".into(), |_| "flexible".into()))
}

fn decode(out: &mut String, message: &Message, s: &Struct) {
    writeln!(out, "    /// Reads this at `version`.\n    #[allow(unused_variables)]\n    pub fn decode(r: &mut Reader<{}>, version: i16) -> Result<Self, DecodeError> {{", if s.borrows { "'a" } else { "'_" }).unwrap();
    if s.top {
        writeln!(out, "        check_version::<Self>(version).map_err(|(message, version)| DecodeError::UnsupportedVersion {{ message, version }})?;").unwrap();
    }
    if needs_flexible(message) {
        writeln!(out, "        let flexible = version >= {};", message.flexible.unwrap().low).unwrap();
    }
    let mutable = tagged_section_condition(message).is_some();
    // A body field is read into a local in the order of the schema; what a version lacks keeps its default.
    for field in &s.fields {
        let ranges = body_versions(message, field);
        let name = local(field);
        if ranges.is_empty() {
            let tagged = if tagged_versions(message, field).is_some() { "mut " } else { "" };
            writeln!(
                out,
                "        let {tagged}{name}: {} = {};",
                rust_type(message, field),
                default_value(field)
            )
            .unwrap();
            continue;
        }
        let tagged = if tagged_versions(message, field).is_some() { "mut " } else { "" };
        let read = read_expr(message, field, ranges[0]);
        match any_condition(&ranges, message.valid) {
            None => {
                writeln!(out, "        let {tagged}{name}: {} = {read};", rust_type(message, field)).unwrap()
            }
            Some(condition) => {
                writeln!(
                    out,
                    "        let {tagged}{name}: {} = if {condition} {{ {read} }} else {{ {} }};",
                    rust_type(message, field),
                    default_value(field)
                )
                .unwrap();
            }
        }
    }
    if mutable {
        writeln!(out, "        let mut unknown_tagged_fields = TaggedFields::default();").unwrap();
        let condition = tagged_section_condition(message).unwrap();
        writeln!(out, "        if {condition} {{\n            r.tagged_fields(|tag, r| {{ match tag {{")
            .unwrap();
        for field in &s.fields {
            if let Some((tag, versions)) = tagged_versions(message, field) {
                let guard = versions.condition(message.valid).map_or(String::new(), |c| format!(" if {c}"));
                writeln!(
                    out,
                    "                {tag}{guard} => {} = {},",
                    local(field),
                    read_expr(message, field, versions)
                )
                .unwrap();
            }
        }
        writeln!(out, "                _ => unknown_tagged_fields.keep(tag, r)?,\n            }} Ok(()) }})?;\n        }}").unwrap();
    } else {
        writeln!(out, "        let unknown_tagged_fields = TaggedFields::default();").unwrap();
    }
    let names: Vec<String> = s
        .fields
        .iter()
        .map(|f| if local(f) == ident(f) { local(f) } else { format!("{}: {}", ident(f), local(f)) })
        .collect();
    writeln!(
        out,
        "        Ok(Self {{ {}{}unknown_tagged_fields }})\n    }}",
        names.join(", "),
        if names.is_empty() { "" } else { ", " }
    )
    .unwrap();
}

/// The local variable of a field: not to be mistaken for the reader or the version.
fn local(field: &Field) -> String {
    match ident(field).as_str() {
        "version" => "version_field".into(),
        "r" | "w" => panic!("field name {}", field.name),
        "flexible" => "flexible_field".into(),
        other => other.to_owned(),
    }
}

fn read_expr(message: &Message, field: &Field, here: Versions) -> String {
    let flexible = flexible_expr(message, field);
    let name = &field.name;
    let (plain, nullable) = match &field.ty {
        Type::Array(item) => {
            let each = read_item(message, item, flexible);
            (
                format!("r.array({flexible}, \"{name}\", |r| {each})?"),
                format!("r.nullable_array({flexible}, |r| {each})?"),
            )
        }
        Type::String => {
            (format!("r.string({flexible}, \"{name}\")?"), format!("r.nullable_string({flexible})?"))
        }
        Type::Bytes => {
            (format!("r.bytes({flexible}, \"{name}\")?"), format!("r.nullable_bytes({flexible})?"))
        }
        // Kafka accepts null records everywhere, whatever the schema says.
        Type::Records => return format!("r.records({flexible})?"),
        Type::Struct(inner) => (
            format!("{inner}::decode(r, version)?"),
            format!(
                "if r.{}()? {{ Some({inner}::decode(r, version)?) }} else {{ None }}",
                if field.tagged.is_some() { "present_in_tag" } else { "present" }
            ),
        ),
        other => (format!("{}?", read_item(message, other, flexible)), String::new()),
    };
    match nullable_here(message, field, here) {
        Nullable::Never if optional(field) => format!("Some({plain})"),
        Nullable::Never => plain,
        Nullable::Always => nullable,
        Nullable::When(condition) => format!("if {condition} {{ {nullable} }} else {{ Some({plain}) }}"),
    }
}

fn read_item(message: &Message, ty: &Type, flexible: &str) -> String {
    match ty {
        Type::Bool => "r.bool()".into(),
        Type::I8 => "r.i8()".into(),
        Type::I16 => "r.i16()".into(),
        Type::U16 => "r.u16()".into(),
        Type::I32 => "r.i32()".into(),
        Type::U32 => "r.u32()".into(),
        Type::I64 => "r.i64()".into(),
        Type::F64 => "r.f64()".into(),
        Type::Uuid => "r.uuid()".into(),
        Type::String => format!("r.string({flexible}, \"item\")"),
        Type::Bytes => format!("r.bytes({flexible}, \"item\")"),
        Type::Struct(inner) => format!("{inner}::decode(r, version)"),
        Type::Records | Type::Array(_) => panic!("{}: array of {ty:?}", message.name),
    }
}

fn encode(out: &mut String, message: &Message, s: &Struct) {
    writeln!(out, "    /// Writes this at `version`; a field that the version lacks must hold its default unless the schema lets it be dropped.\n    #[allow(unused_variables)]\n    pub fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {{").unwrap();
    if s.top {
        writeln!(out, "        check_version::<Self>(version).map_err(|(message, version)| EncodeError::UnsupportedVersion {{ message, version }})?;").unwrap();
    }
    if needs_flexible(message) {
        writeln!(out, "        let flexible = version >= {};", message.flexible.unwrap().low).unwrap();
    }
    for field in &s.fields {
        body_field(out, message, s, field);
    }
    if let Some(condition) = tagged_section_condition(message) {
        let mut tagged: Vec<(u32, Versions, &Field)> = s
            .fields
            .iter()
            .filter_map(|f| tagged_versions(message, f).map(|(tag, versions)| (tag, versions, f)))
            .collect();
        tagged.sort_by_key(|(tag, ..)| *tag);
        writeln!(out, "        if {condition} {{").unwrap();
        if tagged.is_empty() {
            writeln!(out, "            w.tagged_fields(&self.unknown_tagged_fields);").unwrap();
        } else {
            writeln!(out, "            let mut tags = TagWriter::new(&self.unknown_tagged_fields);").unwrap();
            for (tag, versions, field) in tagged {
                let mut conditions = vec![not_default(field)];
                conditions.extend(versions.condition(message.valid));
                let write = write_expr(message, field, versions);
                writeln!(
                    out,
                    "            if {} {{ tags.put({tag}, |w| {{ {write} Ok(()) }})?; }}",
                    conditions.join(" && ")
                )
                .unwrap();
            }
            writeln!(out, "            tags.finish(w);").unwrap();
        }
        writeln!(out, "        }}").unwrap();
    }
    writeln!(out, "        Ok(())\n    }}").unwrap();
}

fn body_field(out: &mut String, message: &Message, s: &Struct, field: &Field) {
    let ranges = body_versions(message, field);
    let whole = field.versions.and_then(|v| v.intersect(message.valid));
    // Where the version has no place for the field at all.
    let absent = match whole {
        None => Some("true".to_owned()),
        Some(w) => w.condition(message.valid).map(|c| format!("!({c})")),
    };
    if let (Some(absent), false) = (absent, field.ignorable) {
        writeln!(out, "        if {absent} && {} {{ return Err(EncodeError::FieldNotInVersion {{ message: \"{}\", field: \"{}\", version }}); }}", not_default(field), s.name, field.name).unwrap();
    }
    if ranges.is_empty() {
        return;
    }
    let write = write_expr(message, field, ranges[0]);
    match any_condition(&ranges, message.valid) {
        None => writeln!(out, "        {write}").unwrap(),
        Some(condition) => writeln!(out, "        if {condition} {{ {write} }}").unwrap(),
    }
}

/// A condition that holds where the field differs from its default.
fn not_default(field: &Field) -> String {
    let name = format!("self.{}", ident(field));
    if optional(field) {
        let default = default_value(field);
        return if default == "None" {
            format!("{name}.is_some()")
        } else if matches!(field.ty, Type::Array(_) | Type::String | Type::Bytes)
            && field.default.as_deref().unwrap_or("").is_empty()
        {
            format!("{name}.as_ref().is_none_or(|v| !v.is_empty())")
        } else {
            format!("{name} != {default}")
        };
    }
    match &field.ty {
        Type::Bool if default_value(field) == "true" => format!("!{name}"),
        Type::Bool => name,
        Type::String if field.default.as_deref().unwrap_or("").is_empty() => format!("!{name}.is_empty()"),
        Type::Array(_) | Type::Bytes => format!("!{name}.is_empty()"),
        _ => format!("{name} != {}", default_value(field)),
    }
}

fn write_expr(message: &Message, field: &Field, here: Versions) -> String {
    let flexible = flexible_expr(message, field);
    let name = format!("self.{}", ident(field));
    if field.ty == Type::Records {
        return format!("w.records({name}.as_ref(), {flexible});");
    }
    if !optional(field) {
        return write_value(message, &field.ty, &name, &name, flexible);
    }
    let some = write_value(message, &field.ty, "value", "value", flexible);
    let some = if matches!(field.ty, Type::Struct(_)) { format!("w.i8(1); {some}") } else { some };
    let null = match &field.ty {
        // The marker of a nullable struct in a tagged field is an unsigned varint, elsewhere a signed byte.
        Type::Struct(_) if field.tagged.is_some() => "w.i8(0);".to_owned(),
        Type::Struct(_) => "w.i8(-1);".to_owned(),
        Type::String => format!("w.null_string({flexible});"),
        _ => format!("w.null_array({flexible});"),
    };
    let refuse = format!(
        "return Err(EncodeError::Null {{ message: \"{}\", field: \"{}\", version }});",
        message.name, field.name
    );
    match nullable_here(message, field, here) {
        Nullable::Always => format!("match &{name} {{ Some(value) => {{ {some} }} None => {{ {null} }} }}"),
        Nullable::Never => {
            let plain = write_value(message, &field.ty, "value", "value", flexible);
            format!("match &{name} {{ Some(value) => {{ {plain} }} None => {{ {refuse} }} }}")
        }
        Nullable::When(condition) => {
            assert!(
                !matches!(field.ty, Type::Struct(_)),
                "{}: struct nullable in some versions",
                message.name
            );
            format!(
                "match &{name} {{ Some(value) => {{ {some} }} None if {condition} => {{ {null} }} None => {{ {refuse} }} }}"
            )
        }
    }
}

/// Statements that write `place` (an expression of the type) or, where a reference is at hand, `value`.
fn write_value(message: &Message, ty: &Type, place: &str, value: &str, flexible: &str) -> String {
    let by_copy = if value == "value" || value == "item" { format!("*{value}") } else { value.to_owned() };
    match ty {
        Type::Bool => format!("w.bool({by_copy});"),
        Type::I8 => format!("w.i8({by_copy});"),
        Type::I16 => format!("w.i16({by_copy});"),
        Type::U16 => format!("w.u16({by_copy});"),
        Type::I32 => format!("w.i32({by_copy});"),
        Type::U32 => format!("w.u32({by_copy});"),
        Type::I64 => format!("w.i64({by_copy});"),
        Type::F64 => format!("w.f64({by_copy});"),
        Type::Uuid => format!("w.uuid({by_copy});"),
        Type::String => {
            format!("w.string({}{place}, {flexible})?;", if place.starts_with("self.") { "&" } else { "" })
        }
        Type::Bytes => {
            format!("w.bytes({}{place}, {flexible});", if place.starts_with("self.") { "&" } else { "" })
        }
        Type::Struct(_) => format!("{place}.encode(w, version)?;"),
        Type::Array(item) => {
            let each = write_value(message, item, "item", "item", flexible);
            let list = if place.starts_with("self.") { format!("&{place}") } else { place.to_owned() };
            format!("w.array_len({place}.len(), {flexible}); for item in {list} {{ {each} }}")
        }
        Type::Records => panic!("{}: nested records", message.name),
    }
}
