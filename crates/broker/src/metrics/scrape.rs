//! The text of one scrape.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Metrics, TopicCounts};

type Labels = Vec<(&'static str, String)>;

/// What the node knows at this moment: one row a gauge, with its labels.
pub(crate) trait Gather: fmt::Debug + Send + Sync + 'static {
    /// Calls `gauge` with each family once: name, help, and its rows.
    fn gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<(Labels, f64)>));
}

struct Scrape<G> {
    metrics: Arc<Metrics>,
    node: Arc<G>,
}

impl<G> fmt::Debug for Scrape<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

/// Everything in Prometheus' text format (OpenMetrics, which Prometheus reads).
pub(crate) fn text<G: Gather>(metrics: &Arc<Metrics>, node: &Arc<G>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape { metrics: Arc::clone(metrics), node: Arc::clone(node) }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

impl<G: Gather> Collector for Scrape<G> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.topics(&mut encoder)?;
        self.requests(&mut encoder)?;
        counter(
            &mut encoder,
            "kafka_server_socketservermetrics_connection_creation",
            "Connections accepted.",
            vec![(vec![], self.metrics.connections_opened.get())],
        )?;
        counter(
            &mut encoder,
            "millstream_connections_refused",
            "Connections refused by a limit.",
            vec![(vec![], self.metrics.connections_refused.get())],
        )?;
        counter(
            &mut encoder,
            "kafka_log_logflushstats_logflush",
            "Flushes of a log to disk.",
            vec![(vec![], self.metrics.flushes.get())],
        )?;
        let quantiles = [0.5, 0.99, 0.999];
        let flush = self.metrics.flush_time.quantiles_ms(quantiles);
        let rows =
            quantiles.iter().zip(flush).map(|(q, ms)| (vec![("quantile", q.to_string())], ms)).collect();
        gauge(
            &mut encoder,
            "kafka_log_logflushstats_logflushrateandtimems",
            "Time of a flush to disk, milliseconds.",
            rows,
        )?;
        let mut result = Ok(());
        self.node.gauges(&mut |name, help, rows| {
            if result.is_ok() {
                result = gauge(&mut encoder, name, help, rows);
            }
        });
        result
    }
}

impl<G: Gather> Scrape<G> {
    fn topics(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Pick = fn(&TopicCounts) -> u64;
        const FAMILIES: &[(&str, &str, Pick)] = &[
            ("kafka_server_brokertopicmetrics_messagesin", "Records produced to a topic.", |c| {
                c.messages_in.get()
            }),
            ("kafka_server_brokertopicmetrics_bytesin", "Bytes produced to a topic.", |c| c.bytes_in.get()),
            ("kafka_server_brokertopicmetrics_bytesout", "Bytes fetched from a topic.", |c| {
                c.bytes_out.get()
            }),
            ("kafka_server_brokertopicmetrics_totalproducerequests", "Produce requests to a topic.", |c| {
                c.produce_requests.get()
            }),
            ("kafka_server_brokertopicmetrics_totalfetchrequests", "Fetch requests to a topic.", |c| {
                c.fetch_requests.get()
            }),
            (
                "kafka_server_brokertopicmetrics_failedproducerequests",
                "Produce requests that a topic refused.",
                |c| c.failed_produce_requests.get(),
            ),
            (
                "kafka_server_brokertopicmetrics_failedfetchrequests",
                "Fetch requests that a topic refused.",
                |c| c.failed_fetch_requests.get(),
            ),
        ];
        let topics: Vec<_> = self
            .metrics
            .topics
            .read()
            .iter()
            .map(|(name, counts)| (name.to_string(), Arc::clone(counts)))
            .collect();
        for (name, help, pick) in FAMILIES {
            let rows =
                topics.iter().map(|(topic, counts)| (vec![("topic", topic.clone())], pick(counts))).collect();
            counter(encoder, name, help, rows)?;
        }
        Ok(())
    }

    fn requests(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let used: Vec<_> = self.metrics.apis.iter().filter(|(_, counts)| counts.requests.get() > 0).collect();
        let label = |api: &protocol::ApiKey| vec![("request", api.name().to_owned())];
        let rows = used.iter().map(|(api, c)| (label(api), c.requests.get())).collect();
        counter(encoder, "kafka_network_requestmetrics_requests", "Requests answered.", rows)?;
        let rows = used.iter().map(|(api, c)| (label(api), c.errors.get())).collect();
        counter(
            encoder,
            "kafka_network_requestmetrics_errors",
            "Requests that ended their connection.",
            rows,
        )?;
        let quantiles = [0.5, 0.75, 0.95, 0.99, 0.999];
        let mut times = vec![];
        for (api, counts) in &used {
            for (quantile, ms) in quantiles.iter().zip(counts.total_time.quantiles_ms(quantiles)) {
                let mut labels = label(api);
                labels.push(("quantile", quantile.to_string()));
                times.push((labels, ms));
            }
        }
        gauge(
            encoder,
            "kafka_network_requestmetrics_totaltimems",
            "Time from a request read to its answer made, milliseconds.",
            times,
        )?;
        let rows = used.iter().map(|(api, c)| (label(api), c.total_time.count_and_sum_ms().1)).collect();
        gauge(
            encoder,
            "kafka_network_requestmetrics_totaltimems_sum",
            "Sum of those times, milliseconds.",
            rows,
        )
    }
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: Vec<(Labels, u64)>,
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let mut family =
        encoder.encode_descriptor(name, help.trim_end_matches('.'), None, MetricType::Counter)?;
    for (labels, value) in rows {
        let counter = ConstCounter::new(value);
        if labels.is_empty() {
            counter.encode(family.encode_family(&NO_LABELS)?)?;
        } else {
            counter.encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: Vec<(Labels, f64)>,
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help.trim_end_matches('.'), None, MetricType::Gauge)?;
    for (labels, value) in rows {
        let gauge = ConstGauge::new(value);
        if labels.is_empty() {
            gauge.encode(family.encode_family(&NO_LABELS)?)?;
        } else {
            gauge.encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

const NO_LABELS: [(&str, &str); 0] = [];
