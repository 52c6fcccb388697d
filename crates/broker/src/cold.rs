//! What is not in memory is loaded on threads of its own: those that serve connections never wait for the disk of a reader
//! who is far behind.

use std::os::unix::fs::FileExt as _;

use log::disk::read_cached_at;
use log::{NotCached, Source};
use protocol::records::FileRange;
use rustix::fs::{Advice, fadvise};
use tokio::sync::Semaphore;

/// How many loads are under way at once; others wait their turn.
const THREADS: usize = 8;
/// After so many rounds a look-up waits for the disk itself: what it needs is thrown out again as fast as it is loaded.
const MAX_ROUNDS: u8 = 16;
/// How far apart pages are looked at that were asked to be loaded.
const STRIDE_BYTES: u64 = 128 << 10;

static TURNS: Semaphore = Semaphore::const_new(THREADS);

/// Runs what waits for the disk.
async fn apart(job: impl FnOnce() + Send + 'static) {
    let _turn = TURNS.acquire().await;
    // What fails is met again by who asked for it.
    let _ = tokio::task::spawn_blocking(job).await;
}

/// Counts the rounds of a look-up: look, load what is missing, look again.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rounds(u8);

impl Rounds {
    /// Where the next look may take its bytes from.
    pub(crate) const fn source(self) -> Source {
        if self.0 < MAX_ROUNDS { Source::PageCache } else { Source::Disk }
    }

    /// Loads what a look has missed, on this thread, which holds no lock.
    pub(crate) fn load(&mut self, missing: &NotCached) {
        self.0 += 1;
        missing.load();
    }
}

/// The look-ups of one request that need the disk.
#[derive(Default)]
pub(crate) struct Cold {
    missing: Vec<NotCached>,
    rounds: Rounds,
}

impl Cold {
    /// Where the next look may take its bytes from.
    pub(crate) const fn source(&self) -> Source {
        self.rounds.source()
    }

    pub(crate) fn add(&mut self, missing: NotCached) {
        self.missing.push(missing);
    }

    /// Whether a look has met something that it needs.
    pub(crate) const fn is_met(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Loads what was missing: then it is time for another look. False if nothing was.
    pub(crate) async fn load(&mut self) -> bool {
        if self.missing.is_empty() {
            return false;
        }
        self.rounds.0 += 1;
        let missing = std::mem::take(&mut self.missing);
        apart(move || missing.iter().for_each(NotCached::load)).await;
        true
    }
}

/// Brings a stretch of a file into memory, if it is not there, and has the kernel begin with the next.
pub(crate) async fn warm(range: &FileRange, offset: u64, len: u64) {
    let last = offset + len.saturating_sub(1);
    if is_cached(range, offset) && (last / PAGE_BYTES == offset / PAGE_BYTES || is_cached(range, last)) {
        return;
    }
    let (file, end) = (range.file.clone(), range.offset + range.len);
    apart(move || {
        let ahead = (2 * len).min(end - offset);
        let _ = fadvise(&file, offset, std::num::NonZeroU64::new(ahead), Advice::WillNeed);
        let touched = (offset..=last).step_by(STRIDE_BYTES as usize).chain([last]);
        for position in touched {
            let _ = file.read_at(&mut [0], position);
        }
    })
    .await;
}

const PAGE_BYTES: u64 = 4096;

/// Whether a byte of a file is in memory. Where the system does not tell, it is taken for that.
fn is_cached(range: &FileRange, position: u64) -> bool {
    !matches!(read_cached_at(&range.file, &mut [0], position), Ok(None))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn what_is_out_of_memory_is_brought_back() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![1; 3 << 20]).unwrap();
        file.sync_data().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let range = FileRange { file: Arc::new(file), offset: 0, len: 3 << 20 };
        warm(&range, 10_000, 1 << 20).await;
        for position in (10_000..10_000 + (1 << 20)).step_by(4096) {
            assert!(is_cached(&range, position), "{position}");
        }
    }
}
