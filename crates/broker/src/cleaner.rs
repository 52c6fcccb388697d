//! The log cleaner: takes the compacted log that needs it most, cleans it on a thread of its own, and puts what remains in
//! the place of what was. What stays is decided by `log::Cleaning`; how much there is to do, by `Log::cleanable`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Cleanable, Cleaning, CleaningLimits, CleaningReport, Error as LogError};
use metadata::configs::CleanerConfig;
use parking_lot::Mutex;
use protocol::{Offset, TopicPartition};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock;
use crate::doomed::Doomed;
use crate::node::Node;
use crate::partition::Partition;

/// How many bytes pass before the limit of I/O and the end of the node are looked at.
const PACE_BYTES: usize = 1 << 16;
/// Longer than any node runs, and short enough to add to a clock: ten years.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How the cleaner does, for who looks (`kafka.log:type=LogCleaner`, `LogCleanerManager`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Status {
    /// When it last looked for something to clean.
    pub(crate) last_run: Option<Instant>,
    /// The greatest share of dirty bytes that it found then.
    pub(crate) max_dirty_ratio: f64,
    /// Logs that it has given up.
    pub(crate) uncleanable: usize,
    /// What the last cleaning did, and how long it took.
    pub(crate) report: CleaningReport,
    pub(crate) took: Duration,
}

/// A log to be cleaned.
struct Job {
    partition: Arc<Partition>,
    what: Cleanable,
    limits: CleaningLimits,
    max_bytes_per_second: f64,
}

/// Which logs are not to be picked.
#[derive(Clone, Default)]
struct Skipped {
    /// A cleaning is under way.
    busy: BTreeSet<TopicPartition>,
    /// A cleaning has failed: by topic id, another topic of that name is another log.
    broken: BTreeSet<(protocol::Uuid, i32)>,
}

/// What came of a job.
struct Done {
    partition: Arc<Partition>,
    outcome: Result<(), LogError>,
}

/// Runs until the node stops, and ends with the last cleaning.
pub(crate) async fn run(node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let mut running: JoinSet<Done> = JoinSet::new();
    let mut skipped = Skipped::default();
    let doomed = Arc::new(Mutex::new(Doomed::default()));
    let throttle = Arc::new(Throttle::default());
    while !*stop.borrow_and_update() {
        let config = CleanerConfig::new(&node.broker_configs());
        while running.len() < config.threads {
            let (asked, skip) = (node.clone(), skipped.clone());
            let picked = tokio::task::spawn_blocking(move || pick(&asked, &skip, &config)).await;
            let Ok(Some(job)) = picked else { break };
            skipped.busy.insert(job.partition.id().clone());
            let (node, doomed, throttle, stop) =
                (node.clone(), doomed.clone(), throttle.clone(), stop.clone());
            running.spawn_blocking(move || {
                let outcome = clean(&node, &job, &doomed, &throttle, &stop);
                Done { partition: job.partition, outcome }
            });
        }
        let backoff = Instant::now() + Duration::from_millis(config.backoff_ms).min(FOREVER);
        let wake = doomed.lock().next().map_or(backoff, |next| next.min(backoff));
        tokio::select! {
            Some(done) = running.join_next() => if let Ok(done) = done {
                skipped.done(&done);
                node.cleaner.lock().uncleanable = skipped.broken.len();
            },
            () = tokio::time::sleep_until(wake.into()) => {}
            _ = stop.changed() => break,
        }
        let (node, doomed) = (node.clone(), doomed.clone());
        let removed =
            tokio::task::spawn_blocking(move || doomed.lock().remove_due(node.partitions(), Instant::now()));
        // It has nothing to answer.
        drop(removed.await);
    }
    while running.join_next().await.is_some() {}
}

impl Skipped {
    fn done(&mut self, done: &Done) {
        let partition = &done.partition;
        self.busy.remove(partition.id());
        if let Err(error) = &done.outcome
            && !partition.is_closed()
        {
            tracing::error!(partition = %partition.id(), %error, "the log is not cleaned any more until the node is restarted");
            self.broken.insert((partition.topic_id(), partition.index()));
        }
    }
}

