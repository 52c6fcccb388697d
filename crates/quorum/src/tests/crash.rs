//! A crash at any moment loses nothing that was answered.

use super::*;

/// A small generator, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn names(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    names
}

/// Copies a directory as it is at one moment. A snapshot may be under way on another thread: then once more.
fn copy(from: &Path, to: &Path) {
    loop {
        drop(std::fs::remove_dir_all(to));
        std::fs::create_dir_all(to).unwrap();
        let before = names(from);
        let copied =
            before.iter().all(|path| std::fs::copy(path, to.join(path.file_name().unwrap())).is_ok());
        if copied && names(from) == before {
            return;
        }
    }
}

/// Where the batch ends that holds the last answered record, in whichever segment has it.
fn end_of(dir: &Path, offset: i64) -> Option<(std::path::PathBuf, u64)> {
    let path = names(dir).into_iter().rfind(|path| path.extension().is_some_and(|e| e == "log"))?;
    let bytes = std::fs::read(&path).unwrap();
    let mut at = 0;
    for batch in protocol::records::batches(&bytes) {
        let Ok(batch) = batch else { break };
        if batch.verify_crc().is_err() || batch.header().base_offset.get() > offset {
            break;
        }
        at += batch.bytes().len() as u64;
    }
    Some((path, at))
}

/// One life: proposals one after the other, while copies are taken as a crash would leave the disk: at a random
/// moment, with the bytes after the last answered batch cut at a random place or lost by the sector. Each copy must open with all
/// that was answered before it was taken, and then serves the next life.
async fn life(seed: u64, max_bytes: u64) {
    let mut random = Random(seed);
    let home = tempfile::tempdir().unwrap();
    let mut dir = home.path().join("0");
    let mut answered: Vec<String> = Vec::new();
    for life in 1..=4 {
        let values = Values::default();
        let options = Options { max_bytes_between_snapshots: max_bytes, ..options(&dir) };
        let quorum = RaftQuorum::open(options, values.clone()).await.unwrap();
        let recovered = values.texts();
        assert_eq!(recovered[..answered.len()], answered, "seed {seed}, life {life}");
        assert!(recovered.len() <= answered.len() + 1, "only the proposal under way may be there too");
        answered = recovered;

        let mut last = quorum.status().high_watermark.get() - 1;
        for _ in 0..random.below(40) {
            let text = format!("{life}:{}:{}", answered.len(), "x".repeat(random.below(300) as usize));
            last = quorum.propose(vec![record(&text)]).await.unwrap().offset.get();
            answered.push(text);
        }
        // One more is under way when the machine stops.
        let under_way = format!("{life}:under way");
        let proposal = quorum.propose(vec![record(&under_way)]);
        let mut proposal = std::pin::pin!(proposal);
        for _ in 0..random.below(20) {
            tokio::select! { biased; _ = &mut proposal => break, () = tokio::task::yield_now() => {} }
        }
        let next = home.path().join(life.to_string());
        copy(&dir.join("__cluster_metadata-0"), &next.join("__cluster_metadata-0"));
        if let Some((path, durable)) = end_of(&next.join("__cluster_metadata-0"), last) {
            let mut bytes = std::fs::read(&path).unwrap();
            let unsynced = bytes.len() as u64 - durable;
            bytes.truncate((durable + random.below(unsynced + 1)) as usize);
            // Sectors that were never written read as zeros, in the middle or at the end.
            bytes.extend((0..random.below(5000)).map(|_| 0));
            if random.below(2) == 0 {
                let sector = (durable + random.below(bytes.len() as u64 - durable + 1)) / 512 * 512;
                let lost = sector.max(durable) as usize..bytes.len().min(sector as usize + 512);
                bytes[lost].fill(0);
            }
            std::fs::write(&path, bytes).unwrap();
        }
        dir = next;
    }
}

#[tokio::test]
async fn nothing_answered_is_lost() {
    for seed in 0..60 {
        life(seed, u64::MAX).await;
    }
}

#[tokio::test]
async fn nothing_answered_is_lost_while_snapshots_are_made() {
    for seed in 1000..1060 {
        life(seed, 1_500).await;
    }
}
