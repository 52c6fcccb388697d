//! `millstream consume`: records in, lines out.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::time::Duration;

use client::{
    Admin, Cluster, Consumer, ConsumerConfig, ConsumerRecord, Isolation, OffsetReset, OffsetSpec, StartAt,
};
use protocol::TopicPartition;
use protocol::records::TimestampType;
use serde_json::{Map, Value, json};

use super::output::{hex, insert, list};
use super::topics::partitions_of;
use super::{Result, ToolError, cluster, reach, stopped};
use crate::args::{ConsumeArgs, Encoding};

/// How long one poll waits. Only a bound: records come at once, and so does the wish to stop.
const POLL: Duration = Duration::from_secs(1);
/// Records of one poll.
const MAX_POLL_RECORDS: u64 = 500;

pub(super) async fn run(args: ConsumeArgs) -> Result<()> {
    let cluster = cluster(&args.common)?;
    reach(&cluster).await?;
    // Also says so at once where there is no such topic.
    let admin = Admin::new(cluster.clone());
    let partitions = partitions_of(&admin, &args.topic).await?;
    let isolation = if args.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let mut consumer = consumer(&cluster, &args, isolation)?;
    let mut ends = BTreeMap::new();
    if args.group.is_some() {
        consumer.subscribe([args.topic.as_str()])?;
    } else {
        let partitions = chosen(&args, partitions)?;
        if args.no_follow || args.from_end.is_some() {
            ends = offsets(&admin, &partitions, OffsetSpec::Latest, isolation).await?;
        }
        let starts = starts(&args, &admin, partitions, &ends, isolation).await?;
        consumer.assign(starts)?;
    }
    if !args.no_follow {
        ends.clear();
    }
    let printed = tokio::select! {
        printed = print_all(&args, &mut consumer, &ends) => printed,
        () = stopped() => Ok(()),
    };
    let closed = consumer.close().await;
    printed?;
    Ok(closed?)
}

fn consumer(cluster: &Cluster, args: &ConsumeArgs, isolation: Isolation) -> Result<Consumer> {
    let config = ConsumerConfig {
        group_id: args.group.clone(),
        isolation,
        auto_offset_reset: match (args.from_beginning, args.offset.is_some()) {
            (true, _) => OffsetReset::Earliest,
            // Someone who names an offset wants that one.
            (_, true) => OffsetReset::None,
            _ => OffsetReset::Latest,
        },
        ..Default::default()
    };
    Ok(Consumer::new(cluster, config)?)
}

fn chosen(args: &ConsumeArgs, mut all: Vec<TopicPartition>) -> Result<Vec<TopicPartition>> {
    let missing: Vec<_> =
        args.partitions.iter().filter(|p| !all.iter().any(|a| a.partition == **p)).collect();
    if !missing.is_empty() {
        let text = format!(
            "topic '{}' has {} partitions, not {}; count from 0",
            args.topic,
            all.len(),
            list(missing)
        );
        return Err(client::Error::Invalid(text.into()).into());
    }
    all.retain(|p| args.partitions.is_empty() || args.partitions.contains(&p.partition));
    Ok(all)
}

async fn starts(
    args: &ConsumeArgs,
    admin: &Admin,
    partitions: Vec<TopicPartition>,
    ends: &BTreeMap<TopicPartition, i64>,
    isolation: Isolation,
) -> Result<Vec<(TopicPartition, StartAt)>> {
    let Some(count) = args.from_end else {
        let start = match (args.from_beginning, args.offset, args.timestamp) {
            (true, _, _) => StartAt::Earliest,
            (_, Some(offset), _) => StartAt::Offset(offset),
            (_, _, Some(ms)) => StartAt::Timestamp(ms),
            _ => StartAt::Latest,
        };
        return Ok(partitions.into_iter().map(|p| (p, start)).collect());
    };
    let first = offsets(admin, &partitions, OffsetSpec::Earliest, isolation).await?;
    let start = |p: &TopicPartition| {
        let at = |offsets: &BTreeMap<TopicPartition, i64>| offsets.get(p).copied().unwrap_or(0);
        StartAt::Offset(at(ends).saturating_sub(count).max(at(&first)))
    };
    Ok(partitions.into_iter().map(|p| (p.clone(), start(&p))).collect())
}

async fn offsets(
    admin: &Admin,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
    isolation: Isolation,
) -> Result<BTreeMap<TopicPartition, i64>> {
    let asked = partitions.iter().map(|p| (p.clone(), spec)).collect();
    let found = admin.list_offsets(&asked, isolation).await;
    found.into_iter().map(|(p, found)| Ok((p, found?.offset))).collect()
}

/// Prints until there was enough. `ends` are where to stop; without any, never.
async fn print_all(
    args: &ConsumeArgs,
    consumer: &mut Consumer,
    ends: &BTreeMap<TopicPartition, i64>,
) -> Result<()> {
    let mut left = args.max.unwrap_or(u64::MAX);
    loop {
        let at_end = |(p, end): (&TopicPartition, &i64)| consumer.position(p).is_some_and(|at| at >= *end);
        if left == 0 || !ends.is_empty() && ends.iter().all(at_end) {
            return Ok(());
        }
        // No more than is wanted: what is read counts as printed.
        consumer.set_max_poll_records(left.min(MAX_POLL_RECORDS) as usize);
        let mut records = consumer.poll(POLL).await?;
        left = left.saturating_sub(records.len() as u64);
        records.retain(|r| ends.get(&r.partition).is_none_or(|end| r.offset < *end));
        print(args, &records).map_err(ToolError::Output)?;
    }
}