/// The log with the greatest share of dirty bytes among those that are due.
fn pick(node: &Node, skipped: &Skipped, config: &CleanerConfig) -> Option<Job> {
    let mut dirtiest: Option<(Arc<Partition>, Cleanable)> = None;
    for partition in node.partitions().all() {
        let id = partition.id();
        if !partition.config().cleanup_policy.compact
            || skipped.busy.contains(id)
            || skipped.broken.contains(&(partition.topic_id(), partition.index()))
        {
            continue;
        }
        let home = node.partitions().directories().get(partition.directory())?;
        let cleaned = home.cleaned(id);
        let found = {
            let mut log = partition.log();
            let found = log.cleanable(cleaned, clock::now());
            if log.durable_offset() < log.log_end_offset() {
                // Only what is on the disk can be cleaned: next time it is.
                drop(log);
                partition.request_flush();
            }
            found
        };
        match found {
            Ok(Some(what)) if what.due => {
                if dirtiest.as_ref().is_none_or(|(_, most)| what.dirty_ratio() > most.dirty_ratio()) {
                    dirtiest = Some((partition, what));
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(partition = %id, %error, "cannot tell what of the log is to be cleaned");
            }
        }
    }
    {
        let mut status = node.cleaner.lock();
        status.last_run = Some(Instant::now());
        status.max_dirty_ratio = dirtiest.as_ref().map_or(0.0, |(_, what)| what.dirty_ratio());
    }
    let (partition, what) = dirtiest?;
    let seed = [u64::from(node.random_u32()), u64::from(node.random_u32())];
    let limits = CleaningLimits {
        map_bytes: config.map_bytes,
        map_load: config.map_load,
        write_bytes: config.buffer_bytes,
        seed,
    };
    Some(Job { partition, what, limits, max_bytes_per_second: config.max_bytes_per_second })
}

fn clean(
    node: &Node,
    job: &Job,
    doomed: &Mutex<Doomed>,
    throttle: &Throttle,
    stop: &watch::Receiver<bool>,
) -> Result<(), LogError> {
    let partition = &job.partition;
    let began = Instant::now();
    let mut passed = 0;
    let mut pace = |bytes: usize| {
        passed += bytes;
        if passed >= PACE_BYTES {
            if *stop.borrow() || partition.is_closed() {
                return Err(LogError::Fenced { path: partition.log().path().to_owned() });
            }
            throttle.pay(passed, job.max_bytes_per_second);
            passed = 0;
        }
        Ok(())
    };
    let mut cleaning = partition.log().start_cleaning(job.what, job.limits, clock::now())?;
    let clean_to = cleaning.map(&mut pace)?;
    if clean_to <= job.what.first_dirty {
        tracing::warn!(
            partition = %partition.id(),
            map_bytes = job.limits.map_bytes,
            "a batch has more keys than a cleaner thread's share of log.cleaner.dedupe.buffer.size holds: the log cannot be cleaned"
        );
        return Ok(());
    }
    // What was durable stays so, but has gaps from now on: recovery must not look for what is gone.
    node.partitions().write_recovery_points(partition.directory())?;
    if !replace_all(partition, &mut cleaning, doomed, &mut pace)? {
        return Ok(());
    }
    set_cleaned(node, partition, clean_to)?;
    let (report, took) = (cleaning.report(), began.elapsed());
    {
        let mut status = node.cleaner.lock();
        (status.report, status.took) = (report, took);
    }
    tracing::info!(
        partition = %partition.id(),
        from = job.what.first_dirty.get(),
        to = clean_to.get(),
        keys = report.keys,
        records_read = report.records_read,
        records_kept = report.records_kept,
        bytes_read = report.bytes_read,
        bytes_written = report.bytes_written,
        seconds = took.as_secs_f64(),
        "log cleaned"
    );
    Ok(())
}

/// Cleans group after group. `false` if the log has changed below: it is looked at anew.
fn replace_all(
    partition: &Partition,
    cleaning: &mut Cleaning,
    doomed: &Mutex<Doomed>,
    pace: log::Pace<'_>,
) -> Result<bool, LogError> {
    while let Some(cleaned) = cleaning.next(pace)? {
        let Some(files) = partition.log().replace(cleaned)? else { return Ok(false) };
        doomed.lock().add(partition, files);
    }
    Ok(true)
}

fn set_cleaned(node: &Node, partition: &Partition, offset: Offset) -> Result<(), LogError> {
    match node.partitions().directories().get(partition.directory()) {
        Some(home) => home.set_cleaned(partition.id(), offset, || partition.is_closed()),
        None => Ok(()),
    }
}

/// Keeps the limit of I/O of all cleanings together.
#[derive(Default)]
struct Throttle {
    /// Until when what was read and written so far is paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Sleeps as long as it takes.
    fn pay(&self, bytes: usize, max_bytes_per_second: f64) {
        let takes = bytes as f64 / max_bytes_per_second;
        // Unlimited, which is a number in Kafka, or so little that it makes no difference.
        if takes < 1e-6 {
            return;
        }
        let until = {
            let mut paid = self.paid_until.lock();
            let now = Instant::now();
            let from = paid.map_or(now, |until| until.max(now));
            let until = from + Duration::try_from_secs_f64(takes).unwrap_or(FOREVER).min(FOREVER);
            *paid = Some(until);
            until
        };
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}
