//! The same requests, every version that both brokers serve, to Apache Kafka and to millstream; the answers are compared
//! field by field. Usage: differential KAFKA MILLSTREAM (host:port each) [NAME]

#![allow(clippy::print_stdout, reason = "its result is what it prints")]

mod cases;
mod wire;

use std::process::ExitCode;

use wire::Broker;

/// What differs on purpose, or must: a part of a case's name, a part of a line, and why.
const EXPECTED: &[(&str, &str, &str)] = &[
    ("DescribeConfigs", "Unsupported resource type: 9", MESSAGE),
    ("DescribeConfigs", "This most likely occurs because of a request being malformed", MESSAGE),
    ("IncrementalAlterConfigs", "group.consumer.min.session.timeout.ms", OF_4_4),
    ("IncrementalAlterConfigs", "must be in the range 45000 to 60000", OF_4_4),
];
const MESSAGE: &str = "the text says what is wrong";
const OF_4_4: &str = "the text is Kafka 4.4's, the peer is older";

/// Counts, and prints what differs.
pub(crate) struct Comparison {
    kafka: Broker,
    millstream: Broker,
    only: String,
    same: usize,
    different: usize,
}

impl Comparison {
    /// Compares what two brokers answered to one request.
    fn compare(&mut self, name: &str, kafka: &[String], millstream: &[String]) {
        let excused =
            |line: &String| EXPECTED.iter().any(|(case, part, _)| name.contains(case) && line.contains(part));
        let keep = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| !excused(line)).cloned().collect()
        };
        let (kafka, millstream) = (keep(kafka), keep(millstream));
        if kafka == millstream {
            self.same += 1;
            println!("ok   {name}");
            return;
        }
        self.different += 1;
        println!("FAIL {name}");
        let first = kafka
            .iter()
            .zip(&millstream)
            .position(|(a, b)| a != b)
            .unwrap_or(kafka.len().min(millstream.len()));
        for at in first.saturating_sub(2)..first + 5 {
            match (kafka.get(at), millstream.get(at)) {
                (Some(a), Some(b)) if a == b => println!("     | {a}"),
                (a, b) => {
                    println!("     | kafka      {}", a.map_or("", |line| line));
                    println!("     | millstream {}", b.map_or("", |line| line));
                }
            }
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(kafka), Some(millstream)) = (arguments.next(), arguments.next()) else {
        println!("usage: differential KAFKA MILLSTREAM [NAME]");
        return ExitCode::from(2);
    };
    let broker = |address| Broker { address };
    let mut comparison = Comparison {
        kafka: broker(kafka),
        millstream: broker(millstream),
        only: arguments.next().unwrap_or_default(),
        same: 0,
        different: 0,
    };
    cases::run(&mut comparison);
    println!("{} passed, {} failed", comparison.same, comparison.different);
    if comparison.different == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
