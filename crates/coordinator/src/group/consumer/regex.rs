//! Subscriptions by pattern. Patterns are in the syntax of RE2, as RE2/J has it in Kafka; a topic matches with its whole
//! name, never partly. Matching takes linear time, and a pattern may not compile to more than a fixed size.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::ErrorCode;
use regex::{Regex, RegexBuilder};

use crate::group::modern::{Refusal, Topics};

/// What a pattern may compile to.
const MAX_COMPILED_BYTES: usize = 1 << 20;
/// How often a part of a pattern may repeat.
const MAX_REPEATS: u32 = 1_000;

/// A pattern that compiles.
pub(super) fn compile(pattern: &str) -> Result<Regex, Refusal> {
    let whole = format!(r"\A(?:{})\z", unquote(pattern));
    if repeats_too_often(pattern) {
        return Err(invalid(pattern, "invalid repeat count"));
    }
    // The parentheses must not make a pattern of what is none, as in `a)(b`.
    let compiled = Regex::new(&unquote(pattern))
        .and_then(|_| RegexBuilder::new(&whole).size_limit(MAX_COMPILED_BYTES).build());
    compiled.map_err(|error| {
        let reason = error.to_string();
        invalid(pattern, reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: "))
    })
}

fn invalid(pattern: &str, reason: &str) -> Refusal {
    let message = format!("SubscribedTopicRegex `{pattern}` is not a valid regular expression: {reason}.");
    Refusal::new(ErrorCode::InvalidRegularExpression, message)
}

/// RE2 repeats a thousand times at most. A number in braces after a backslash or in a class is none of a repetition, but such a
/// pattern is not worth telling apart: no topic's name holds a brace.
fn repeats_too_often(pattern: &str) -> bool {
    pattern.split('{').skip(1).filter_map(|rest| rest.split_once('}')).any(|(counts, _)| {
        counts.split(',').any(|count| {
            let is_number = count.bytes().all(|byte| byte.is_ascii_digit());
            let count = count.trim_start_matches('0');
            is_number && (count.len() > 4 || count.parse::<u32>().is_ok_and(|count| count > MAX_REPEATS))
        })
    })
}

/// The topics that match.
pub(super) fn matching(pattern: &Regex, topics: &dyn Topics) -> BTreeSet<Arc<str>> {
    topics.all().filter(|topic| pattern.is_match(topic.name)).map(|topic| topic.name.into()).collect()
}

/// RE2 takes what stands between `\Q` and `\E` as it is, which is what `Pattern.quote` of Java writes.
fn unquote(pattern: &str) -> String {
    let mut rest = pattern;
    let mut out = String::with_capacity(pattern.len());
    while let Some((before, quoted)) = split_at_quote(rest) {
        out.push_str(before);
        let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
        out.push_str(&regex::escape(literal));
        rest = after;
    }
    out + rest
}

/// What is before and after the first `\Q` whose backslash is not itself escaped.
fn split_at_quote(pattern: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (index, byte) in pattern.bytes().enumerate() {
        match byte {
            b'Q' if escaped => return Some((&pattern[..index - 1], &pattern[index + 1..])),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::modern::testing::{TestTopics, id};

    #[test]
    fn whole_names_match() {
        fn check(pattern: &str, expect: &[&str]) {
            let mut topics = TestTopics::default();
            for (index, name) in ["a", "ab", "b", "a.b", "a+b"].into_iter().enumerate() {
                topics.put(name, id(index as u8), 1);
            }
            let matched = compile(pattern).map(|pattern| matching(&pattern, &topics)).unwrap();
            assert_eq!(matched.iter().map(|name| &**name).collect::<Vec<_>>(), expect, "{pattern}");
        }
        check("a", &["a"]);
        check("a|b", &["a", "b"]);
        check("a.*", &["a", "a+b", "a.b", "ab"]);
        check(r"a\.b", &["a.b"]);
        check(r"\Qa+b\E", &["a+b"]);
        check(r"\Qa.b\E|b", &["a.b", "b"]);
        check(r"\Qa.b", &["a.b"]);
        check(r"\\Qx", &[]);
        check("(?i)AB", &["ab"]);
        check(r"\pL+", &["a", "ab", "b"]);
        check("", &[]);
    }

    #[test]
    fn what_is_no_pattern_is_told_why() {
        fn check(pattern: &str, expect: &str) {
            let refusal = compile(pattern).unwrap_err();
            assert_eq!(refusal.error, ErrorCode::InvalidRegularExpression);
            assert_eq!(refusal.message, expect);
        }
        check("[", "SubscribedTopicRegex `[` is not a valid regular expression: unclosed character class.");
        check("a)(b", "SubscribedTopicRegex `a)(b` is not a valid regular expression: unopened group.");
        check(
            "a{1001}",
            "SubscribedTopicRegex `a{1001}` is not a valid regular expression: invalid repeat count.",
        );
        check(
            "a{2,99999999999999999999}",
            "SubscribedTopicRegex `a{2,99999999999999999999}` is not a valid regular expression: invalid repeat count.",
        );
        assert!(compile("a{1000}").is_ok() && compile("a{0,}").is_ok());
        let large = "(a{900}){900}";
        assert!(compile(large).unwrap_err().message.contains("size limit"), "bounded");
    }
}
