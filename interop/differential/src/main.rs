//! The same requests to Apache Kafka and to millstream; the answers are compared field by field.
//!
//! Usage: `differential FOLDER KAFKA MILLSTREAM [TITLE]`: the folder that holds `cases` and `expected.txt`, both addresses
//! (host:port), and a part of the titles of the scripts to run, all without. Each script is a table in `cases`; script.rs
//! says how it is written.

#![allow(clippy::print_stdout, reason = "its result is what it prints")]

mod batches;
mod broker;
mod compare;
mod coverage;
mod decode;
mod encode;
mod run;
mod schema;
mod script;
mod value;
mod versions;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use broker::Broker;
use compare::{Comparison, Expected};
use coverage::Coverage;
use run::Runner;
use versions::Versions;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, kafka, millstream, rest @ ..] = arguments.as_slice() else {
        println!("usage: differential FOLDER KAFKA MILLSTREAM [TITLE]");
        return ExitCode::from(2);
    };
    match run(Path::new(folder), kafka, millstream, rest.first().map(String::as_str)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("it ended early: {error}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn run(folder: &Path, kafka: &str, millstream: &str, only: Option<&str>) -> Result<bool, String> {
    let apis = schema::read_all(&folder.join("../../crates/protocol/schemas/client"))?;
    let (mut kafka, mut millstream) = (Broker::new(kafka.to_owned()), Broker::new(millstream.to_owned()));
    let versions = Versions::ask(&apis, &mut kafka, &mut millstream)?;
    let expected = Expected::parse(&read(&folder.join("expected.txt"))?)?;
    let comparison = Comparison { expected, equal: 0, excused: 0, unexplained: 0 };
    let mut runner = Runner { apis, versions, kafka, millstream, comparison, coverage: Coverage::default(), settled: BTreeSet::new() };
    let mut files: Vec<_> = fs::read_dir(folder.join("cases"))
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for file in files {
        for script in script::parse(&read(&file)?)? {
            let setup = script.title.starts_with("set-up");
            if setup || only.is_none_or(|only| script.title.contains(only)) {
                if let Err(error) = runner.script(&script) {
                    runner.comparison.unexplained += 1;
                    println!("FAIL {}\n     | it ended early: {error}", script.title);
                }
            }
        }
    }
    let mut unseen = 0;
    if only.is_none() {
        for missing in runner.coverage.missing(&runner.versions.all()) {
            unseen += 1;
            println!("FAIL {missing}");
        }
        for expected in runner.comparison.expected.iter().filter(|expected| expected.seen == 0) {
            unseen += 1;
            println!("FAIL this difference was expected and does not show: {}", expected.patterns());
        }
    }
    let comparison = &runner.comparison;
    let (passed, failed) = (comparison.equal + comparison.excused, comparison.unexplained + unseen);
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}
