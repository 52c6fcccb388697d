//! What Kafka's tools printed at each broker: files `NUMBER.kafka`, `NUMBER.millstream`, and `NUMBER.command`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::compare::{Comparison, Difference};

/// Compares the files of a folder, line by line.
pub(crate) fn run(comparison: &mut Comparison, folder: &Path) -> Result<(), String> {
    let mut numbers: Vec<String> = fs::read_dir(folder)
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".command")?.to_owned()))
        .collect();
    numbers.sort();
    let before = comparison.unexplained;
    for number in &numbers {
        let read = |kind: &str| {
            let bytes =
                fs::read(folder.join(format!("{number}.{kind}"))).map_err(|error| error.to_string())?;
            Ok::<_, String>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let asked = format!("tool: {}", read("command")?.trim());
        comparison.count(&asked, differences(&read("kafka")?, &read("millstream")?));
    }
    if comparison.unexplained == before && !numbers.is_empty() {
        println!("ok   tools: {} commands", numbers.len());
    }
    Ok(())
}

/// Lines that only one of them has, in pairs. The order of lines is not compared.
fn differences(kafka: &str, millstream: &str) -> Vec<Difference> {
    let count = |text: &str| {
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for line in text.lines() {
            *lines.entry(line.trim_end().to_owned()).or_default() += 1;
        }
        lines
    };
    let (kafka, millstream) = (count(kafka), count(millstream));
    let only = |of: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| -> Vec<String> {
        of.iter()
            .filter(|(line, count)| other.get(*line) != Some(count))
            .map(|(line, _)| line.clone())
            .collect()
    };
    let (kafka, millstream) = (only(&kafka, &millstream), only(&millstream, &kafka));
    let line =
        |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_else(|| "(not there)".to_owned());
    (0..kafka.len().max(millstream.len()))
        .map(|at| Difference {
            path: "line".to_owned(),
            kafka: line(&kafka, at),
            millstream: line(&millstream, at),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compared_whatever_their_order() {
        assert!(differences("a\nb\n", "b\na\n").is_empty());
        let found = differences("a\nb\n", "a\nc\n");
        assert_eq!((found.len(), found[0].kafka.as_str(), found[0].millstream.as_str()), (1, "b", "c"));
    }
}
