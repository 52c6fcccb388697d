//! The cluster's state as everybody in this process reads it: the image that the metadata log makes up.
//!
//! The quorum applies committed records here and nowhere else; readers load the current image without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use metadata::{ClusterImage, MetadataLoader, records};
use quorum::{CommittedBatch, Fault, LoadedSnapshot, SnapshotRecords, StateMachine};

/// Where the newest image is.
#[derive(Clone, Default)]
pub(crate) struct Published {
    image: Arc<ArcSwap<ClusterImage>>,
    in_transaction: Arc<AtomicBool>,
}

impl Published {
    /// The image as of now.
    pub(crate) fn load(&self) -> Arc<ClusterImage> {
        self.image.load_full()
    }

    /// Whether a transaction of the metadata log is open after that.
    pub(crate) fn in_transaction(&self) -> bool {
        self.in_transaction.load(Ordering::Acquire)
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
        self.published.image.store(Arc::new(image));
        self.published.in_transaction.store(self.loader.in_transaction(), Ordering::Release);
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

#[cfg(test)]
mod tests {
    use metadata::MetadataVersion;
    use protocol::messages::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, ProducerIdsRecord,
    };
    use protocol::{LeaderEpoch, MetadataRecord, Offset};

    use super::*;

    #[test]
    fn an_open_transaction_is_told_of_and_not_seen() {
        let published = Published::default();
        let mut publisher = Publisher::new(published.clone());
        let ids = |next_producer_id| {
            let record = ProducerIdsRecord { next_producer_id, ..ProducerIdsRecord::default() };
            MetadataRecord::ProducerIds(record)
        };
        let mut offset = 0;
        let mut check = |records: &[MetadataRecord<'_>], next: i64, open: bool| {
            let framed = records.iter().map(|r| records::encode(r, MetadataVersion::LATEST).unwrap().into());
            let batch = CommittedBatch {
                base_offset: Offset(offset),
                epoch: LeaderEpoch(1),
                append_time_ms: 0,
                records: framed.collect(),
            };
            offset = batch.next_offset().get();
            publisher.apply(&batch).unwrap();
            let image = published.load();
            assert_eq!((image.next_producer_id().get(), published.in_transaction()), (next, open));
        };
        check(&[ids(1)], 1, false);
        check(&[MetadataRecord::BeginTransaction(BeginTransactionRecord::default()), ids(2)], 1, true);
        check(&[MetadataRecord::AbortTransaction(AbortTransactionRecord::default())], 1, false);
        check(&[MetadataRecord::BeginTransaction(BeginTransactionRecord::default()), ids(3)], 1, true);
        check(&[MetadataRecord::EndTransaction(EndTransactionRecord::default())], 3, false);
    }
}
