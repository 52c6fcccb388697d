//! Chores of the workspace. `cargo xtask` lists them.

mod schemas;
mod soak;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <chore>

  schemas JARS VERSION   refresh crates/protocol/schemas from Kafka's published jars in the folder JARS
  tidy                   check the rules of the house: layers, purity, dead files and dependencies, file heads
  soak [--minutes N] [--seed N] [--binary FILE] [--dir FOLDER] [--keep]
                         keep a node (target/release/millstream) under load and faults, and check what clients were told
  soak check FOLDER      judge a kept history again";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["schemas", jars, version] => schemas::refresh(Path::new(jars), version),
        ["tidy"] => tidy::run(),
        ["soak", arguments @ ..] => soak::run(arguments),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
