//! Group commit: producers that wait for the disk share its flushes.
//!
//! A few threads take partitions that somebody waits for, one at a time each. While a partition is flushed, what is
//! appended to it gathers for its next turn; so the more wait, the more share one fdatasync.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::metrics::Metrics;
use crate::partition::Partition;

/// Threads that may wait for the disk at once. Disks take several flushes at a time; a thread sleeps through its own.
const THREADS: usize = 4;

#[derive(Default)]
struct Queue {
    partitions: VecDeque<Arc<Partition>>,
    stopped: bool,
}

/// The partitions to flush. At most one entry a partition.
#[derive(Default)]
pub(crate) struct FlushQueue {
    queue: Mutex<Queue>,
    filled: Condvar,
}

impl FlushQueue {
    /// Adds a partition; the caller has marked it as queued.
    pub(crate) fn push(&self, partition: Arc<Partition>) {
        self.queue.lock().partitions.push_back(partition);
        self.filled.notify_one();
    }

    fn next(&self) -> Option<Arc<Partition>> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(partition) = queue.partitions.pop_front() {
                return Some(partition);
            }
            if queue.stopped {
                return None;
            }
            self.filled.wait(&mut queue);
        }
    }

    /// Lets the threads end once nothing is queued.
    pub(crate) fn stop(&self) {
        self.queue.lock().stopped = true;
        self.filled.notify_all();
    }
}

/// Starts the threads.
pub(crate) fn start(
    queue: &Arc<FlushQueue>,
    metrics: &Arc<Metrics>,
    flushed: impl Fn(&Partition) + Clone + Send + 'static,
) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |index| {
        let (queue, metrics, flushed) = (Arc::clone(queue), Arc::clone(metrics), flushed.clone());
        std::thread::Builder::new().name(format!("flush-{index}")).spawn(move || {
            while let Some(partition) = queue.next() {
                let began = Instant::now();
                partition.flush();
                metrics.flushes.add(1);
                metrics.flush_time.record(began.elapsed());
                flushed(&partition);
            }
        })
    };
    (0..THREADS).map(start).collect()
}
