//! `millstream server`: reads the properties, starts the node, says when it is ready, stops it on a signal.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Instant;

use broker::{Levels, Loggers, Running};
use metadata::configs::{LogFormat, ServerConfig};
use stdx::properties::Properties;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, reload};

use crate::args::ServerArgs;

/// Runs until a signal ends it; exit code 1 and one line on stderr where it cannot start.
pub(crate) fn run(args: ServerArgs) -> ExitCode {
    let began = Instant::now();
    let config = match read_config(args) {
        Ok(config) => config,
        Err(line) => return fail(&line),
    };
    let loggers = start_logging(config.log_format);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    runtime.block_on(serve(config, loggers, began))
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

/// Log lines go to stderr, text or JSON. `RUST_LOG` chooses the first levels (`level` and `target=level`, by commas);
/// clients may change them as Kafka's broker loggers.
fn start_logging(format: LogFormat) -> Loggers {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let first = chosen.unwrap_or_else(|| {
        Targets::new().with_default(LevelFilter::INFO).with_target("openraft", LevelFilter::ERROR)
    });
    let levels = levels_of(&first);
    let (filter, handle) = reload::Layer::new(first);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            registry.with(lines.with_filter(filter)).init();
        }
        LogFormat::Json => registry.with(lines.json().with_filter(filter)).init(),
    }
    Loggers::new(levels, move |levels| {
        // Fails only where there is no subscriber any more.
        let _ = handle.reload(targets_of(levels));
    })
}

fn levels_of(targets: &Targets) -> Levels {
    let named = targets.iter().map(|(name, level)| (name.to_owned(), level_name(level)));
    let root = targets.default_level().map_or("FATAL", level_name);
    named.chain([("root".to_owned(), root)]).collect()
}

fn targets_of(levels: &Levels) -> Targets {
    let root = levels.get("root").copied().unwrap_or("INFO");
    let named = levels.iter().filter(|(name, _)| *name != "root");
    Targets::new()
        .with_default(level_filter(root))
        .with_targets(named.map(|(name, level)| (name.clone(), level_filter(level))))
}

/// Kafka's name of a level. Nothing is logged at `FATAL` here: it turns a logger off.
const fn level_name(level: LevelFilter) -> &'static str {
    match level.into_level() {
        None => "FATAL",
        Some(Level::ERROR) => "ERROR",
        Some(Level::WARN) => "WARN",
        Some(Level::INFO) => "INFO",
        Some(Level::DEBUG) => "DEBUG",
        Some(Level::TRACE) => "TRACE",
    }
}

fn level_filter(name: &str) -> LevelFilter {
    if name == "FATAL" { LevelFilter::OFF } else { name.parse().unwrap_or(LevelFilter::INFO) }
}

async fn serve(config: ServerConfig, loggers: Loggers, began: Instant) -> ExitCode {
    let signals = signal(SignalKind::terminate())
        .and_then(|terminate| Ok((terminate, signal(SignalKind::interrupt())?)));
    let (mut terminate, mut interrupt): (Signal, Signal) = match signals {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot listen for signals: {error}")),
    };
    let running = tokio::select! {
        started = broker::start(config, loggers) => match started {
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
