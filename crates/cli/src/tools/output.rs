//! Where results go: tables for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use comfy_table::{Cell, Table, presets};
use serde_json::Value;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tables_are_columns() {
        let rows = [["a".to_owned(), "1".to_owned()], ["long-name".to_owned(), String::new()]];
        assert_eq!(render(["TOPIC", "N"], rows, false), "TOPIC      N\na          1\nlong-name  -\n");
    }
}
