//! `millstream-bench`: the loads and the bare loops that `bench/run` measures with. Every command prints one line of
//! JSON and ends by itself.
//!
//! Not here: starting brokers, creating topics, reading a broker's CPU time and memory. `bench/*.py` does that.

mod connections;
mod error;
mod groups;
mod latency;
mod limits;
mod own;
mod payload;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

use error::Result;

#[derive(Debug, Parser)]
#[command(about = "Loads and bare loops for bench/run")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// End-to-end latency at a fixed rate, open loop, librdkafka on both ends.
    Latency(latency::Args),
    /// Produces with millstream's own client.
    Produce(own::ProduceArgs),
    /// Consumes with millstream's own client.
    Consume(own::ConsumeArgs),
    /// Opens connections, says so, and holds them until its standard input ends.
    Connections(connections::Args),
    /// Makes groups of one member with a committed offset, and ends; the members' sessions outlive it.
    Groups(groups::Args),
    /// What this machine does without a broker: bare sendfile, receive-check-write and fdatasync loops.
    Limits(limits::Args),
    /// Prints the records' values that all loads share, one a line.
    Payload(payload::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Latency(args) => latency::run(&args).and_then(|found| print(&found)),
        Command::Produce(args) => own::produce(&args).and_then(|found| print(&found)),
        Command::Consume(args) => own::consume(&args).and_then(|found| print(&found)),
        Command::Connections(args) => connections::run(&args, print),
        Command::Groups(args) => groups::run(&args).and_then(|found| print(&found)),
        Command::Limits(args) => limits::run(&args).and_then(|found| print(&found)),
        Command::Payload(args) => payload::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millstream-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(found: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{found}")?;
    Ok(out.flush()?)
}
