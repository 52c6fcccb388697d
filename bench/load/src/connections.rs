//! Connections that have been answered once and then say nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use crate::error::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    count: usize,
}

/// An ApiVersions request, version 0, with the client id "bench".
const API_VERSIONS: &[u8] = b"\0\0\0\x0f\0\x12\0\0\0\0\0\x01\0\x05bench";

/// Opens them, tells that they are open, and holds them until the standard input ends.
pub(crate) fn run(args: &Args, print: fn(&Value) -> Result<()>) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let began = Instant::now();
    let mut held = Vec::new();
    for _ in 0..args.count {
        let mut stream = TcpStream::connect(&args.bootstrap)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(API_VERSIONS)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; (u32::from_be_bytes(length) as usize).min(1 << 20)];
        stream.read_exact(&mut answer)?;
        held.push(stream);
    }
    print(&json!({ "connections": held.len(), "seconds": began.elapsed().as_secs_f64() }))?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
