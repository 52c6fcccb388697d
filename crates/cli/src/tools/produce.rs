//! `millstream produce`: lines in, records out.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

use bytes::Bytes;
use client::{Acks, Delivery, Header, Producer, ProducerConfig, ProducerRecord};
use serde_json::json;
use tokio::sync::mpsc;

use super::output::{Output, count};
use super::{Result, ToolError, cluster, complain, reach, stopped};
use crate::args::{AcksArg, ProduceArgs};

/// Lines that are read ahead.
const LINES_AHEAD: usize = 1_000;
/// Records whose outcome is not known yet.
const MAX_UNDELIVERED: usize = 10_000;
/// The longest line that is read; a longer one is an error.
const MAX_LINE_BYTES: u64 = 64 << 20;

pub(super) async fn run(args: ProduceArgs) -> Result<()> {
    let cluster = cluster(&args.common)?;
    reach(&cluster).await?;
    let patience = cluster.config().deadline;
    let config = ProducerConfig {
        acks: match args.acks {
            AcksArg::None => Acks::None,
            AcksArg::Leader => Acks::Leader,
            AcksArg::All => Acks::All,
        },
        compression: args.compression.into(),
        linger: std::time::Duration::from_millis(args.linger_ms),
        max_block: patience,
        delivery_timeout: patience,
        request_timeout: patience,
        ..Default::default()
    };
    let producer = Producer::new(&cluster, config)?;
    let mut tally = Tally::default();
    let read = feed(&args, &producer, &mut tally).await;
    producer.flush().await;
    while let Some(delivery) = tally.waiting.pop_front() {
        tally.count(delivery.await);
    }
    tally.say(&Output::new(args.common.json), &args.topic)?;
    read?;
    if tally.failed > 0 { Err(ToolError::Reported(tally.failed)) } else { Ok(()) }
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    waiting: VecDeque<Delivery>,
    delivered: usize,
    failed: usize,
}

impl Tally {
    /// Says why once: what follows a failure mostly fails alike.
    fn count(&mut self, outcome: client::Result<client::RecordMetadata>) {
        match outcome {
            Ok(_) => self.delivered += 1,
            Err(error) => {
                if self.failed == 0 {
                    complain(&error);
                }
                self.failed += 1;
            }
        }
    }

    fn say(&self, output: &Output, topic: &str) -> io::Result<()> {
        let (delivered, failed) = (self.delivered, self.failed);
        if output.is_json() {
            return output.document(&json!({ "topic": topic, "delivered": delivered, "failed": failed }));
        }
        let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        // Not a result but a remark: standard output stays free for what follows in a pipe.
        eprintln!("{} delivered to topic '{topic}'{failed}", count(delivered, "record", "records"));
        Ok(())
    }
}

/// Sends lines until there are no more, someone wants to stop, or a record fails.
async fn feed(args: &ProduceArgs, producer: &Producer, tally: &mut Tally) -> Result<()> {
    let mut lines = lines();
    let stopped = stopped();
    tokio::pin!(stopped);
    loop {
        // An outcome may come long before the next line, and ends the work if it is bad.
        while tally.waiting.len() >= MAX_UNDELIVERED
            && let Some(delivery) = tally.waiting.pop_front()
        {
            tally.count(delivery.await);
        }
        let line = tokio::select! {
            line = lines.recv() => line,
            Some(outcome) = async {
                let outcome = tally.waiting.front_mut()?.await;
                Some(outcome)
            } => {
                tally.waiting.pop_front();
                tally.count(outcome);
                if tally.failed > 0 {
                    return Ok(());
                }
                continue;
            }
            () = &mut stopped => return Ok(()),
        };
        let Some(line) = line else { return Ok(()) };
        let record = record(args, &line.map_err(ToolError::Input)?)?;
        match producer.send(record).await {
            Ok(delivery) => tally.waiting.push_back(delivery),
            Err(error) => {
                tally.count(Err(error));
                return Ok(());
            }
        }
    }
}

/// The lines of standard input, read by a thread: it may wait for ever, and end with the process.
fn lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (out, lines) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let Some(line) = read_line(&mut input).transpose() else { return };
            let failed = line.is_err();
            if out.blocking_send(line).is_err() || failed {
                return;
            }
        }
    });
    lines
}

/// A line without its end; none at the end of the input.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if read as u64 > MAX_LINE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a line of more than {MAX_LINE_BYTES} bytes"),
        ));
    }
    Ok(Some(line))
}

fn record(args: &ProduceArgs, line: &[u8]) -> Result<ProducerRecord> {
    let (key, value) = match &args.key_separator {
        None => (None, line),
        Some(separator) => match split(line, separator.as_bytes()) {
            Some((key, value)) => (Some(Bytes::copy_from_slice(key)), value),
            None => {
                let start = String::from_utf8_lossy(line.get(..40).unwrap_or(line)).into_owned();
                let text = format!("the line '{start}' has no key separator '{separator}'");
                return Err(client::Error::Invalid(text.into()).into());
            }
        },
    };
    let is_null = args.null_marker.as_ref().is_some_and(|marker| marker.as_bytes() == value);
    let header = |(key, value): &(String, String)| Header {
        key: key.clone(),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
    };
    Ok(ProducerRecord {
        topic: args.topic.clone(),
        partition: args.partition,
        key,
        value: (!is_null).then(|| Bytes::copy_from_slice(value)),
        headers: args.headers.iter().map(header).collect(),
        timestamp: None,
    })
}

/// What is before and after the first separator.
fn split<'a>(line: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = line.windows(separator.len().max(1)).position(|w| w == separator)?;
    Some((&line[..at], &line[at + separator.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command, Tool};
    use clap::Parser;

    fn args(options: &[&str]) -> ProduceArgs {
        let line = ["millstream", "produce", "t"].iter().chain(options);
        match Args::try_parse_from(line).unwrap().command {
            Command::Tool(Tool::Produce(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_become_records() {
        let check = |options: &[&str], line: &str, key: Option<&str>, value: Option<&str>| {
            let record = record(&args(options), line.as_bytes()).unwrap();
            let text = |b: Option<Bytes>| b.map(|b| String::from_utf8(b.to_vec()).unwrap());
            assert_eq!(text(record.key), key.map(str::to_owned), "{line}");
            assert_eq!(text(record.value), value.map(str::to_owned), "{line}");
        };
        check(&[], "a:b", None, Some("a:b"));
        check(&[], "", None, Some(""));
        check(&["--key-separator", ":"], "a:b:c", Some("a"), Some("b:c"));
        check(&["--key-separator", ":"], ":b", Some(""), Some("b"));
        check(&["--key-separator", "::"], "a:b::c", Some("a:b"), Some("c"));
        check(&["--key-separator", ":", "--null-marker", "NULL"], "a:NULL", Some("a"), None);
        assert!(record(&args(&["--key-separator", ":"]), b"ab").is_err());
    }

    #[test]
    fn lines_end_in_many_ways() {
        let mut input = io::Cursor::new(b"a\nb\r\n\nc".to_vec());
        let mut found = Vec::new();
        while let Some(line) = read_line(&mut input).unwrap() {
            found.push(String::from_utf8(line).unwrap());
        }
        assert_eq!(found, ["a", "b", "", "c"]);
    }
}
