//! The gauges of a node, computed when somebody looks: under the names of the JMX exporter and of kafka_exporter.

use std::collections::BTreeMap;
use std::fmt;

use crate::groups::OFFSETS_TOPIC;
use crate::metrics::Gather;
use crate::node::Node;

type Row = (Vec<(&'static str, String)>, f64);

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.id())
    }
}

impl Gather for Node {
    fn gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        self.cluster_gauges(gauge);
        self.partition_gauges(gauge);
        self.group_gauges(gauge);
        self.cleaner_gauges(gauge);
        self.directory_gauges(gauge);
        process_gauges(gauge);
    }
}

fn one(value: usize) -> Vec<Row> {
    vec![(vec![], value as f64)]
}

impl Node {
    fn cluster_gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        let image = self.image();
        let own = self.id();
        let mut partitions = 0;
        let (mut leading, mut hosted, mut under_replicated, mut under_min, mut not_preferred) =
            (0, 0, 0, 0, 0);
        let (mut offline, mut lost_here) = (0, 0);
        for topic in image.topics().values() {
            for (index, partition) in &topic.partitions {
                partitions += 1;
                hosted += usize::from(partition.replicas.contains(&own));
                leading += usize::from(partition.leader == Some(own));
                under_replicated += usize::from(partition.isr.len() < partition.replicas.len());
                let open = self.partitions().by_id(topic.id, *index);
                let lost = partition.replicas.contains(&own)
                    && open.as_ref().is_none_or(|open| open.home().is_offline());
                lost_here += usize::from(lost);
                offline += usize::from(partition.leader.is_none() || lost);
                not_preferred += usize::from(partition.leader != partition.replicas.first().copied());
                let needed = open.map_or(0, |p| p.config().min_insync_replicas as usize);
                under_min += usize::from(partition.isr.len() < needed);
            }
        }
        let active = image.alive_brokers().count();
        gauge(
            "kafka_controller_kafkacontroller_activecontrollercount",
            "Whether this node is the active controller.",
            one(1),
        );
        gauge(
            "kafka_controller_kafkacontroller_offlinepartitionscount",
            "Partitions without a leader or whose log failed.",
            one(offline),
        );
        gauge(
            "kafka_controller_kafkacontroller_globaltopiccount",
            "Topics of the cluster.",
            one(image.topics().len()),
        );
        gauge(
            "kafka_controller_kafkacontroller_globalpartitioncount",
            "Partitions of the cluster.",
            one(partitions),
        );
        gauge(
            "kafka_controller_kafkacontroller_activebrokercount",
            "Brokers that are not fenced.",
            one(active),
        );
        gauge(
            "kafka_controller_kafkacontroller_fencedbrokercount",
            "Brokers that are fenced.",
            one(image.brokers().len() - active),
        );
        gauge(
            "kafka_controller_kafkacontroller_preferredreplicaimbalancecount",
            "Partitions not led by their first replica.",
            one(not_preferred),
        );
        gauge("kafka_server_replicamanager_partitioncount", "Partitions with a replica here.", one(hosted));
        gauge("kafka_server_replicamanager_leadercount", "Partitions led here.", one(leading));
        gauge(
            "kafka_server_replicamanager_underreplicatedpartitions",
            "Partitions with replicas out of sync.",
            one(under_replicated),
        );
        gauge(
            "kafka_server_replicamanager_underminisrpartitioncount",
            "Partitions with fewer replicas in sync than min.insync.replicas.",
            one(under_min),
        );
        gauge(
            "kafka_server_replicamanager_offlinereplicacount",
            "Replicas here whose log failed.",
            one(lost_here),
        );
        gauge("kafka_brokers", "Brokers of the cluster.", one(active));
        gauge(
            "kafka_server_kafkaserver_brokerstate",
            "State of the broker: 1 starting, 3 running.",
            one(if self.is_ready() { 3 } else { 1 }),
        );
        let (sessions, cached) = self.fetch_sessions().size();
        gauge(
            "kafka_server_fetchsessioncache_numincrementalfetchsessions",
            "Incremental fetch sessions.",
            one(sessions),
        );
        gauge(
            "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
            "Partitions in fetch sessions.",
            one(cached),
        );
    }

    fn partition_gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        let mut all = self.partitions().all();
        all.sort_by(|a, b| a.id().cmp(b.id()));
        let (mut starts, mut ends, mut sizes, mut leaders) = (vec![], vec![], vec![], vec![]);
        for partition in &all {
            let labels = || {
                vec![("topic", partition.topic().to_owned()), ("partition", partition.index().to_string())]
            };
            let (start, end) = partition.offsets();
            starts.push((labels(), start.get() as f64));
            ends.push((labels(), end.get() as f64));
            sizes.push((labels(), partition.size_bytes() as f64));
            leaders.push((labels(), f64::from(self.id().get())));
        }
        let topics = self.image();
        let counts = topics
            .topics_from("")
            .map(|topic| (vec![("topic", topic.name.to_string())], topic.partitions.len() as f64));
        gauge("kafka_topic_partitions", "Partitions of a topic.", counts.collect());
        gauge("kafka_topic_partition_leader", "The leader of a partition.", leaders);
        gauge("kafka_topic_partition_oldest_offset", "The log start offset of a partition.", starts.clone());
        gauge(
            "kafka_topic_partition_current_offset",
            "The offset of the next record of a partition.",
            ends.clone(),
        );
        gauge("kafka_log_log_logstartoffset", "The log start offset of a partition.", starts);
        gauge("kafka_log_log_logendoffset", "The log end offset of a partition.", ends);
        gauge("kafka_log_log_size", "Bytes of a partition's log.", sizes);
    }

    fn group_gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        let (mut current, mut lag) = (vec![], vec![]);
        let (mut states, mut consumer_states) =
            (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
        for coordinator in self.groups().coordinators.all() {
            coordinator.inspect(|machine| {
                for (state, count) in machine.counts() {
                    *states.entry(state.to_string()).or_default() += count;
                }
                for (state, count) in machine.consumer_counts() {
                    *consumer_states.entry(state.to_string()).or_default() += count;
                }
                for (group, topic, index, committed) in machine.durable().offsets().iter() {
                    let labels = || {
                        vec![
                            ("consumergroup", group.to_owned()),
                            ("topic", topic.to_owned()),
                            ("partition", index.to_string()),
                        ]
                    };
                    current.push((labels(), committed.offset as f64));
                    if let Some(partition) =
                        self.partitions().by_name(topic, index).filter(|_| topic != OFFSETS_TOPIC)
                    {
                        let end = partition.offsets().1.get();
                        lag.push((labels(), end.saturating_sub(committed.offset).max(0) as f64));
                    }
                }
            });
        }
        gauge("kafka_consumergroup_current_offset", "The committed offset of a group.", current);
        gauge("kafka_consumergroup_lag", "Records that a group has not committed yet.", lag);
        let by_state = |states: BTreeMap<String, usize>| {
            let rows = states.into_iter().map(|(state, count)| (vec![("state", state)], count as f64));
            rows.collect()
        };
        gauge(
            "kafka_coordinator_group_groupmetadatamanager_numgroups",
            "Classic groups by state.",
            by_state(states),
        );
        gauge(
            "kafka_coordinator_group_group_coordinator_metrics_consumer_group_count",
            "Consumer groups (KIP-848) by state.",
            by_state(consumer_states),
        );
    }

    fn directory_gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        let rows = self.partitions().directories().iter().map(|directory| {
            let path = directory.path.to_string_lossy().into_owned();
            (vec![("logDirectory", path)], f64::from(u8::from(directory.is_offline())))
        });
        let rows: Vec<Row> = rows.collect();
        let offline = rows.iter().map(|(_, offline)| offline).sum();
        gauge(
            "kafka_log_logmanager_offlinelogdirectorycount",
            "Log directories that have failed.",
            vec![(vec![], offline)],
        );
        gauge("kafka_log_logmanager_logdirectoryoffline", "Whether a log directory has failed.", rows);
    }

    fn cleaner_gauges(&self, gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
        let status = *self.cleaner.lock();
        let report = status.report;
        let percent = |part: f64, of: f64| vec![(vec![], if of > 0.0 { 100.0 * part / of } else { 0.0 })];
        gauge(
            "kafka_log_logcleaner_max_clean_time_secs",
            "How long the last cleaning of a log took, seconds.",
            vec![(vec![], status.took.as_secs_f64())],
        );
        gauge(
            "kafka_log_logcleaner_cleaner_recopy_percent",
            "Bytes that the last cleaning wrote, as a percentage of those that it read.",
            percent(report.bytes_written as f64, report.bytes_read as f64),
        );
        gauge(
            "kafka_log_logcleaner_max_buffer_utilization_percent",
            "How full the last cleaning's map of keys was.",
            percent(report.keys as f64, report.max_keys as f64),
        );
        gauge(
            "kafka_log_logcleanermanager_max_dirty_percent",
            "The greatest percentage of a log that is to be cleaned, when it was last looked for.",
            percent(status.max_dirty_ratio, 1.0),
        );
        gauge(
            "kafka_log_logcleanermanager_uncleanable_partitions_count",
            "Logs that the cleaner has given up until a restart.",
            one(status.uncleanable),
        );
        gauge(
            "kafka_log_logcleanermanager_time_since_last_run_ms",
            "How long ago logs to clean were looked for, milliseconds; 0 before the first time.",
            vec![(vec![], status.last_run.map_or(0.0, |at| at.elapsed().as_secs_f64() * 1e3))],
        );
    }
}

/// What Prometheus' client libraries tell of a process.
fn process_gauges(gauge: &mut dyn FnMut(&'static str, &'static str, Vec<Row>)) {
    let Ok(stat) = std::fs::read_to_string("/proc/self/statm") else { return };
    let page = rustix::param::page_size() as f64;
    let resident = stat.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    if let Some(pages) = resident {
        gauge("process_resident_memory_bytes", "Resident memory.", vec![(vec![], pages * page)]);
    }
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = usage.tv_sec as f64 + usage.tv_nsec as f64 / 1e9;
    gauge("process_cpu_seconds", "CPU time of the process.", vec![(vec![], seconds)]);
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        gauge("process_open_fds", "Open file descriptors.", one(files.count()));
    }
}
