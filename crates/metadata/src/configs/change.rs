//! A change of the properties of one resource, as IncrementalAlterConfigs or AlterConfigs asks for it, and what it
//! makes of the properties that are set.

use super::error::{Error, Reason};
use std::collections::BTreeSet;
use stdx::properties::{Preset, Properties, Property, Type};

/// What to do with one property. The numbers are those of IncrementalAlterConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Operation {
    /// Set it.
    Set = 0,
    /// Set it no longer.
    Delete = 1,
    /// Add elements to the list that it is.
    Append = 2,
    /// Take elements from the list that it is.
    Subtract = 3,
}

impl Operation {
    fn from_code(code: i8) -> Option<Operation> {
        use Operation::{Append, Delete, Set, Subtract};
        [Set, Delete, Append, Subtract].into_iter().find(|o| *o as i8 == code)
    }

    /// The name in error texts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Set => "SET",
            Operation::Delete => "DELETE",
            Operation::Append => "APPEND",
            Operation::Subtract => "SUBTRACT",
        }
    }
}

/// A well-formed change: every name once, a value where one is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Of single properties: name, operation, value (of no meaning when deleting).
    Incremental(Vec<(String, Operation, String)>),
    /// Of all: what is not named is set no longer.
    Replace(Properties),
}

impl Change {
    /// The change of one resource in IncrementalAlterConfigs: names, operation numbers, values.
    pub fn incremental<'a>(
        operations: impl IntoIterator<Item = (&'a str, i8, Option<&'a str>)>,
    ) -> Result<Change, Error> {
        let operations: Vec<_> = operations.into_iter().collect();
        check_names(operations.iter().map(|(name, ..)| *name))?;
        let is_null = |(_, code, value): &&(&str, i8, Option<&str>)| {
            *code != Operation::Delete as i8 && value.is_none()
        };
        check_nulls(operations.iter().filter(is_null).map(|(name, ..)| *name))?;
        let parse = |(name, code, value): (&str, i8, Option<&str>)| match Operation::from_code(code) {
            Some(operation) => Ok((name.to_owned(), operation, value.unwrap_or_default().to_owned())),
            None => Err(Error::InvalidRequest(Reason::UnknownOperation(code))),
        };
        operations.into_iter().map(parse).collect::<Result<_, _>>().map(Change::Incremental)
    }

    /// The change of one resource in AlterConfigs: names and values. Also the properties of a new topic.
    pub fn replace<'a>(
        entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Change, Error> {
        let entries: Vec<_> = entries.into_iter().collect();
        check_names(entries.iter().map(|(name, _)| *name))?;
        check_nulls(entries.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name))?;
        Ok(Change::Replace(
            entries.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect(),
        ))
    }

    /// What is set after the change. `list` finds the definition of a property that elements are added to or taken
    /// from, or says why that cannot be.
    pub(super) fn apply(
        &self,
        current: &Properties,
        list: impl Fn(Operation, &str) -> Result<&'static Property, Error>,
    ) -> Result<Properties, Error> {
        let operations = match self {
            Change::Replace(all) => return check_lengths(all.clone()),
            Change::Incremental(operations) => operations,
        };
        let mut all = current.clone();
        for (name, operation, value) in operations {
            match operation {
                Operation::Set => all.set(name, value),
                Operation::Delete => {
                    all.remove(name);
                }
                Operation::Append | Operation::Subtract => {
                    let row = list(*operation, name)?;
                    let elements = change_list(current.get(name), row, *operation, value);
                    all.set(name, elements);
                }
            }
        }
        check_lengths(all)
    }
}

/// Whether elements can be added to or taken from a property: `row`, if it is a list.
pub(super) fn list_row(
    row: Option<&'static Property>,
    operation: Operation,
    name: &str,
) -> Result<&'static Property, Error> {
    let not_a_list = || Reason::NotAList { operation: operation.name(), name: name.to_owned() }.into();
    row.filter(|row| row.type_ == Type::List).ok_or_else(not_a_list)
}

/// The names that differ between two sets and what they are afterwards; `None` is deleted.
pub(super) fn difference(before: &Properties, after: &Properties) -> Vec<(String, Option<String>)> {
    let names: BTreeSet<&str> = before.iter().chain(after.iter()).map(|(name, _)| name).collect();
    let changed = names.into_iter().filter(|name| before.get(name) != after.get(name));
    changed.map(|name| (name.to_owned(), after.get(name).map(str::to_owned))).collect()
}

