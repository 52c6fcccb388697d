//! Java is the oracle: every line that Kafka's own classes wrote must decode and encode to the same bytes.
//!
//! `testdata/messages/*.tsv` is a sample of what `interop/codec-oracle` makes. With `MILLSTREAM_ORACLE=FILE` the lines
//! of that file are checked as well, and `MILLSTREAM_ORACLE_OUT=FILE` receives what we encode, for Java to read back.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use protocol::any::{MESSAGES, re_encode};

/// One line: the message's name, the version, the bytes in hex, separated by tabs. `#` starts a comment.
fn check_line(line: &str) -> Result<(String, i16, Vec<u8>), String> {
    let mut parts = line.split('\t');
    let (Some(name), Some(version), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("not a case: {line}"));
    };
    let version: i16 = version.parse().map_err(|e| format!("{line}: {e}"))?;
    let bytes = unhex(hex).ok_or_else(|| format!("{name} {version}: bad hex"))?;
    let ours = re_encode(name, version, &bytes)
        .ok_or_else(|| format!("{name}: no such message"))?
        .map_err(|e| format!("{name} {version}: {e}: {hex}"))?;
    if ours != bytes {
        return Err(format!("{name} {version}:\n java {hex}\n ours {}", to_hex(&ours)));
    }
    Ok((name.to_owned(), version, ours))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn check_text(
    text: &str,
    seen: &mut BTreeMap<(String, i16), usize>,
    out: &mut Option<fs::File>,
) -> Vec<String> {
    let mut failures = vec![];
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        match check_line(line) {
            Ok((name, version, bytes)) => {
                if let Some(out) = out {
                    writeln!(out, "{name}\t{version}\t{}", to_hex(&bytes)).unwrap();
                }
                *seen.entry((name, version)).or_default() += 1;
            }
            Err(failure) => failures.push(failure),
        }
    }
    failures
}

fn report(failures: &[String]) {
    let shown = failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(failures.is_empty(), "{} cases differ from Java, the first:\n{shown}", failures.len());
}

#[test]
fn golden_sample_of_every_message_and_version() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/messages");
    let mut seen = BTreeMap::new();
    let mut failures = vec![];
    for file in fs::read_dir(&folder).unwrap() {
        failures.extend(check_text(&fs::read_to_string(file.unwrap().path()).unwrap(), &mut seen, &mut None));
    }
    report(&failures);
    for (name, versions) in MESSAGES {
        for version in versions.clone() {
            assert!(seen.contains_key(&((*name).to_owned(), version)), "no golden case of {name} {version}");
        }
    }
}

#[test]
fn random_cases_from_java() {
    let Some(file) = std::env::var_os("MILLSTREAM_ORACLE") else { return };
    let mut out = std::env::var_os("MILLSTREAM_ORACLE_OUT").map(|path| fs::File::create(path).unwrap());
    let mut seen = BTreeMap::new();
    report(&check_text(&fs::read_to_string(file).unwrap(), &mut seen, &mut out));
    assert!(!seen.is_empty(), "the oracle's file has no case");
}

/// A prefix of a message is an error, never a panic, and garbage never reserves beyond its size.
#[test]
fn truncated_golden_messages_are_refused() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/messages");
    for file in fs::read_dir(&folder).unwrap() {
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines().filter(|l| !l.starts_with('#'))
        {
            let mut parts = line.split('\t');
            let (Some(name), Some(version), Some(hex)) = (parts.next(), parts.next(), parts.next()) else {
                continue;
            };
            let bytes = unhex(hex).unwrap();
            for cut in (0..bytes.len()).step_by(1 + bytes.len() / 40) {
                let result = re_encode(name, version.parse().unwrap(), &bytes[..cut]).unwrap();
                assert!(
                    result.is_err() || result.is_ok_and(|ours| ours.len() <= cut),
                    "{name} {version} cut at {cut}"
                );
            }
        }
    }
}
