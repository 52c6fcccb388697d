//! Where results go: tables for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, Table, presets};
use serde_json::{Map, Value, json};

use crate::args::Encoding;

/// Standard output in one of two languages.
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// One JSON document, or a table of it.
    pub(super) fn print<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
        json: impl FnOnce() -> Value,
    ) -> io::Result<()> {
        if self.json { self.document(&json()) } else { self.table(header, rows) }
    }

    /// One JSON document.
    pub(super) fn document(&self, json: &Value) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, json)?;
        writeln!(out)?;
        out.flush()
    }

    /// Rows under a header: with rules on a terminal, plain columns elsewhere.
    pub(super) fn table<const N: usize>(
        &self,
        header: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let text = render(header, rows, out.is_terminal());
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// A line for people; programs have the exit code.
    pub(super) fn say(&self, line: &str) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

fn render<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    rules: bool,
) -> String {
    let mut table = Table::new();
    table.load_preset(if rules { presets::UTF8_FULL_CONDENSED } else { presets::NOTHING });
    table.set_header(header.map(Cell::new));
    for row in rows {
        // What is missing stands as a dash: columns stay columns for awk.
        table.add_row(row.map(|cell| Cell::new(if cell.is_empty() { "-" } else { &cell })));
    }
    if !rules {
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// "1 record", "2 records".
pub(super) fn count(n: usize, singular: &str, plural: &str) -> String {
    format!("{n} {}", if n == 1 { singular } else { plural })
}

/// Numbers with commas between.
pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|i| i.to_string()).collect::<Vec<_>>().join(",")
}

/// Two digits a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes as a field of a document. What is no text stands in hexadecimal under another name: nothing is lost.
pub(super) fn insert(
    document: &mut Map<String, Value>,
    name: &str,
    bytes: Option<&[u8]>,
    encoding: Encoding,
) {
    let text = bytes.map(std::str::from_utf8);
    match (bytes, text, encoding) {
        (None, ..) => document.insert(name.to_owned(), Value::Null),
        (_, Some(Ok(text)), Encoding::Raw) => document.insert(name.to_owned(), json!(text)),
        (Some(bytes), ..) => document.insert(format!("{name}_hex"), json!(hex(bytes))),
    };
}

/// A time in milliseconds since 1970 as people read it, in UTC; `-` where there is none.
pub(super) fn time(ms: i64) -> String {
    if ms < 0 {
        return "-".to_owned();
    }
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    // Years that begin in March have their leap day at the end.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let check = |ms, expect| assert_eq!(time(ms), expect);
        check(-1, "-");
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(951_868_799_999, "2000-02-29T23:59:59.999Z");
        check(1_795_263_840_000, "2026-11-21T12:24:00.000Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        check(i64::MAX, "292278994-08-17T07:12:55.807Z");
    }

    #[test]
    fn plain_tables_are_columns() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long-name".to_owned(), String::new()]];
        assert_eq!(render(["TOPIC", "N"], rows, false), "TOPIC      N\na          1\nlong-name  -\n");
    }
}