fn print(args: &ConsumeArgs, records: &[ConsumerRecord]) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for record in records {
        if args.common.json {
            serde_json::to_writer(&mut out, &document(record, args.encoding))?;
            out.write_all(b"\n")?;
        } else {
            line(args, record, &mut out)?;
        }
    }
    out.flush()
}

const fn timestamp_type(record: &ConsumerRecord) -> &'static str {
    match record.timestamp_type {
        TimestampType::CreateTime => "CreateTime",
        TimestampType::LogAppendTime => "LogAppendTime",
    }
}

/// The parts that were asked for, the value last.
fn line(args: &ConsumeArgs, record: &ConsumerRecord, out: &mut impl Write) -> io::Result<()> {
    let separator = args.separator.as_bytes();
    if args.print_timestamp {
        write!(out, "{}:{}", timestamp_type(record), record.timestamp)?;
        out.write_all(separator)?;
    }
    if args.print_offset {
        write!(out, "{}:{}", record.partition.partition, record.offset)?;
        out.write_all(separator)?;
    }
    if args.print_headers {
        for (header, index) in record.headers.iter().zip(0..) {
            if index > 0 {
                out.write_all(b",")?;
            }
            write!(out, "{}=", header.key)?;
            field(args.encoding, header.value.as_deref(), out)?;
        }
        out.write_all(separator)?;
    }
    if args.print_key {
        field(args.encoding, record.key.as_deref(), out)?;
        out.write_all(separator)?;
    }
    field(args.encoding, record.value.as_deref(), out)?;
    out.write_all(args.delimiter.as_bytes())
}

fn field(encoding: Encoding, bytes: Option<&[u8]>, out: &mut impl Write) -> io::Result<()> {
    match (bytes, encoding) {
        (None, _) => out.write_all(b"null"),
        (Some(bytes), Encoding::Raw) => out.write_all(bytes),
        (Some(bytes), Encoding::Hex) => out.write_all(hex(bytes).as_bytes()),
    }
}

/// A record as JSON. What is no text stands in hexadecimal under another name: nothing is lost.
fn document(record: &ConsumerRecord, encoding: Encoding) -> Value {
    let mut document = Map::new();
    document.insert("topic".into(), json!(&*record.partition.topic));
    document.insert("partition".into(), json!(record.partition.partition));
    document.insert("offset".into(), json!(record.offset));
    document.insert("timestamp".into(), json!(record.timestamp));
    document.insert("timestamp_type".into(), json!(timestamp_type(record)));
    let headers = record.headers.iter().map(|h| {
        let mut header = Map::new();
        header.insert("key".into(), json!(h.key));
        insert(&mut header, "value", h.value.as_deref(), encoding);
        Value::Object(header)
    });
    document.insert("headers".into(), headers.collect());
    insert(&mut document, "key", record.key.as_deref(), encoding);
    insert(&mut document, "value", record.value.as_deref(), encoding);
    Value::Object(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command, Tool};
    use bytes::Bytes;
    use clap::Parser;
    use client::Header;

    fn args(options: &[&str]) -> ConsumeArgs {
        let line = ["millstream", "consume", "t"].iter().chain(options);
        match Args::try_parse_from(line).unwrap().command {
            Command::Tool(Tool::Consume(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> ConsumerRecord {
        ConsumerRecord {
            partition: TopicPartition::new("t", 2),
            offset: 7,
            leader_epoch: protocol::LeaderEpoch(0),
            timestamp: 1000,
            timestamp_type: TimestampType::CreateTime,
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: vec![Header { key: "h".to_owned(), value: Some(Bytes::from_static(b"1")) }],
        }
    }

    #[test]
    fn lines_hold_what_was_asked_for() {
        let check = |options: &[&str], record: &ConsumerRecord, expect: &[u8]| {
            let mut out = Vec::new();
            line(&args(options), record, &mut out).unwrap();
            assert_eq!(out, expect, "{options:?}");
        };
        let plain = record(Some(b"k"), Some(b"v"));
        check(&[], &plain, b"v\n");
        check(&["--print-key"], &plain, b"k\tv\n");
        check(
            &["--print-key", "--print-headers", "--print-timestamp", "--print-offset", "--separator", "|"],
            &plain,
            b"CreateTime:1000|2:7|h=1|k|v\n",
        );
        check(&["--print-key"], &record(None, None), b"null\tnull\n");
        let binary = record(None, Some(&[0, 0xff, b'\n']));
        check(&["--delimiter", ""], &binary, &[0, 0xff, b'\n']);
        check(&["--encoding", "hex"], &binary, b"00ff0a\n");
    }

    #[test]
    fn json_loses_nothing() {
        let check = |encoding, record: &ConsumerRecord, expect: Value| {
            assert_eq!(document(record, encoding), expect);
        };
        let base = |rest: Value| {
            let mut all = json!({
                "topic": "t", "partition": 2, "offset": 7, "timestamp": 1000, "timestamp_type": "CreateTime",
                "headers": [{ "key": "h", "value": "1" }],
            });
            all.as_object_mut().unwrap().append(&mut rest.as_object().unwrap().clone());
            all
        };
        check(Encoding::Raw, &record(Some(b"k"), None), base(json!({ "key": "k", "value": null })));
        check(Encoding::Raw, &record(None, Some(&[0xff])), base(json!({ "key": null, "value_hex": "ff" })));
        assert_eq!(document(&record(Some(b"k"), None), Encoding::Hex)["key_hex"], json!("6b"));
    }
}
