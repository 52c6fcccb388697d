//! Throughput with millstream's own client.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use client::{
    Acks, Cluster, ClusterConfig, Codec, Consumer, ConsumerConfig, Delivery, Producer, ProducerConfig,
    ProducerRecord, StartAt,
};
use protocol::TopicPartition;
use protocol::compression::Compression;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::payload::{KEYS, Numbers, key, values};

#[derive(Debug, clap::Args)]
pub(crate) struct ProduceArgs {
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    records: u64,
    /// Bytes of a record's value.
    #[arg(long)]
    size: usize,
    /// With keys.
    #[arg(long)]
    keyed: bool,
    /// How many different keys.
    #[arg(long, default_value_t = KEYS, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// 0, 1 or all.
    #[arg(long, default_value = "all")]
    acks: String,
    #[arg(long, default_value = "none")]
    codec: String,
    /// Records a second at most; 0 is no limit.
    #[arg(long, default_value_t = 0)]
    rate: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConsumeArgs {
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    records: u64,
}

/// Records whose outcome is not looked at yet.
const MAX_OPEN: usize = 400_000;
const PATIENCE: Duration = Duration::from_secs(15);

/// Produces as fast as the broker lets, and waits for every acknowledgement.
pub(crate) fn produce(args: &ProduceArgs) -> Result<Value> {
    let config =
        ProducerConfig { acks: acks(&args.acks)?, compression: codec(&args.codec)?, ..Default::default() };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let producer = Producer::new(&cluster(&args.bootstrap)?, config)?;
        let values = values(args.size);
        let mut numbers = Numbers(1);
        let mut open: VecDeque<Delivery> = VecDeque::new();
        let mut failed = 0;
        let began = Instant::now();
        for i in 0..args.records {
            if args.rate > 0 && i % 100 == 0 {
                let due = Duration::from_secs_f64(i as f64 / args.rate as f64);
                tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
            }
            let record = ProducerRecord {
                topic: args.topic.clone(),
                key: args.keyed.then(|| key(&mut numbers, args.keys)),
                value: Some(values[i as usize % values.len()].clone()),
                ..Default::default()
            };
            open.push_back(producer.send(record).await?);
            if open.len() >= MAX_OPEN
                && let Some(oldest) = open.pop_front()
            {
                failed += u64::from(oldest.await.is_err());
            }
        }
        producer.flush().await;
        for delivery in open {
            failed += u64::from(delivery.await.is_err());
        }
        let seconds = began.elapsed().as_secs_f64();
        if failed > 0 {
            return Err(Error::Undelivered { failed, sent: args.records });
        }
        Ok(rates(args.records, args.records * args.size as u64, seconds))
    })
}

/// Reads from the beginning of all partitions.
pub(crate) fn consume(args: &ConsumeArgs) -> Result<Value> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(async {
        let cluster = cluster(&args.bootstrap)?;
        let topic = cluster.topic(&args.topic).await?;
        let partitions = topic.partitions.iter().map(|p| TopicPartition::new(&*args.topic, p.index));
        let config = ConsumerConfig { max_poll_records: 10_000, ..Default::default() };
        let mut consumer = Consumer::new(&cluster, config)?;
        consumer.assign(partitions.map(|p| (p, StartAt::Earliest)))?;
        let (mut received, mut bytes) = (0, 0);
        let began = Instant::now();
        while received < args.records {
            let records = consumer.poll(PATIENCE).await?;
            if records.is_empty() {
                return Err(Error::Missing { received, wanted: args.records });
            }
            received += records.len() as u64;
            bytes += records.iter().map(|r| r.value.as_ref().map_or(0, |v| v.len() as u64)).sum::<u64>();
        }
        Ok(rates(received, bytes, began.elapsed().as_secs_f64()))
    })
}

fn rates(records: u64, bytes: u64, seconds: f64) -> Value {
    json!({
        "records": records, "seconds": seconds,
        "records_per_s": records as f64 / seconds, "mb_per_s": bytes as f64 / 1e6 / seconds,
    })
}

pub(crate) fn cluster(bootstrap: &str) -> Result<Cluster> {
    Ok(Cluster::new(ClusterConfig::new(bootstrap))?)
}

fn acks(name: &str) -> Result<Acks> {
    match name {
        "0" => Ok(Acks::None),
        "1" => Ok(Acks::Leader),
        "all" => Ok(Acks::All),
        _ => Err(Error::Setting(format!("acks are 0, 1 or all, not {name}"))),
    }
}

fn codec(name: &str) -> Result<Compression> {
    let codec = Codec::from_name(name).ok_or_else(|| Error::Setting(format!("there is no codec {name}")))?;
    Ok(codec.into())
}
