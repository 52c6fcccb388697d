//! docs/differences.md: what was compared, and every difference with its reason.

use std::fmt::Write as _;

use crate::compare::{Expected, OWN, TIMES};
use crate::versions::Versions;

const HEAD: &str = "# Differences to Apache Kafka

Written by `interop/differential/run --write-docs`, which starts Apache Kafka 4.3.1 and millstream side by side, sends both the
same requests (every API at every version that both serve: good, borderline and bad input, and bytes that are no request)
and runs the same commands of Kafka's tools, and compares the answers field by field. It fails when a difference shows that
does not stand here, when one that stands here no longer shows, and when an API at a version is left out.

Unexplained differences: none.
";

/// The document.
pub(crate) fn write(versions: &Versions, expected: &[Expected]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Differences and their reasons\n");
    let mut reason = "";
    for expected in expected {
        // What does not show each time stands here as it is expected, so that each run writes the same.
        let cells = match &expected.example {
            _ if expected.race => expected.cells(),
            Some((asked, found)) => [asked, &found.path, &found.kafka, &found.millstream],
            None => continue,
        };
        if expected.reason != reason {
            reason = &expected.reason;
            let _ = write!(
                text,
                "\n**{reason}**\n\n| asked, for instance | field | Apache Kafka | millstream |\n|---|---|---|---|\n"
            );
        }
        let row = cells.map(|cell| cell_text(cell));
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push_str("\n## What must differ\n\nValues that belong to the broker that answers have a name in place of them before they are compared: ");
    let own: Vec<_> = OWN.iter().map(|(field, what)| format!("`{field}` ({what})")).collect();
    let _ = writeln!(text, "{}.", own.join(", "));
    let times: Vec<_> = TIMES.iter().map(|(field, what)| format!("`{field}` ({what})")).collect();
    let _ = writeln!(
        text,
        "So have times of its clock in {}.\nThe order of lists is not compared.",
        times.join(", ")
    );
    text.push_str("\n## What was compared\n\n| API | versions | newer than the peer |\n|---|---|---|\n");
    for (api, (low, high)) in &versions.millstream {
        let compared = versions.both(api).map_or("none".to_owned(), |(low, high)| range(low, high));
        let peer = versions.kafka.get(api).map_or(low - 1, |(_, high)| *high);
        let newer = if *high > peer { range(peer + 1, *high) } else { String::new() };
        let _ = writeln!(text, "| {api} | {compared} | {newer} |");
    }
    let absent = versions.kafka.keys().filter(|api| !versions.millstream.contains_key(*api));
    let absent: Vec<_> = absent.map(String::as_str).collect();
    let _ = write!(text, "\n## Not served yet\n\n{}.\n", absent.join(", "));
    text
}

fn range(low: i16, high: i16) -> String {
    if low == high { low.to_string() } else { format!("{low} to {high}") }
}

/// A cell of a table: short, and nothing in it that ends it.
fn cell_text(text: &str) -> String {
    let text = without_the_run(text);
    let mut short: String = text.chars().take(140).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{}`", short.replace('|', "\\|").replace('`', "'"))
}

/// Without what only this run has: each run writes the same. Times have more digits than other numbers; the folders are those
/// of `interop/lib/node.sh`.
fn without_the_run(text: &str) -> String {
    const TIME_DIGITS: usize = 12;
    const FOLDER: &str = "interop-node.";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (length, shown) = if let Some(name) = rest.strip_prefix(FOLDER) {
            let random = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
            (FOLDER.len() + random, "interop-node.…")
        } else {
            match rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()) {
                0 => (next.len_utf8(), &rest[..next.len_utf8()]),
                digits if digits < TIME_DIGITS => (digits, &rest[..digits]),
                digits => (digits, "TIME"),
            }
        };
        out.push_str(shown);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_writes_the_same() {
        let check = |text: &str, expect: &str| assert_eq!(cell_text(text), expect, "{text}");
        check("[-9223370241568266501, 1795290109306] 9092", "`[-TIME, TIME] 9092`");
        check("\"/tmp/interop-node.eTGExP/data\"", "`\"/tmp/interop-node.…/data\"`");
        check("a|b `é`", "`a\\|b 'é'`");
    }
}
