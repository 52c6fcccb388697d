//! The log cleaner: takes the compacted log that needs it most, cleans it on a thread of its own, and puts what remains in
//! the place of what was. What stays is decided by `log::Cleaning`; how much there is to do, by `Log::cleanable`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Cleanable, Cleaning, CleaningLimits, CleaningReport, Error as LogError};
use metadata::configs::CleanerConfig;
use parking_lot::Mutex;
use protocol::{TopicPartition, Uuid};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::{self, FOREVER};
use crate::doomed::Doomed;
use crate::node::Node;
use crate::partition::Partition;
use crate::throttle::Throttle;

/// How many bytes pass before the limit of I/O and the end of the node are looked at.
const PACE_BYTES: usize = 1 << 16;

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
    /// A cleaning has failed, and until when that counts; none: until the node is restarted. By topic id: another topic of that
    /// name is another log.
    failed: BTreeMap<(Uuid, i32), Option<Instant>>,
}

/// What came of a job.
struct Done {
    partition: Arc<Partition>,
    outcome: Result<(), Failure>,
}

/// Why a log was not cleaned.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(
        "a batch has more keys than a cleaner thread's share of log.cleaner.dedupe.buffer.size, {map_bytes} bytes, has room for"
    )]
    TooManyKeys { map_bytes: usize },
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
                if let Err(Failure::Log(error)) = &outcome {
                    job.partition.note(error);
                }
                Done { partition: job.partition, outcome }
            });
        }
        let backoff = Instant::now() + Duration::from_millis(config.backoff_ms.max(1)).min(FOREVER);
        let wake = doomed.lock().next().map_or(backoff, |next| next.min(backoff));
        tokio::select! {
            // One that the end of the node has ended has not failed.
            Some(done) = running.join_next() => if let Ok(done) = done && !*stop.borrow() {
                skipped.done(&done, backoff);
                node.cleaner.lock().uncleanable = skipped.given_up();
            },
            () = tokio::time::sleep_until(wake.into()) => {}
            _ = stop.changed() => break,
        }
        let doomed = doomed.clone();
        let removed = tokio::task::spawn_blocking(move || doomed.lock().remove_due(Instant::now()));
        // It has nothing to answer.
        drop(removed.await);
    }
    while running.join_next().await.is_some() {}
}

impl Skipped {
    fn contains(&self, partition: &Partition, now: Instant) -> bool {
        let failed = self.failed.get(&(partition.topic_id(), partition.index()));
        self.busy.contains(partition.id())
            || failed.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    /// What the disk has refused, because it is full for instance, is tried again at `retry_at`.
    fn done(&mut self, done: &Done, retry_at: Instant) {
        let partition = &done.partition;
        let key = (partition.topic_id(), partition.index());
        self.busy.remove(partition.id());
        self.failed.remove(&key);
        match &done.outcome {
            Ok(()) => {}
            Err(_) if partition.is_closed() => {}
            // It has moved to another log directory meanwhile.
            Err(Failure::Log(LogError::Fenced { .. })) if !partition.log().is_fenced() => {}
            Err(error @ Failure::Log(LogError::Io { .. })) => {
                tracing::error!(partition = %partition.id(), %error, "the log was not cleaned; it is tried again");
                self.failed.insert(key, Some(retry_at));
            }
            Err(error) => {
                tracing::error!(partition = %partition.id(), %error, "the log is not cleaned any more until the node is restarted");
                self.failed.insert(key, None);
            }
        }
    }

    /// How many logs are not cleaned any more.
    fn given_up(&self) -> usize {
        self.failed.values().filter(|until| until.is_none()).count()
    }
}

/// The log with the greatest share of dirty bytes among those that are due.
fn pick(node: &Node, skipped: &Skipped, config: &CleanerConfig) -> Option<Job> {
    let mut dirtiest: Option<(Arc<Partition>, Cleanable)> = None;
    let mut max_dirty_ratio: f64 = 0.0;
    for partition in node.partitions().online() {
        let id = partition.id();
        if !partition.config().cleanup_policy.compact
            || skipped.contains(&partition, Instant::now())
            || node.moves().has(id)
        {
            continue;
        }
        let cleaned = partition.home().cleaned(id);
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
            Ok(Some(what)) => {
                max_dirty_ratio = max_dirty_ratio.max(what.dirty_ratio());
                let dirtier = |(_, most): &(_, Cleanable)| what.dirty_ratio() > most.dirty_ratio();
                if what.due && dirtiest.as_ref().is_none_or(dirtier) {
                    dirtiest = Some((partition, what));
                }
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(partition = %id, %error, "cannot tell what of the log is to be cleaned");
                partition.note(&error);
            }
        }
    }
    {
        let mut status = node.cleaner.lock();
        status.last_run = Some(Instant::now());
        status.max_dirty_ratio = max_dirty_ratio;
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
) -> Result<(), Failure> {
    let partition = &job.partition;
    let began = Instant::now();
    let mut passed = 0;
    let mut pace = |bytes: usize| {
        passed += bytes;
        if passed >= PACE_BYTES {
            let is_over = || *stop.borrow() || partition.is_closed();
            throttle.pay(passed, job.max_bytes_per_second, is_over);
            if is_over() {
                return Err(LogError::Fenced { path: partition.log().path().to_owned() });
            }
            passed = 0;
        }
        Ok(())
    };
    let mut cleaning = partition.log().start_cleaning(job.what, job.limits, clock::now())?;
    let clean_to = cleaning.map(&mut pace)?;
    if clean_to <= job.what.first_dirty {
        return Err(Failure::TooManyKeys { map_bytes: job.limits.map_bytes });
    }
    // What was durable stays so, but has gaps from now on: recovery must not look for what is gone.
    node.partitions().write_recovery_points(&partition.home())?;
    if !replace_all(partition, &mut cleaning, doomed, &mut pace)? {
        return Ok(());
    }
    partition.home().set_cleaned(partition.id(), clean_to, || partition.is_closed())?;
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
