//! `millstream server`: reads the properties, starts the node, says when it is ready, stops it on a signal.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Instant;

use broker::Running;
use metadata::configs::{LogFormat, ServerConfig};
use stdx::properties::Properties;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::ServerArgs;

/// Runs until a signal ends it; exit code 1 and one line on stderr where it cannot start.
pub(crate) fn run(args: ServerArgs) -> ExitCode {
    let began = Instant::now();
    let config = match read_config(args) {
        Ok(config) => config,
        Err(line) => return fail(&line),
    };
    start_logging(config.log_format);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    runtime.block_on(serve(config, began))
}

fn fail(line: &str) -> ExitCode {
    eprintln!("millstream: {line}");
    ExitCode::FAILURE
}

fn read_config(args: ServerArgs) -> Result<ServerConfig, String> {
    let mut properties = match &args.file {
        None => Properties::default(),
        Some(path) => {
            let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| at(&error))?;
            Properties::parse_file(&text).map_err(|error| at(&error))?
        }
    };
    for (name, value) in args.overrides {
        properties.set(name, value);
    }
    ServerConfig::from_properties(properties).map_err(|error| error.to_string())
}

/// Log lines go to stderr, text or JSON; `RUST_LOG` chooses levels.
fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,openraft=error"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}

async fn serve(config: ServerConfig, began: Instant) -> ExitCode {
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt): (Signal, Signal) = match signals {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let running = tokio::select! {
        started = broker::start(config) => match started {
            Ok(running) => running,
            Err(error) => return fail(&error.to_string()),
        },
        _ = terminate.recv() => return ExitCode::SUCCESS,
        _ = interrupt.recv() => return ExitCode::SUCCESS,
    };
    tracing::info!("{}", ready_line(&running, began));
    let failed = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        reason = running.failed() => Some(reason),
    };
    if let Some(reason) = &failed {
        tracing::error!(%reason, "the node cannot go on and stops");
    }
    running.stop().await;
    tracing::info!("stopped");
    if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn ready_line(running: &Running, began: Instant) -> String {
    let mut line = format!("ready in {} ms:", began.elapsed().as_millis());
    for (name, address) in running.listeners() {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}://{address},");
    }
    if let Some(admin) = running.admin() {
        let _ = write!(line, " admin http://{admin},");
    }
    let _ = write!(line, " cluster.id={}", running.cluster_id());
    line
}
