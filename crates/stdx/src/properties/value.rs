//! The types of properties, and how text becomes a value and back.

use super::Error;
use std::fmt;

/// The type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false` in any case.
    Boolean,
    /// Text.
    String,
    /// 32-bit signed integer.
    Int,
    /// 16-bit signed integer.
    Short,
    /// 64-bit signed integer.
    Long,
    /// 64-bit floating point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a class. Nothing is loaded: only whoever uses the value knows which names it has.
    Class,
    /// A text that is never shown.
    Password,
}

impl Type {
    /// The name in error texts.
    pub fn name(self) -> &'static str {
        match self {
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Int => "INT",
            Type::Short => "SHORT",
            Type::Long => "LONG",
            Type::Double => "DOUBLE",
            Type::List => "LIST",
            Type::Class => "CLASS",
            Type::Password => "PASSWORD",
        }
    }

    /// Parses `text` for the property `name`. Surrounding white space never counts.
    pub fn parse(self, name: &str, text: &str) -> Result<Value, Error> {
        let trimmed = text.trim_matches(|c: char| c <= ' ');
        let not_a_number = || Error::invalid(name, text, format!("Not a number of type {}", self.name()));
        Ok(match self {
            Type::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Type::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Type::Boolean => {
                return Err(Error::invalid(name, text, "Expected value to be either true or false"));
            }
            Type::String => Value::String(trimmed.to_owned()),
            Type::Int => Value::Int(trimmed.parse().map_err(|_| not_a_number())?),
            Type::Short => Value::Short(trimmed.parse().map_err(|_| not_a_number())?),
            Type::Long => Value::Long(trimmed.parse().map_err(|_| not_a_number())?),
            Type::Double => Value::Double(parse_double(trimmed).ok_or_else(not_a_number)?),
            Type::List => Value::List(split_list(trimmed)),
            Type::Class if trimmed.is_empty() => {
                return Err(Error::invalid(name, text, format!("Class {text} could not be found.")));
            }
            Type::Class => Value::Class(trimmed.to_owned()),
            Type::Password => Value::Password(Password(trimmed.to_owned())),
        })
    }
}

/// A text that must not be shown: its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The value of a property.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Type::Boolean`].
    Boolean(bool),
    /// Of [`Type::String`].
    String(String),
    /// Of [`Type::Int`].
    Int(i32),
    /// Of [`Type::Short`].
    Short(i16),
    /// Of [`Type::Long`].
    Long(i64),
    /// Of [`Type::Double`].
    Double(f64),
    /// Of [`Type::List`].
    List(Vec<String>),
    /// Of [`Type::Class`].
    Class(String),
    /// Of [`Type::Password`].
    Password(Password),
}

impl Value {
    /// The text that parses to this value, secret or not.
    pub fn text(&self) -> String {
        match self {
            Value::Boolean(v) => v.to_string(),
            Value::String(v) | Value::Class(v) | Value::Password(Password(v)) => v.clone(),
            Value::Int(v) => v.to_string(),
            Value::Short(v) => v.to_string(),
            Value::Long(v) => v.to_string(),
            Value::Double(v) => java_double(*v),
            Value::List(v) => v.join(","),
        }
    }

    /// How the value stands in an error text: lists in brackets, secrets hidden.
    pub fn shown(&self) -> String {
        match self {
            Value::List(v) => format!("[{}]", v.join(", ")),
            Value::Password(_) => "[hidden]".to_owned(),
            other => other.text(),
        }
    }

    /// The value of a [`Type::Boolean`] property.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Boolean(v) = self { Some(*v) } else { None }
    }

    /// The value of a whole-number property of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(v) => Some(i64::from(*v)),
            Value::Short(v) => Some(i64::from(*v)),
            Value::Long(v) => Some(*v),
            _ => None,
        }
    }

    /// The value of any number property.
    pub fn as_f64(&self) -> Option<f64> {
        if let Value::Double(v) = self { Some(*v) } else { self.as_i64().map(|v| v as f64) }
    }

    /// The text of a string, class or password property.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(v) | Value::Class(v) | Value::Password(Password(v)) => Some(v),
            _ => None,
        }
    }

    /// The elements of a [`Type::List`] property.
    pub fn as_list(&self) -> Option<&[String]> {
        if let Value::List(v) = self { Some(v) } else { None }
    }
}

/// Splits a comma-separated list. White space around elements does not count, empty elements stay, an empty text is an
/// empty list.
pub fn split_list(text: &str) -> Vec<String> {
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    if trimmed.is_empty() {
        return Vec::new();
    }
    let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r');
    trimmed.split(',').map(|e| e.trim_matches(space).to_owned()).collect()
}

