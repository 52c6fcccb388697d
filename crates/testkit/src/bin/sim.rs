//! Runs many seeds of the simulator, and prints how to see the first that fails again.

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use testkit::sim::{Trace, run_caught};

const USAGE: &str = "usage: sim [--seeds N] [--from SEED]   run N seeds (1000) from a seed (0) on
       sim --trace SEED                 run one seed and print all that happens";

/// How much of the trace of a failed seed is printed.
const TAIL_LINES: usize = 60;

struct Arguments {
    seeds: u64,
    from: u64,
    trace: Option<u64>,
}

fn parse(arguments: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let mut parsed = Arguments { seeds: 1000, from: 0, trace: None };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        let value: u64 = arguments.next().ok_or("a number is missing")?.parse()?;
        match name.as_str() {
            "--seeds" => parsed.seeds = value,
            "--from" => parsed.from = value,
            "--trace" => parsed.trace = Some(value),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(parsed)
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("sim: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut out = std::io::stdout().lock();
    let failed = match arguments.trace {
        Some(seed) => {
            let trace = Trace::default();
            let failed = run_caught(seed, &trace).is_err();
            let _ = out.write_all(trace.text().as_bytes());
            failed
        }
        None => !run_many(&arguments),
    };
    ExitCode::from(u8::from(failed))
}

/// Whether all seeds hold.
fn run_many(arguments: &Arguments) -> bool {
    let began = Instant::now();
    for seed in arguments.from..arguments.from + arguments.seeds {
        let trace = Trace::default();
        if let Err(violation) = run_caught(seed, &trace) {
            eprintln!("{}", trace.tail(TAIL_LINES));
            eprintln!("seed {seed} violates {}: {}", violation.invariant, violation.found);
            eprintln!("again: cargo run --release -p millstream-testkit --bin sim -- --trace {seed}");
            return false;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{} seeds from {} hold, {seconds:.1} s", arguments.seeds, arguments.from);
    true
}
