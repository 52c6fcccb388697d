//! What a value must satisfy beyond its type.

use super::{Error, Value};
use std::fmt;

/// One end of a range, printed as it was written: `1` or `0.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A whole number.
    Int(i64),
    /// A fraction.
    Double(f64),
}

impl Bound {
    fn as_f64(self) -> f64 {
        match self {
            Bound::Int(v) => v as f64,
            Bound::Double(v) => v,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Int(v) => v.fmt(f),
            Bound::Double(v) => write!(f, "{v:?}"),
        }
    }
}

/// What a value must satisfy beyond its type. `None` stands for a property that is null.
#[derive(Debug, Clone, Copy)]
pub enum Validator {
    /// Every value, null too.
    Any,
    /// A number within bounds, both included. Not null.
    Range(Option<Bound>, Option<Bound>),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// One of these texts in any case.
    OneOfIgnoringCase(&'static [&'static str]),
    /// A list. Duplicates are dropped when the text is parsed; elements are not empty.
    List {
        /// The elements it may have; empty: any.
        of: &'static [&'static str],
        /// Whether it may be empty.
        empty: bool,
        /// Whether it may be null.
        null: bool,
    },
    /// A text that is not empty. May be null.
    NonEmpty,
    /// Any text but null.
    NonNull,
    /// A check of its own, and how the documentation puts it.
    Custom(fn(&str, Option<&Value>) -> Result<(), Error>, &'static str),
}

/// A number not below `min`.
pub const fn at_least(min: i64) -> Validator {
    Validator::Range(Some(Bound::Int(min)), None)
}

/// A number from `min` to `max`.
pub const fn between(min: i64, max: i64) -> Validator {
    Validator::Range(Some(Bound::Int(min)), Some(Bound::Int(max)))
}

/// A number from `min` to the fraction `max`.
pub const fn between_f64(min: i64, max: f64) -> Validator {
    Validator::Range(Some(Bound::Int(min)), Some(Bound::Double(max)))
}

/// One of these texts.
pub const fn one_of(texts: &'static [&'static str]) -> Validator {
    Validator::OneOf(texts)
}

/// One of these texts in any case.
pub const fn one_of_ignoring_case(texts: &'static [&'static str]) -> Validator {
    Validator::OneOfIgnoringCase(texts)
}

/// A list of some of these elements, possibly empty.
pub const fn list_of(of: &'static [&'static str]) -> Validator {
    Validator::List { of, empty: true, null: false }
}

/// A list of any elements, possibly empty.
pub const fn any_list() -> Validator {
    Validator::List { of: &[], empty: true, null: false }
}

/// A list of some of these elements (none given: any), not empty.
pub const fn non_empty_list(of: &'static [&'static str]) -> Validator {
    Validator::List { of, empty: false, null: false }
}

/// A check of its own, and how the documentation puts it.
pub const fn custom(
    check: fn(&str, Option<&Value>) -> Result<(), Error>,
    description: &'static str,
) -> Validator {
    Validator::Custom(check, description)
}

impl Validator {
    /// The same list rule, and null is allowed too.
    pub const fn or_null(self) -> Validator {
        match self {
            Validator::List { of, empty, .. } => Validator::List { of, empty, null: true },
            other => other,
        }
    }

    /// Checks the value of the property `name`.
    pub fn check(&self, name: &str, value: Option<&Value>) -> Result<(), Error> {
        match self {
            Validator::Any => Ok(()),
            Validator::Range(min, max) => check_range(name, value, *min, *max),
            Validator::OneOf(texts) => check_one_of(name, value, texts),
            Validator::OneOfIgnoringCase(texts) => match value.and_then(Value::as_str) {
                Some(text) if texts.iter().any(|t| t.eq_ignore_ascii_case(text)) => Ok(()),
                _ => Err(Error::invalid(
                    name,
                    shown(value),
                    format!("String must be one of (case insensitive): {}", texts.join(", ")),
                )),
            },
            Validator::List { of, empty, null } => check_list(name, value, of, *empty, *null),
            Validator::NonEmpty if value.and_then(Value::as_str) == Some("") => {
                Err(Error::invalid(name, "", "String must be non-empty"))
            }
            Validator::NonEmpty => Ok(()),
            Validator::NonNull if value.is_none() => {
                Err(Error::invalid(name, "null", "entry must be non null"))
            }
            Validator::NonNull => Ok(()),
            Validator::Custom(check, _) => check(name, value),
        }
    }

    /// Whether the rule is one of lists, which drops duplicates before it checks.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Validator::List { .. })
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validator::Any => Ok(()),
            Validator::Range(Some(min), Some(max)) => write!(f, "[{min},...,{max}]"),
            Validator::Range(Some(min), None) => write!(f, "[{min},...]"),
            Validator::Range(None, Some(max)) => write!(f, "[...,{max}]"),
            Validator::Range(None, None) => f.write_str("[...]"),
            Validator::OneOf(texts) => write!(f, "[{}]", texts.join(", ")),
            Validator::OneOfIgnoringCase(texts) => write!(f, "(case insensitive) [{}]", texts.join(", ")),
            Validator::List { of: [], empty: true, .. } => f.write_str("no duplicates"),
            Validator::List { of: [], empty: false, .. } => f.write_str("not empty, no duplicates"),
            Validator::List { of, .. } => write!(f, "[{}]", of.join(", ")),
            Validator::NonEmpty => f.write_str("non-empty string"),
            Validator::NonNull => f.write_str("non-null string"),
            Validator::Custom(_, description) => f.write_str(description),
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "null".to_owned(), Value::shown)
}

