//! What two brokers answered, compared field by field; what may differ, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::Line;

/// Fields whose values belong to the broker that answers. Zero, -1, empty and null are not values.
pub(crate) const OWN: &[(&str, &str)] = &[
    ("clusterId", "the identity of the cluster"),
    ("topicId", "the identity of a topic"),
    ("memberId", "a member's identity, which the broker makes"),
    ("leader", "the identity of the member that leads a group"),
    ("producerId", "a producer's identity"),
    ("producer", "a producer's identity, in a batch"),
    ("sessionId", "the identity of a fetch session"),
    ("port", "the port that the broker listens on"),
    ("logDir", "the folder that the broker writes to"),
    ("totalBytes", "the size of the disk"),
    ("usableBytes", "the room on the disk"),
    ("finalizedFeaturesEpoch", "the offset of the metadata log"),
    ("transactionStartTimeMs", "when a transaction began"),
];

/// Fields that hold a time of the producer, which is compared, or of the broker's clock, which is not.
pub(crate) const TIMES: &[(&str, &str)] = &[
    ("lastTimestamp", "a producer's last batch, or the marker after it"),
    ("baseTimestamp", "a batch's first record, or a marker"),
    ("maxTimestamp", "a batch's last record, or a marker"),
    ("timestamp", "where an offset is looked for by time"),
];
/// Scripts write no time after it: those are of the clock.
const SCRIPTS_TIMES_END: i64 = 1_750_000_000_000;

/// A difference in one field of one answer.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) kafka: String,
    pub(crate) millstream: String,
}

/// Puts a name in place of each value that belongs to the broker.
pub(crate) fn mask(lines: Vec<Line>, kept: &BTreeMap<String, String>, address: &str) -> Vec<Line> {
    let port = address.rsplit(':').next().unwrap_or_default();
    let mask_text = |text: &str| {
        let mut text = text.replace(&format!(":{port}"), ":(port)");
        for (name, value) in kept.iter().filter(|(_, value)| value.len() >= 8) {
            text = text.replace(value.as_str(), &format!("${name}"));
        }
        mask_identities(&mask_ports(&text))
    };
    lines
        .into_iter()
        .map(|(path, value)| {
            let field = path.rsplit('.').next().unwrap_or_default();
            let known = kept.iter().find(|(_, known)| known.as_str() == value.trim_matches('"'));
            let is_clock = value.parse().is_ok_and(|time: i64| time > SCRIPTS_TIMES_END);
            let own = OWN.iter().any(|(name, _)| *name == field) && !nothing(&value)
                || TIMES.iter().any(|(name, _)| *name == field) && is_clock;
            let value = match known {
                Some((name, _)) if own => format!("${name}"),
                _ if own => "(its own)".to_owned(),
                _ => mask_text(&value),
            };
            (mask_text(&path), value)
        })
        .collect()
}

/// Ports of addresses in a text, such as those of listeners.
fn mask_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str("127.0.0.1:");
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        masked.push_str(if rest.len() < part.len() { "(port)" } else { "" });
        masked.push_str(rest);
    }
    masked
}

/// Identities that nobody kept: `8c1f…` in groups of 8, 4, 4, 4 and 12 digits.
fn mask_identities(text: &str) -> String {
    const LENGTH: usize = 36;
    let is_identity = |bytes: &[u8]| {
        bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let mut masked = text.to_owned();
    let mut at = 0;
    while let Some(window) = masked.as_bytes().get(at..at + LENGTH) {
        if is_identity(window) {
            masked.replace_range(at..at + LENGTH, "(id)");
        }
        at += 1;
    }
    masked
}

fn nothing(value: &str) -> bool {
    value == "-1" || value == "null" || value.trim_matches('"').chars().all(|c| c == '0')
}

/// What is not the same. The order of fields and of list elements is not compared.
pub(crate) fn differences(kafka: &[Line], millstream: &[Line]) -> Vec<Difference> {
    let absent = || "(not there)".to_owned();
    let elements = (elements(kafka), elements(millstream));
    let of = |lines: &[Line]| lines.iter().cloned().collect::<BTreeMap<_, _>>();
    let (kafka, millstream) = (of(kafka), of(millstream));
    let paths: BTreeSet<_> = kafka.keys().chain(millstream.keys()).collect();
    let mut differences: Vec<Difference> = vec![];
    for path in paths.into_iter().filter(|path| kafka.get(*path) != millstream.get(*path)) {
        let (kafka, millstream) = (kafka.get(path), millstream.get(path));
        // A list's element that only one of them has is one difference.
        let one_sided = |of: &BTreeSet<String>, other: &BTreeSet<String>| {
            of.iter().find(|element| path.starts_with(element.as_str()) && !other.contains(*element)).cloned()
        };
        let there = || "(there)".to_owned();
        let difference = if let Some(path) = one_sided(&elements.0, &elements.1) {
            Difference { path, kafka: there(), millstream: absent() }
        } else if let Some(path) = one_sided(&elements.1, &elements.0) {
            Difference { path, kafka: absent(), millstream: there() }
        } else {
            let value = |value: Option<&String>| value.cloned().unwrap_or_else(absent);
            Difference { path: path.clone(), kafka: value(kafka), millstream: value(millstream) }
        };
        if differences.last().is_none_or(|last| last.path != difference.path) {
            differences.push(difference);
        }
    }
    differences
}

/// The paths of all elements of lists, such as `topics[a]` and `topics[a].partitions[0]`.
fn elements(lines: &[Line]) -> BTreeSet<String> {
    let ends =
        lines.iter().flat_map(|(path, _)| path.match_indices(']').map(|(at, _)| path[..=at].to_owned()));
    ends.collect()
}

/// A pattern in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            rest.is_empty()
                || (0..=text.len())
                    .filter(|at| text.is_char_boundary(*at))
                    .any(|at| matches(rest, &text[at..]))
        }),
    }
}

