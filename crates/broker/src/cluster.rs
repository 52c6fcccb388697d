//! The cluster's state as everybody in this process reads it: the image that the metadata log makes up.
//!
//! The quorum applies committed records here and nowhere else; readers load the current image without a lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use metadata::{ClusterImage, MetadataLoader, records};
use quorum::{CommittedBatch, Fault, LoadedSnapshot, SnapshotRecords, StateMachine};

/// Where the newest image is.
#[derive(Clone, Default)]
pub(crate) struct Published(Arc<ArcSwap<ClusterImage>>);

impl Published {
    /// The image as of now.
    pub(crate) fn load(&self) -> Arc<ClusterImage> {
        self.0.load_full()
    }
}

/// The quorum's state machine: replays records and publishes the image.
pub(crate) struct Publisher {
    loader: MetadataLoader,
    published: Published,
}

impl Publisher {
    pub(crate) fn new(published: Published) -> Self {
        Self { loader: MetadataLoader::default(), published }
    }

    fn publish(&mut self) {
        let (image, _) = self.loader.publish();
        self.published.0.store(Arc::new(image));
    }
}

impl StateMachine for Publisher {
    fn load(&mut self, snapshot: &mut LoadedSnapshot<'_>) -> Result<(), Fault> {
        let mut image = ClusterImage::default();
        // A snapshot says what holds at its end, so its records are all of the last offset that it covers.
        let offset = protocol::Offset(snapshot.end_offset.get() - 1);
        for framed in &mut *snapshot.records {
            image.replay(offset, &records::decode(offset, &framed)?)?;
        }
        self.loader.load_snapshot(image);
        self.publish();
        Ok(())
    }

    fn apply(&mut self, batch: &CommittedBatch) -> Result<(), Fault> {
        // On a copy, so that a record that cannot be applied leaves nothing of its batch behind.
        let mut loader = self.loader.clone();
        for (index, framed) in batch.records.iter().enumerate() {
            let offset = batch.base_offset + index as i64;
            loader.replay(offset, &records::decode(offset, framed)?)?;
        }
        self.loader = loader;
        self.publish();
        Ok(())
    }

    fn snapshot(&self) -> SnapshotRecords {
        Box::new(snapshot_records(self.loader.image()).into_iter())
    }
}

fn snapshot_records(image: &ClusterImage) -> Vec<bytes::Bytes> {
    let version = image.metadata_version();
    let framed = image
        .to_records()
        .into_iter()
        .map(|record| records::encode(&record, version).map(bytes::Bytes::from));
    // What was read at this metadata.version can be written at it; a snapshot with a hole must never be.
    framed
        .collect::<Result<_, _>>()
        .expect("a record of the image is one that this metadata.version can carry")
}
