//! The tools: everything that the binary does besides serving.
//!
//! A tool prints its result on standard output, as a table or as JSON, and what went wrong on standard error, one
//! line each. Exit 0: done; 1: failed, at least in part; 2: it was asked for wrongly.

mod cluster;
mod configs;
mod consume;
mod groups;
mod log;
mod output;
mod produce;
mod topics;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use client::{Admin, Cluster, ClusterConfig};

use crate::args::{Common, Tool};
use output::Output;

/// Why a tool could not do its work.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    #[error("cannot start: {0}")]
    Start(io::Error),
    #[error(transparent)]
    Log(#[from] ::log::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    /// What failed was said where it did.
    #[error("{0} failed")]
    Reported(usize),
}

type Result<T, E = ToolError> = std::result::Result<T, E>;

/// Runs a tool to its end.
pub(crate) fn run(tool: Tool) -> ExitCode {
    init_log();
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ToolError::Start)
        .and_then(|runtime| {
            let result = runtime.block_on(dispatch(tool));
            // A thread that waits for standard input never ends.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(ToolError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(ToolError::Reported(_)) => ExitCode::FAILURE,
        Err(error @ ToolError::Usage(_)) => {
            complain(&error);
            ExitCode::from(2)
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(tool: Tool) -> Result<()> {
    match tool {
        Tool::Topics(args) => topics::run(args).await,
        Tool::Groups(args) => groups::run(args).await,
        Tool::Configs(args) => configs::run(args).await,
        Tool::Produce(args) => produce::run(args).await,
        Tool::Consume(args) => consume::run(args).await,
        Tool::Cluster(args) => cluster::run(args).await,
        Tool::Log(args) => log::run(&args),
    }
}

/// Warnings of the client go to standard error; `MILLSTREAM_LOG` asks for more.
fn init_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("MILLSTREAM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Fails only where there is a subscriber already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}

/// One line on standard error.
fn complain(error: &dyn std::fmt::Display) {
    eprintln!("millstream: {error}");
}

/// The cluster that the common options name.
fn cluster(common: &Common) -> Result<Cluster> {
    let mut config = ClusterConfig::new(&common.bootstrap_server);
    let patience = Duration::from_millis(common.timeout_ms);
    config.deadline = patience;
    config.connection.connect_timeout = config.connection.connect_timeout.min(patience);
    config.connection.request_timeout = config.connection.request_timeout.min(patience);
    Ok(Cluster::new(config)?)
}

/// A cluster, checked to be there, and where to print: what every tool but produce and consume begins with.
async fn open(common: &Common) -> Result<(Admin, Output)> {
    let cluster = cluster(common)?;
    reach(&cluster).await?;
    Ok((Admin::new(cluster), Output::new(common.json)))
}

/// Fails at once where no broker can be reached: a person who mistypes an address need not wait for retries.
async fn reach(cluster: &Cluster) -> Result<()> {
    cluster.any().await?;
    Ok(())
}

/// Says what failed; the error that makes the exit code, if something did.
fn report<T>(results: Vec<(T, client::Result<()>)>) -> Result<()> {
    let failed: Vec<_> = results.into_iter().filter_map(|(_, result)| result.err()).collect();
    failed.iter().for_each(|error| complain(error));
    if failed.is_empty() { Ok(()) } else { Err(ToolError::Reported(failed.len())) }
}

/// Resolves when someone wants the tool to stop.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}
