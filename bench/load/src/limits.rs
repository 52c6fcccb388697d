//! What this machine does without a broker: the least that a broker has to do for a byte, as bare loops.
//! - `sendfile`: a file in the page cache to a loopback socket, as for a consumer;
//! - `receive`: from a loopback socket, CRC-32C, into a file, as for a producer;
//! - `fdatasync`: append and sync, one after the other, as for one producer that waits for the disk;
//! - `echo`: 1 KiB to a socket and back at a fixed rate, each from its due time: what the scheduler leaves of any latency.
//!
//! CPU time is that of the thread with the loop; the other end has a thread of its own on the same machine.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::sendfile;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::payload::values;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where files are written: the disk that the brokers use.
    #[arg(long)]
    folder: PathBuf,
    /// Megabytes for each of the loops that move bytes.
    #[arg(long, default_value_t = 2_000)]
    megabytes: usize,
    /// Seconds for each of the others.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

/// A batch.
const CHUNK: usize = 64 << 10;
/// The file that is sent, or filled, again and again.
const FILE: usize = 256 << 20;

pub(crate) fn run(args: &Args) -> Result<Value> {
    let file = || Ok::<_, Error>(tempfile::tempfile_in(&args.folder)?);
    let bytes = args.megabytes * 1_000_000;
    Ok(json!({
        "sendfile": bare_sendfile(file()?, bytes)?,
        "receive_check_write": receive_check_write(file()?, bytes, usize::MAX)?,
        "receive_check_write_again": receive_check_write(file()?, bytes, FILE)?,
        "fdatasync_4k": bare_fdatasync(file()?, 4 << 10, args.seconds)?,
        "fdatasync_64k": bare_fdatasync(file()?, CHUNK, args.seconds)?,
        "echo_1000_per_s": bare_echo(args.seconds)?,
    }))
}

/// Seconds of CPU that the calling thread has used.
fn thread_cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let out = TcpStream::connect(listener.local_addr()?)?;
    Ok((out, listener.accept()?.0))
}

fn chunk() -> Vec<u8> {
    values(1_024).concat()[..CHUNK].to_vec()
}

fn told(bytes: usize, wall_s: f64, cpu_s: f64) -> Value {
    let gb = bytes as f64 / 1e9;
    json!({ "gb_per_s": gb / wall_s, "cpu_s_per_gb": cpu_s / gb })
}

fn bare_sendfile(mut file: File, bytes: usize) -> Result<Value> {
    let chunk = chunk();
    for _ in 0..FILE / CHUNK {
        file.write_all(&chunk)?;
    }
    let (out, mut socket) = pair()?;
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while socket.read(&mut buffer)? > 0 {}
        Ok::<_, std::io::Error>(())
    });
    let (began, cpu) = (Instant::now(), thread_cpu_s());
    let mut sent = 0;
    while sent < bytes {
        let mut offset = (sent % FILE) as u64;
        sent += sendfile(&out, &file, Some(&mut offset), (1 << 20).min(bytes - sent))?;
    }
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), thread_cpu_s() - cpu);
    drop(out);
    reader.join().map_err(|_| Error::Thread)??;
    Ok(told(bytes, wall_s, cpu_s))
}

/// Into a file that grows, or that begins anew whenever it has `most` bytes. In a virtual machine a page of memory that it
/// has not had before costs more than the copy into it; in a file that begins anew there are none.
fn receive_check_write(mut file: File, bytes: usize, most: usize) -> Result<Value> {
    let (mut out, mut socket) = pair()?;
    let chunk = chunk();
    let expected = crc32c::crc32c(&chunk);
    let writer = thread::spawn(move || {
        for _ in 0..bytes / CHUNK {
            out.write_all(&chunk)?;
        }
        Ok::<_, std::io::Error>(())
    });
    let (began, cpu) = (Instant::now(), thread_cpu_s());
    let mut buffer = vec![0; CHUNK];
    let mut emptying_s = 0.0;
    for chunk in 0..bytes / CHUNK {
        if chunk > 0 && chunk % (most / CHUNK) == 0 {
            let before = thread_cpu_s();
            file.set_len(0)?;
            file.rewind()?;
            emptying_s += thread_cpu_s() - before;
        }
        socket.read_exact(&mut buffer)?;
        if crc32c::crc32c(&buffer) != expected {
            return Err(Error::Setting("loopback has changed a byte".into()));
        }
        file.write_all(&buffer)?;
    }
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), thread_cpu_s() - cpu - emptying_s);
    writer.join().map_err(|_| Error::Thread)??;
    Ok(told(bytes / CHUNK * CHUNK, wall_s, cpu_s))
}

fn bare_fdatasync(mut file: File, size: usize, seconds: u64) -> Result<Value> {
    let chunk = &chunk()[..size];
    let mut took_ms = Vec::new();
    let began = Instant::now();
    while began.elapsed().as_secs() < seconds {
        file.write_all(chunk)?;
        let start = Instant::now();
        file.sync_data()?;
        took_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let per_s = took_ms.len() as f64 / began.elapsed().as_secs_f64();
    let at = quantiles(took_ms);
    Ok(json!({ "syncs_per_s": per_s, "p50_ms": at(0.5), "p99_ms": at(0.99) }))
}

fn bare_echo(seconds: u64) -> Result<Value> {
    const EVERY: Duration = Duration::from_millis(1);
    let (mut near, mut far) = pair()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut back = near.try_clone()?;
    let total = seconds * 1_000;
    let echo = thread::spawn(move || {
        let mut buffer = [0; 1_024];
        for _ in 0..total {
            far.read_exact(&mut buffer)?;
            far.write_all(&buffer)?;
        }
        Ok::<_, std::io::Error>(())
    });
    let began = Instant::now();
    let due = move |record: u64| began + EVERY * record as u32;
    let reader = thread::spawn(move || {
        let mut buffer = [0; 1_024];
        let mut took_ms = Vec::new();
        for record in 0..total {
            back.read_exact(&mut buffer)?;
            took_ms.push(due(record).elapsed().as_secs_f64() * 1e3);
        }
        Ok::<_, std::io::Error>(took_ms)
    });
    for record in 0..total {
        thread::sleep(due(record).saturating_duration_since(Instant::now()));
        near.write_all(&[0; 1_024])?;
    }
    echo.join().map_err(|_| Error::Thread)??;
    let at = quantiles(reader.join().map_err(|_| Error::Thread)??);
    Ok(json!({ "p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999) }))
}

/// The value that a share of the values is not above. There must be some.
fn quantiles(mut values: Vec<f64>) -> impl Fn(f64) -> f64 {
    values.sort_by(f64::total_cmp);
    move |share| values[(((values.len() - 1) as f64) * share) as usize]
}