/// Elements are compared as they are written: white space counts. Empty ones at the end and in the old list are lost,
/// as in Kafka.
fn change_list(current: Option<&str>, row: &Property, operation: Operation, value: &str) -> String {
    let default = match row.preset {
        Preset::Text(text) => text,
        Preset::Null | Preset::Required => "",
    };
    let old = current.unwrap_or(default).split(',').filter(|e| !e.is_empty());
    let mut elements: Vec<&str> = old.collect();
    for element in split_java(value) {
        let at = elements.iter().position(|e| *e == element);
        match (operation, at) {
            (Operation::Append, None) => elements.push(element),
            (Operation::Subtract, Some(at)) => {
                elements.remove(at);
            }
            _ => {}
        }
    }
    elements.join(",")
}

/// `String.split(",")` of Java: empty elements at the end do not count, an empty text is one empty element.
fn split_java(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return vec![""];
    }
    let mut elements: Vec<&str> = text.split(',').collect();
    while elements.last() == Some(&"") {
        elements.pop();
    }
    elements
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::InvalidRequest(Reason::DuplicateNames));
        }
    }
    Ok(())
}

fn check_nulls<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() { Ok(()) } else { Err(Error::InvalidRequest(Reason::NullValues(names))) }
}

/// A value that is longer does not fit its record.
fn check_lengths(all: Properties) -> Result<Properties, Error> {
    let too_long = all.iter().any(|(_, text)| text.len() > i16::MAX as usize);
    if too_long { Err(Reason::ValueTooLong.into()) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configs::tables::TOPIC;

    #[track_caller]
    fn check(
        current: &[(&str, &str)],
        change: &[(&str, i8, Option<&str>)],
        expect: Result<&[(&str, &str)], &str>,
    ) {
        let current: Properties = current.iter().copied().collect();
        let list = |operation, name: &str| list_row(TOPIC.get(name), operation, name);
        let got = Change::incremental(change.iter().copied()).and_then(|c| c.apply(&current, list));
        let expect = expect.map(|all| all.iter().copied().collect::<Properties>()).map_err(str::to_owned);
        assert_eq!(got.map_err(|e| e.to_string()), expect, "{change:?}");
    }

    #[test]
    fn operations() {
        let policy = "cleanup.policy";
        check(&[("a", "1")], &[("a", 0, Some("2")), ("b", 0, Some("3"))], Ok(&[("a", "2"), ("b", "3")]));
        check(&[("a", "1")], &[("a", 1, None), ("c", 1, None)], Ok(&[]));
        check(&[], &[(policy, 2, Some("compact"))], Ok(&[(policy, "delete,compact")]));
        check(
            &[(policy, "compact")],
            &[(policy, 2, Some("compact,delete"))],
            Ok(&[(policy, "compact,delete")]),
        );
        check(&[], &[(policy, 3, Some("delete"))], Ok(&[(policy, "")]));
        check(&[(policy, "")], &[(policy, 2, Some(""))], Ok(&[(policy, "")]));
        check(
            &[],
            &[("retention.ms", 2, Some("1"))],
            Err("Can't APPEND to key retention.ms because its type is not LIST."),
        );
        check(
            &[],
            &[("nope", 3, Some("1"))],
            Err("Can't SUBTRACT to key nope because its type is not LIST."),
        );
    }

    #[test]
    fn malformed_changes() {
        check(&[], &[("a", 0, Some("1")), ("a", 1, None)], Err("Error due to duplicate config keys"));
        check(&[], &[("a", 0, None), ("b", 2, None)], Err("Null value not supported for : a, b"));
        check(&[], &[("a", 4, Some("1"))], Err("Unknown operations type 4"));
        let long = "x".repeat(32_768);
        check(
            &[],
            &[("a", 0, Some(&long))],
            Err(
                "The configuration value cannot be added because it exceeds the maximum value size of 32767 bytes.",
            ),
        );
        assert!(Change::replace([("a", None)]).is_err());
    }

    #[test]
    fn differences() {
        let set = |entries: &[(&str, &str)]| entries.iter().copied().collect::<Properties>();
        let got = difference(
            &set(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &set(&[("b", "1"), ("c", "2"), ("d", "3")]),
        );
        let expect = [("a", None), ("c", Some("2")), ("d", Some("3"))];
        assert_eq!(got, expect.map(|(name, text)| (name.to_owned(), text.map(str::to_owned))));
    }
}
