//! The same requests to Apache Kafka and to millstream; the answers are compared field by field.
//!
//! `differential FOLDER KAFKA MILLSTREAM [--tools FOLDER] [--document FILE | --write-docs FILE] [--only TITLE]`: the folder that
//! holds `cases`, `frames.txt` and `expected.txt`, and both addresses (host:port). `script.rs` says how a case is written.

#![allow(clippy::print_stdout, reason = "its result is what it prints")]

mod batches;
mod broker;
mod compare;
mod coverage;
mod decode;
mod document;
mod encode;
mod frames;
mod run;
mod schema;
mod script;
mod tools;
mod value;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker::Broker;
use compare::{Comparison, Expected};
use coverage::Coverage;
use run::Runner;
use versions::Versions;

/// What the command line says.
#[derive(Debug, Default)]
struct Arguments {
    folder: PathBuf,
    kafka: String,
    millstream: String,
    /// What the tools printed.
    tools: Option<PathBuf>,
    /// The document, and whether it is written or only compared.
    document: Option<(PathBuf, bool)>,
    /// A part of the titles, or of the file names, of the scripts to run.
    only: Option<String>,
}

fn arguments() -> Option<Arguments> {
    let mut words = std::env::args().skip(1);
    let mut arguments = Arguments {
        folder: words.next()?.into(),
        kafka: words.next()?,
        millstream: words.next()?,
        ..Arguments::default()
    };
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--tools" => arguments.tools = Some(value.into()),
            "--document" => arguments.document = Some((value.into(), false)),
            "--write-docs" => arguments.document = Some((value.into(), true)),
            "--only" => arguments.only = Some(value),
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        println!(
            "usage: differential FOLDER KAFKA MILLSTREAM [--tools FOLDER] [--document FILE | --write-docs FILE] [--only TITLE]"
        );
        return ExitCode::from(2);
    };
    match run(&arguments) {
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

fn run(arguments: &Arguments) -> Result<bool, String> {
    let folder = &arguments.folder;
    let apis = schema::read_all(&folder.join("../../crates/protocol/schemas/client"))?;
    let mut kafka = Broker::new(arguments.kafka.clone());
    let mut millstream = Broker::new(arguments.millstream.clone());
    let versions = Versions::ask(&apis, &mut kafka, &mut millstream)?;
    let expected = Expected::parse(&read(&folder.join("expected.txt"))?)?;
    let comparison = Comparison { expected, equal: 0, excused: 0, unexplained: 0 };
    let mut runner = Runner { apis, versions, kafka, millstream, comparison, coverage: Coverage::default() };
    let only = arguments.only.as_deref();
    run_scripts(&mut runner, folder, only)?;
    if only.is_none_or(|only| only == "bytes") {
        frames::run(&mut runner, &read(&folder.join("frames.txt"))?)?;
    }
    if let Some(tools) = &arguments.tools {
        tools::run(&mut runner.comparison, tools)?;
    }
    let mut failed = runner.comparison.unexplained;
    if only.is_none() {
        let missing = runner.coverage.missing(&runner.versions.all());
        let stale = runner.comparison.expected.iter().filter(|expected| expected.seen == 0 && !expected.race);
        let stale = stale.map(|expected| format!("this difference no longer shows: {}", expected.patterns()));
        for complaint in missing.into_iter().chain(stale) {
            failed += 1;
            println!("FAIL {complaint}");
        }
        if let Some((path, write)) = &arguments.document {
            // It says that nothing is unexplained.
            failed += usize::from(!document_is_current(&runner, path, *write && failed == 0)?);
        }
    }
    println!("{} passed, {failed} failed", runner.comparison.equal + runner.comparison.excused);
    Ok(failed == 0)
}

fn run_scripts(runner: &mut Runner, folder: &Path, only: Option<&str>) -> Result<(), String> {
    let entries = fs::read_dir(folder.join("cases")).map_err(|error| error.to_string())?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for file in files {
        for script in script::parse(&read(&file)?).map_err(|error| format!("{}: {error}", file.display()))? {
            let has = |only| script.title.contains(only) || file.to_string_lossy().contains(only);
            let wanted = script.title.starts_with("set-up") || only.is_none_or(has);
            if !wanted {
                continue;
            }
            if let Err(error) = runner.script(&script) {
                runner.comparison.unexplained += 1;
                println!("FAIL {}\n     | it ended early: {error}", script.title);
            }
        }
    }
    Ok(())
}

/// The examples are this run's: another may meet other ones first. The reasons, the APIs and their versions are not.
fn document_is_current(runner: &Runner, path: &Path, write: bool) -> Result<bool, String> {
    let text = document::write(&runner.versions, &runner.comparison.expected);
    if write {
        fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(true);
    }
    let current = fs::read_to_string(path).is_ok_and(|written| {
        let claims = |line: &&str| !line.starts_with("| `");
        written.lines().filter(claims).eq(text.lines().filter(claims))
    });
    if !current {
        println!("FAIL {} is not what this run found: run with --write-docs", path.display());
    }
    Ok(current)
}
