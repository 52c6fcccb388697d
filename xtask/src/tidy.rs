//! The rules of the house that a tool can check. Reads only; each message says the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Layers, lowest first: a crate depends only on crates of lower layers.
const LAYERS: &[(&str, u8)] = &[
    ("millstream-stdx", 0),
    ("millstream-protocol", 1),
    ("millstream-metadata", 2),
    ("millstream-coordinator", 2),
    ("millstream-log", 3),
    ("millstream-quorum", 4),
    ("millstream-client", 3),
    ("millstream-broker", 5),
    ("millstream", 6),
    ("millstream-testkit", 6),
    ("millstream-bench", 7),
    ("millstream-fuzz", 7),
    ("millstream-differential", 7),
    ("millstream-soak", 7),
    ("xtask", 7),
];

/// Crates whose code knows no clock, socket, file, task or unordered iteration.
const PURE: &[&str] = &["stdx", "protocol", "metadata", "coordinator"];

/// What must not appear in a pure crate's source, and why.
const IMPURE: &[(&str, &str)] = &[
    ("tokio", "a pure machine has no task"),
    ("std::fs::", "a pure machine has no file"),
    ("std::net::", "a pure machine has no socket"),
    ("Instant::now", "time is an argument: stdx::Now"),
    ("SystemTime", "time is an argument: stdx::Now"),
    ("HashMap", "its order differs between two runs of one seed: BTreeMap"),
    ("HashSet", "its order differs between two runs of one seed: BTreeSet"),
    ("std::thread", "a pure machine has no thread"),
    ("rand::", "randomness is an argument"),
];

/// Exceptions: a file of a pure crate that carries an outside thing without using it.
const CARRIES: &[(&str, &str)] =
    &[("crates/protocol/src/records/opaque.rs", "std::fs::"), ("crates/metadata/src/configs", "std::net::")];

/// Longest file that passes without a word; near it, look for the seam.
const MAX_LINES: usize = 800;

/// Runs every check; the number of findings.
pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let mut findings = vec![];
    layers(&mut findings)?;
    let files = tracked_sources()?;
    for file in &files {
        let text = fs::read_to_string(file)?;
        purity(file, &text, &mut findings);
        shape(file, &text, &mut findings);
    }
    dead_files(&files, &mut findings)?;
    dead_dependencies(&files, &mut findings)?;
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    if findings.is_empty() { Ok(()) } else { Err(format!("{} findings", findings.len()).into()) }
}

fn layers(findings: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let layer: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(own) = layer.get(name) else {
            findings.push(format!("crate {name} has no layer: give it one in xtask/src/tidy.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            if layer.get(on).is_some_and(|below| below >= own) {
                findings.push(format!("{name} (layer {own}) depends on {on}: dependencies point down only"));
            }
        }
    }
    Ok(())
}

/// The Rust files that git knows or would know.
fn tracked_sources() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let output =
        Command::new("git").args(["ls-files", "-co", "--exclude-standard", "--", "*.rs"]).output()?;
    Ok(String::from_utf8(output.stdout)?.lines().map(PathBuf::from).filter(|file| file.exists()).collect())
}

fn purity(file: &Path, text: &str, findings: &mut Vec<String>) {
    let path = file.to_string_lossy();
    if !PURE.iter().any(|name| path.starts_with(&format!("crates/{name}/src/"))) {
        return;
    }
    let code = text.split("\n#[cfg(test)]").next().unwrap_or(text);
    for (number, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        for (word, reason) in IMPURE {
            let carried = CARRIES.iter().any(|(prefix, allowed)| path.starts_with(prefix) && allowed == word);
            if line.contains(word) && !carried {
                findings.push(format!("{path}:{}: {word} in a pure crate: {reason}", number + 1));
            }
        }
    }
}

fn shape(file: &Path, text: &str, findings: &mut Vec<String>) {
    let lines = text.lines().count();
    let path = file.display();
    if lines > MAX_LINES {
        findings.push(format!("{path}: {lines} lines: one concept a file; look for the seam"));
    }
    if !text.starts_with("//!") {
        findings.push(format!("{path}: no head: a file begins with what it is for (//!)"));
    }
}

/// A file that no `mod` names is never compiled.
fn dead_files(files: &[PathBuf], findings: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut named: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = file.parent().unwrap_or(Path::new(""));
        let below = if ["lib", "main", "mod"].contains(&stem.as_str()) {
            folder.to_owned()
        } else {
            folder.join(&stem)
        };
        for line in fs::read_to_string(file)?.lines() {
            let words: Vec<&str> = line.trim().trim_end_matches(';').split_whitespace().collect();
            if let [.., "mod", name] = words.as_slice() {
                named.insert(below.join(format!("{name}.rs")));
                named.insert(below.join(name).join("mod.rs"));
            }
        }
    }
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let root = name == "lib.rs"
            || name == "main.rs"
            || ["tests", "benches", "examples", "bin", "fuzz_targets", "build"].contains(&&*folder);
        if !root && !named.contains(file) {
            findings.push(format!("{}: no mod names this file: it is dead", file.display()));
        }
    }
    Ok(())
}

/// A dependency that no source of its crate mentions costs compile time for nothing.
fn dead_dependencies(files: &[PathBuf], findings: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for manifest in fs::read_dir("crates")?.filter_map(Result::ok).map(|entry| entry.path()) {
        let text = fs::read_to_string(manifest.join("Cargo.toml"))?;
        // A target may live outside of the crate's folder.
        let elsewhere =
            text.lines().filter_map(|line| line.strip_prefix("path = \"../../")?.strip_suffix("/main.rs\""));
        let folders: Vec<PathBuf> = elsewhere.map(PathBuf::from).chain([manifest.clone()]).collect();
        let sources: String = files
            .iter()
            .filter(|file| folders.iter().any(|folder| file.starts_with(folder)))
            .map(|file| fs::read_to_string(file).unwrap_or_default())
            .collect();
        for line in text.lines().filter(|line| line.ends_with(".workspace = true")) {
            let name = line.trim_end_matches(".workspace = true");
            let package = ["version", "edition", "rust-version", "license", "publish"].contains(&name);
            if !package && !sources.contains(&name.replace('-', "_")) {
                findings.push(format!(
                    "{}: nothing uses the dependency {name}",
                    manifest.join("Cargo.toml").display()
                ));
            }
        }
    }
    Ok(())
}
