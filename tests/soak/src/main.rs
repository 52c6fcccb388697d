//! A node under mixed load and faults, and a checker of what its clients were told.
//!
//! `run` starts the node and, as processes of their own, the clients (`load`, `fleet`), and commits the faults of a
//! `schedule`, which a seed gives. Everybody writes down what he does and is told (`event`, `journal`): the history.
//! `check` is a pure function from a history to the promises that were not kept. `sabotage` shows that it can fail.

mod check;
mod error;
mod event;
mod fleet;
mod journal;
mod load;
mod node;
mod progress;
mod run;
mod sabotage;
mod schedule;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Keeps a node under mixed load and faults, and checks what its clients were told.
#[derive(Parser)]
#[command(bin_name = "cargo xtask soak", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// How long the load lasts.
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// The schedule of faults, and what clients draw.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The node.
    #[arg(long, default_value = "target/release/millstream")]
    binary: PathBuf,
    /// Where data and history go; a new folder for temporary files unless told.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Keep that folder whatever the result.
    #[arg(long)]
    keep: bool,
    /// Damage the node's files in the middle of the run, and fail unless every damage is found.
    #[arg(long, hide = true)]
    sabotage: bool,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Subcommand)]
enum Other {
    /// Judge the history in a kept folder again.
    Check { folder: PathBuf },
    /// Be a client; a role in JSON says which.
    #[command(hide = true)]
    Client { role: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.other {
        Some(Other::Check { folder }) => run::again(&folder),
        Some(Other::Client { role }) => {
            serde_json::from_str(&role).map_err(error::Error::Role).and_then(|role: load::Role| role.run())
        }
        None => run::run(&run::Options {
            load: Duration::from_secs_f64(arguments.minutes.clamp(0.1, 60.0 * 24.0 * 30.0) * 60.0),
            seed: arguments.seed,
            binary: arguments.binary,
            folder: arguments.dir,
            keep: arguments.keep,
            sabotage: arguments.sabotage,
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}
