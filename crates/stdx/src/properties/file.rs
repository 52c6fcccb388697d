//! The `.properties` file format of Java: comments, continued lines, escapes.
//!
//! Unlike Java's own reader the text is UTF-8, not Latin-1, and an entry without a name is an error.

use super::Error;
use std::iter::Peekable;
use std::str::Chars;

/// The entries of a file, in its order.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut entries = Vec::new();
    let mut lines = NaturalLines { rest: text, number: 0 };
    while let Some((line, first)) = lines.next() {
        let first = first.trim_start_matches(is_blank);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_with_odd_backslashes(&logical) {
            logical.pop();
            // Nothing continued by a line is that line alone, which may be a comment again.
            if logical.is_empty() {
                break;
            }
            let Some((_, more)) = lines.next() else { break };
            logical.push_str(more.trim_start_matches(is_blank));
        }
        if !logical.is_empty() {
            entries.push(parse_entry(&logical).map_err(|reason| Error::Syntax { line, reason })?);
        }
    }
    Ok(entries)
}

/// Lines ended by `\n`, `\r` or `\r\n`, with their numbers.
struct NaturalLines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> NaturalLines<'a> {
    fn next(&mut self) -> Option<(usize, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
        Some((self.number, line))
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0C')
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|&b| b == b'\\').count() % 2 == 1
}

/// The name ends at the first blank, `=` or `:` that is not escaped; one `=` or `:` with its blanks is skipped.
fn parse_entry(line: &str) -> Result<(String, String), String> {
    let mut chars = line.chars().peekable();
    let mut name = String::new();
    while let Some(c) = chars.next_if(|&c| !is_blank(c) && c != '=' && c != ':') {
        push_unescaped(&mut name, c, &mut chars)?;
    }
    while chars.next_if(|&c| is_blank(c)).is_some() {}
    if chars.next_if(|&c| c == '=' || c == ':').is_some() {
        while chars.next_if(|&c| is_blank(c)).is_some() {}
    }
    let mut value = String::new();
    while let Some(c) = chars.next() {
        push_unescaped(&mut value, c, &mut chars)?;
    }
    if name.is_empty() {
        return Err(format!("the value {value:?} has no name"));
    }
    Ok((name, value))
}

fn push_unescaped(out: &mut String, c: char, chars: &mut Peekable<Chars<'_>>) -> Result<(), String> {
    if c != '\\' {
        out.push(c);
        return Ok(());
    }
    match chars.next() {
        None => {}
        Some('t') => out.push('\t'),
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('f') => out.push('\x0C'),
        Some('u') => out.push(parse_unicode(chars)?),
        Some(other) => out.push(other),
    }
    Ok(())
}

/// Four digits after `\u`, and the other half where they are the first half of a surrogate pair.
fn parse_unicode(chars: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    let high = parse_hex4(chars)?;
    let code = if (0xD800..0xDC00).contains(&high) {
        if chars.next() != Some('\\') || chars.next() != Some('u') {
            return Err(format!("\\u{high:04x} is half a character"));
        }
        let low = parse_hex4(chars)?;
        let offset = low.checked_sub(0xDC00).filter(|&o| o < 0x400);
        0x10000
            + ((high - 0xD800) << 10)
            + offset.ok_or_else(|| format!("\\u{high:04x} is half a character"))?
    } else {
        high
    };
    char::from_u32(code).ok_or_else(|| format!("\\u{code:04x} is half a character"))
}

fn parse_hex4(chars: &mut Peekable<Chars<'_>>) -> Result<u32, String> {
    let mut code = 0;
    for _ in 0..4 {
        let digit = chars.next().and_then(|c| c.to_digit(16)).ok_or("\\u needs four hexadecimal digits")?;
        code = code * 16 + digit;
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[(&str, &str)], &str>) {
        let got = parse(text).map_err(|e| e.to_string());
        let expect = expect
            .map(|entries| entries.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect::<Vec<_>>())
            .map_err(str::to_owned);
        assert_eq!(got, expect, "{text:?}");
    }

    /// Each of the well-formed texts was read by `java.util.Properties` with the same result.
    #[test]
    fn reads_as_java_does() {
        check("", Ok(&[]));
        check("a=1", Ok(&[("a", "1")]));
        check("a = 1 \nb:2\nc 3\nd\t= 4", Ok(&[("a", "1 "), ("b", "2"), ("c", "3"), ("d", "4")]));
        check("  # c\n ! d\n\n   \nx=#1", Ok(&[("x", "#1")]));
        check("a=1\r\nb=2\rc=3", Ok(&[("a", "1"), ("b", "2"), ("c", "3")]));
        check("a=1,\\\n   2,\\\n   3\nb=4", Ok(&[("a", "1,2,3"), ("b", "4")]));
        check("a=1\\\\\nb=2", Ok(&[("a", "1\\"), ("b", "2")]));
        check("a=1\\\n# not a comment", Ok(&[("a", "1# not a comment")]));
        check("a=1\\", Ok(&[("a", "1")]));
        check("\\\n\na=1", Ok(&[("a", "1")]));
        check("\\\n# comment\na=1\\\n\\\nb=2", Ok(&[("a", "1b=2")]));
        check("key", Ok(&[("key", "")]));
        check("a\\ b\\=c=d\\te\\q", Ok(&[("a b=c", "d\teq")]));
        check("a=\\u00e4\\uD83D\\uDE00", Ok(&[("a", "ä😀")]));
        check("a==1\nb=:2", Ok(&[("a", "=1"), ("b", ":2")]));
        check("a=ä", Ok(&[("a", "ä")]));
    }

    #[test]
    fn errors_name_the_line() {
        check("a=1\n\nb=\\\n \\u12", Err("line 3: \\u needs four hexadecimal digits"));
        check("a=\\ud83d", Err("line 1: \\ud83d is half a character"));
        check("a=\\ude00", Err("line 1: \\ude00 is half a character"));
        check("x=1\n=2", Err("line 2: the value \"2\" has no name"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|[\\\\u0-9a-f=: \n\r#!]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn reads_what_was_escaped(name in "[^\u{0}]{1,8}", value in "\\PC{0,12}") {
            let escape = |s: &str| s.chars().map(|c| match c {
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                c => format!("\\{c}").replace("\\t", "t").replace("\\n", "n").replace("\\r", "r").replace("\\f", "f")
                    .replace("\\u", "u"),
            }).collect::<String>();
            prop_assert_eq!(parse(&format!("{}={}", escape(&name), escape(&value))), Ok(vec![(name, value)]));
        }
    }
}