/// A difference that is there on purpose, or must be.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) reason: String,
    /// Patterns for what was asked, the field, and both values.
    patterns: [String; 4],
    /// Whether it depends on time, and does not show each time: a line that starts with `?`.
    pub(crate) race: bool,
    /// How often it was seen, and the first.
    pub(crate) seen: usize,
    pub(crate) example: Option<(String, Difference)>,
}

impl Expected {
    /// The list from its text: `* reason`, and under it lines `asked | field | Kafka's | millstream's`.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, String> {
        let mut expected = vec![];
        let mut reason = String::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(next) = line.strip_prefix("* ") {
                reason = next.to_owned();
                continue;
            }
            let (race, line) = line.strip_prefix("? ").map_or((false, line), |line| (true, line));
            let mut cells = line.split(" | ").map(|cell| cell.trim().to_owned());
            let mut next = || cells.next().ok_or_else(|| format!("not four parts: {line}"));
            let patterns = [next()?, next()?, next()?, next()?];
            expected.push(Self { reason: reason.clone(), patterns, race, seen: 0, example: None });
        }
        Ok(expected)
    }

    fn excuses(&self, asked: &str, difference: &Difference) -> bool {
        let texts = [asked, &difference.path, &difference.kafka, &difference.millstream];
        self.patterns.iter().zip(texts).all(|(pattern, text)| matches(pattern, text))
    }

    pub(crate) fn cells(&self) -> [&String; 4] {
        self.patterns.each_ref()
    }

    pub(crate) fn patterns(&self) -> String {
        self.patterns.join(" | ")
    }
}

/// Counts answers, and keeps what differs.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) expected: Vec<Expected>,
    pub(crate) equal: usize,
    pub(crate) excused: usize,
    pub(crate) unexplained: usize,
}

impl Comparison {
    /// Counts one answer; what cannot be excused is printed.
    pub(crate) fn count(&mut self, asked: &str, differences: Vec<Difference>) {
        let all = differences.len();
        let left: Vec<_> =
            differences.into_iter().filter(|difference| !self.excuse(asked, difference)).collect();
        match (all, left.len()) {
            (0, _) => self.equal += 1,
            (_, 0) => self.excused += 1,
            _ => {
                self.unexplained += 1;
                println!("FAIL {asked}");
                for difference in left.iter().take(6) {
                    println!("     | {}", difference.path);
                    println!("     |   kafka      {}", difference.kafka);
                    println!("     |   millstream {}", difference.millstream);
                }
                if left.len() > 6 {
                    println!("     | and {} more fields", left.len() - 6);
                }
            }
        }
    }

    pub(crate) fn excuses(&self, asked: &str, difference: &Difference) -> bool {
        self.expected.iter().any(|expected| expected.excuses(asked, difference))
    }

    fn excuse(&mut self, asked: &str, difference: &Difference) -> bool {
        let Some(expected) = self.expected.iter_mut().find(|expected| expected.excuses(asked, difference))
        else {
            return false;
        };
        expected.seen += 1;
        expected.example.get_or_insert_with(|| (asked.to_owned(), difference.clone()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match() {
        for (pattern, text, expect) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn values_of_the_brokers_own_have_names() {
        let kept = BTreeMap::from([("member".to_owned(), "client-1234567".to_owned())]);
        let check = |path: &str, value: &str, expect: &str| {
            let masked = mask(vec![(path.into(), value.into())], &kept, "127.0.0.1:9092");
            assert_eq!(masked[0].1, expect, "{path}");
        };
        check("members[0].memberId", "\"client-1234567\"", "$member");
        check("memberId", "\"other\"", "(its own)");
        check("memberId", "\"\"", "\"\"");
        check("topicId", "00000000000000000000000000000000", "00000000000000000000000000000000");
        check("members[a-0c6f3f3e-ec6f-43cf-a3e1-6aca820fd45a].clientId", "\"c\"", "\"c\"");
        check("value", "a-0c6f3f3e-ec6f-43cf-a3e1-6aca820fd45a.", "a-(id).");
        check("value", "P://127.0.0.1:77,C://127.0.0.1:88", "P://127.0.0.1:(port),C://127.0.0.1:(port)");
        check("batches[0].maxTimestamp", "1700000000000", "1700000000000");
        check("batches[0].maxTimestamp", "1795290109306", "(its own)");
        check("errorMessage", "\"no member client-1234567 at h:9092\"", "\"no member $member at h:(port)\"");
    }
}
