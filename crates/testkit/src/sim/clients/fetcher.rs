//! A consumer by assignment: it reads from anywhere, and on from where it was; it looks up times and epochs.

use protocol::LeaderEpoch;

use crate::sim::event::{Event, Incarnation};
use crate::sim::node::{Located, Node, Partition, read_range};
use crate::sim::record;
use crate::sim::scene::Scene;

/// Reads that are located and whose bytes are not read yet.
const MAX_OPEN: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Fetcher {
    open: Vec<(Incarnation, i64, Located)>,
    /// Where the last read ended.
    position: Option<(Incarnation, i64)>,
}

impl Fetcher {
    pub(crate) fn act(&mut self, scene: &mut Scene, node: &Node) {
        let ids = node.ids();
        if ids.is_empty() {
            return;
        }
        let id = scene.pick(&ids);
        let Some(partition) = node.partition(&id) else { return };
        match scene.random.below(10) {
            0..5 if self.open.len() < MAX_OPEN => self.locate(scene, &id, partition),
            0..8 => self.read(scene, node),
            8 => look_up_time(scene, &id, partition),
            _ => look_up_epoch(scene, &id, partition),
        }
    }

    fn locate(&mut self, scene: &mut Scene, id: &Incarnation, partition: &Partition) {
        let (start, end) = partition.bounds();
        let from = match &self.position {
            Some((of, position)) if of == id && scene.once_in(2) => *position,
            _ => scene.between(start - 1, end + 1),
        };
        let max_bytes = scene.pick(&[1, 200, 1_000, 100_000]);
        match partition.locate(from, max_bytes) {
            Ok(located) => self.open.push((id.clone(), from, located)),
            Err(error) => {
                scene.observe(&Event::ReadRefused { id, from, error, log_start: start, high_watermark: end });
            }
        }
    }

    /// Reads the bytes of what was located, whatever has happened in between.
    fn read(&mut self, scene: &mut Scene, node: &Node) {
        if self.open.is_empty() {
            return;
        }
        let at = scene.random.below(self.open.len());
        let (id, from, located) = self.open.remove(at);
        if node.partition(&id).is_some() {
            self.position = read(scene, &id, from, &located).map(|next| (id, next));
        }
    }

    /// Reads all of a partition, in one go.
    pub(crate) fn read_all(scene: &mut Scene, node: &Node, id: &Incarnation) {
        let Some(partition) = node.partition(id) else { return };
        let (mut next, end) = partition.bounds();
        while next < end {
            let located = match partition.locate(next, 700) {
                Ok(located) => located,
                Err(error) => return scene.oracles.object("content", format!("{id} at {next}: {error:?}")),
            };
            match read(scene, id, next, &located) {
                Some(after) if after > next => next = after,
                _ => return,
            }
        }
        look_up_time(scene, id, partition);
        look_up_epoch(scene, id, partition);
    }

    /// The process that it reads from is gone.
    pub(crate) fn disconnect(&mut self) {
        self.open.clear();
    }
}

/// Reads, and shows it to the oracles. The offset after the last record.
fn read(scene: &mut Scene, id: &Incarnation, from: i64, located: &Located) -> Option<i64> {
    let mut bytes = Vec::new();
    for range in &located.ranges {
        match read_range(range) {
            Ok(more) => bytes.extend(more),
            Err(_) if scene.faulty => return None,
            Err(error) => {
                scene.oracles.object("content", format!("{id} at {from}: {error}"));
                return None;
            }
        }
    }
    match record::read(&bytes) {
        Ok(batches) => {
            let (high_watermark, log_start) = (located.high_watermark, located.log_start);
            scene.observe(&Event::Read { id, from, log_start, high_watermark, batches: &batches });
            batches.last().map(|last| last.last_offset + 1)
        }
        Err(error) => {
            scene.oracles.object("content", format!("{id} at {from}: {error}"));
            None
        }
    }
}

fn look_up_time(scene: &mut Scene, id: &Incarnation, partition: &Partition) {
    let at = scene.random.next_u64() as usize;
    let known = scene.oracles.history().of(id).filter(|known| !known.records.is_empty());
    let known = known.and_then(|known| known.records.values().nth(at % known.records.len()));
    let timestamp = match known.map(|record| record.timestamp) {
        // That of a record, or next to it.
        Some(timestamp) if !scene.once_in(4) => timestamp + scene.between(-1, 1),
        _ => scene.now.unix_ms - scene.between(-3_000, 60_000),
    };
    match partition.offset_for_timestamp(timestamp) {
        Ok(found) => scene.observe(&Event::LookedUpTime { id, timestamp, found }),
        Err(_) if scene.faulty => {}
        Err(error) => scene.oracles.object("timestamps", format!("{id} at {timestamp}: {error}")),
    }
}

fn look_up_epoch(scene: &mut Scene, id: &Incarnation, partition: &Partition) {
    let latest = partition.leader_epoch().get();
    let epoch = scene.between(0, i64::from(latest) + 1) as i32;
    let found = partition.end_of_epoch(LeaderEpoch(epoch));
    let log_end = partition.bounds().1;
    scene.observe(&Event::LookedUpEpoch { id, epoch, found, log_end });
}