fn check_range(
    name: &str,
    value: Option<&Value>,
    min: Option<Bound>,
    max: Option<Bound>,
) -> Result<(), Error> {
    let Some(number) = value.and_then(Value::as_f64) else {
        return Err(Error::invalid(name, shown(value), "Value must be non-null"));
    };
    match (min, max) {
        (Some(min), _) if number < min.as_f64() => {
            Err(Error::invalid(name, shown(value), format!("Value must be at least {min}")))
        }
        (_, Some(max)) if number > max.as_f64() => {
            Err(Error::invalid(name, shown(value), format!("Value must be no more than {max}")))
        }
        _ => Ok(()),
    }
}

fn check_one_of(name: &str, value: Option<&Value>, texts: &[&str]) -> Result<(), Error> {
    match value.and_then(Value::as_str) {
        Some(text) if texts.contains(&text) => Ok(()),
        _ => Err(Error::invalid(name, shown(value), format!("String must be one of: {}", texts.join(", ")))),
    }
}

fn check_list(name: &str, value: Option<&Value>, of: &[&str], empty: bool, null: bool) -> Result<(), Error> {
    let Some(elements) = value.and_then(Value::as_list) else {
        return if null { Ok(()) } else { Err(Error::list(name, "values must not be null.")) };
    };
    if elements.is_empty() && !empty {
        let valid =
            if of.is_empty() { "any non-empty value".to_owned() } else { format!("[{}]", of.join(", ")) };
        return Err(Error::list(name, format!("must not be empty. Valid values include: {valid}")));
    }
    for (i, element) in elements.iter().enumerate() {
        if elements[..i].contains(element) {
            return Err(Error::list(name, "values must not be duplicated."));
        }
        if element.is_empty() {
            return Err(Error::list(name, "values must not be empty."));
        }
        if !of.is_empty() {
            check_one_of(name, Some(&Value::String(element.clone())), of)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Type;

    #[track_caller]
    fn check(type_: Type, validator: Validator, text: Option<&str>, expect: Result<(), &str>) {
        let value = text.map(|t| type_.parse("x", t).expect("parses"));
        let got = validator.check("x", value.as_ref()).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{text:?}");
    }

    /// The texts were seen from the validators of the kafka-clients artifact.
    #[test]
    fn says_what_java_says() {
        use Type::{Double, Int, List, String};
        check(Int, at_least(1), Some("1"), Ok(()));
        check(
            Int,
            at_least(1),
            Some("0"),
            Err("Invalid value 0 for configuration x: Value must be at least 1"),
        );
        check(Int, at_least(1), None, Err("Invalid value null for configuration x: Value must be non-null"));
        check(
            Double,
            between(0, 1),
            Some("1.5"),
            Err("Invalid value 1.5 for configuration x: Value must be no more than 1"),
        );
        check(
            Double,
            between_f64(0, 0.5),
            Some("0.6"),
            Err("Invalid value 0.6 for configuration x: Value must be no more than 0.5"),
        );
        check(
            String,
            one_of(&["a", "b"]),
            Some("A"),
            Err("Invalid value A for configuration x: String must be one of: a, b"),
        );
        check(String, one_of_ignoring_case(&["A"]), Some("a"), Ok(()));
        check(List, list_of(&["compact", "delete"]), Some(""), Ok(()));
        check(
            List,
            list_of(&["compact", "delete"]),
            Some("delete,foo"),
            Err("Invalid value foo for configuration x: String must be one of: compact, delete"),
        );
        check(List, any_list(), Some("a,,b"), Err("Configuration 'x' values must not be empty."));
        check(List, any_list(), Some("a,a"), Err("Configuration 'x' values must not be duplicated."));
        check(List, any_list(), None, Err("Configuration 'x' values must not be null."));
        check(List, non_empty_list(&[]).or_null(), None, Ok(()));
        check(
            List,
            non_empty_list(&[]),
            Some(""),
            Err("Configuration 'x' must not be empty. Valid values include: any non-empty value"),
        );
        check(
            List,
            non_empty_list(&["broker", "controller"]),
            Some(""),
            Err("Configuration 'x' must not be empty. Valid values include: [broker, controller]"),
        );
        check(
            String,
            Validator::NonEmpty,
            Some(""),
            Err("Invalid value  for configuration x: String must be non-empty"),
        );
        check(String, Validator::NonEmpty, None, Ok(()));
        check(
            String,
            Validator::NonNull,
            None,
            Err("Invalid value null for configuration x: entry must be non null"),
        );
    }
}