/// Java's decimal floating point texts: an optional `f` or `d` at the end, `NaN` and `Infinity` spelled just so.
/// Hexadecimal ones are refused.
fn parse_double(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text).parse().ok()
}

/// Prints a double as Java does: always with a point, with an exponent outside 10⁻³ to 10⁷.
fn java_double(v: f64) -> String {
    if v.is_nan() {
        return "NaN".to_owned();
    }
    if v.is_infinite() {
        return if v > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if v == 0.0 || (1e-3..1e7).contains(&v.abs()) {
        return format!("{v:?}");
    }
    let text = format!("{v:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(type_: Type, text: &str, expect: Result<Value, &str>) {
        assert_eq!(type_.parse("x", text).map_err(|e| e.to_string()), expect.map_err(str::to_owned));
    }

    fn list(elements: &[&str]) -> Result<Value, &'static str> {
        Ok(Value::List(elements.iter().map(|&e| e.to_owned()).collect()))
    }

    /// Each pair was seen from `ConfigDef.parseType` of the kafka-clients artifact.
    #[test]
    fn parses_as_java_does() {
        check(Type::Boolean, " TRUE\t", Ok(Value::Boolean(true)));
        check(Type::Boolean, "False", Ok(Value::Boolean(false)));
        check(
            Type::Boolean,
            "yes",
            Err("Invalid value yes for configuration x: Expected value to be either true or false"),
        );
        check(Type::Int, " +7 ", Ok(Value::Int(7)));
        check(
            Type::Int,
            "2147483648",
            Err("Invalid value 2147483648 for configuration x: Not a number of type INT"),
        );
        check(Type::Int, " 1.5", Err("Invalid value  1.5 for configuration x: Not a number of type INT"));
        check(Type::Int, "", Err("Invalid value  for configuration x: Not a number of type INT"));
        check(Type::Short, "-32768", Ok(Value::Short(i16::MIN)));
        check(
            Type::Short,
            "32768",
            Err("Invalid value 32768 for configuration x: Not a number of type SHORT"),
        );
        check(Type::Long, "9223372036854775807", Ok(Value::Long(i64::MAX)));
        check(Type::Long, "1L", Err("Invalid value 1L for configuration x: Not a number of type LONG"));
        check(Type::Double, "0.5d", Ok(Value::Double(0.5)));
        check(Type::Double, "-Infinity", Ok(Value::Double(f64::NEG_INFINITY)));
        check(Type::Double, "inf", Err("Invalid value inf for configuration x: Not a number of type DOUBLE"));
        check(Type::Double, ".5", Ok(Value::Double(0.5)));
        check(Type::String, "  a b ", Ok(Value::String("a b".to_owned())));
        check(Type::List, "", list(&[]));
        check(Type::List, " a , b,c ", list(&["a", "b", "c"]));
        check(Type::List, "a,,b", list(&["a", "", "b"]));
        check(Type::List, ",", list(&["", ""]));
        check(Type::Class, " org.Foo ", Ok(Value::Class("org.Foo".to_owned())));
        check(Type::Class, "", Err("Invalid value  for configuration x: Class  could not be found."));
        check(Type::Password, " s ", Ok(Value::Password(Password("s".to_owned()))));
    }

    #[test]
    fn prints_as_java_does() {
        for (value, expect) in [
            (0.5, "0.5"),
            (1.0, "1.0"),
            (0.0, "0.0"),
            (f64::MAX, "1.7976931348623157E308"),
            (1e10, "1.0E10"),
            (0.0001, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
        ] {
            assert_eq!(Value::Double(value).text(), expect);
        }
        let list = Value::List(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!((list.text(), list.shown()), ("a,b".to_owned(), "[a, b]".to_owned()));
    }

    proptest! {
        #[test]
        fn text_is_parsed_again(text in "\\PC{0,16}|[-+0-9.eE,fd ]{0,10}") {
            use Type::{Boolean, Class, Double, Int, List, Long, Password, Short, String};
            for type_ in [Boolean, String, Int, Short, Long, Double, List, Class, Password] {
                if let Ok(value) = type_.parse("x", &text) {
                    let again = type_.parse("x", &value.text()).map(|v| v.text());
                    prop_assert_eq!(again, Ok(value.text()), "{:?}", type_);
                }
            }
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let secret = Value::Password(Password("hunter2".to_owned()));
        assert_eq!((secret.text(), secret.shown()), ("hunter2".to_owned(), "[hidden]".to_owned()));
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
