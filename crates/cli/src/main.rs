//! The one binary of millstream: the server and its tools.

mod args;
mod demo;
mod server;
mod tools;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// Small and fast for many small allocations; memory goes back to the system when it is idle.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Args::parse().command {
        Command::Server(args) => server::run(args),
        Command::Demo => demo::run(),
        Command::Tool(tool) => tools::run(tool),
    }
}
