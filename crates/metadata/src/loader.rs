//! From records to published images: metadata transactions (KIP-868).
//!
//! Records between Begin and End become visible together, or, at an Abort, not at all.

use protocol::{MetadataRecord, Offset};

use crate::{ClusterDelta, ClusterImage, Error};

/// Replays the metadata log and says what to publish.
#[derive(Clone, Debug, Default)]
pub struct MetadataLoader {
    /// All records applied, those of an open transaction too.
    working: ClusterImage,
    /// The image before the open transaction.
    before_transaction: Option<ClusterImage>,
    /// What followers have.
    published: ClusterImage,
}

impl MetadataLoader {
    /// Starts from an image that followers have: the empty one, or a snapshot's.
    pub fn new(image: ClusterImage) -> Self {
        Self { working: image.clone(), before_transaction: None, published: image }
    }

    /// Applies the record at `offset`. After an error the loader is as before.
    pub fn replay(&mut self, offset: Offset, record: &MetadataRecord<'_>) -> Result<(), Error> {
        let in_transaction = self.before_transaction.is_some();
        let wrong = |what| Err(Error::TransactionState { offset, what });
        match record {
            MetadataRecord::BeginTransaction(_) if in_transaction => {
                return wrong("a transaction begins inside another");
            }
            MetadataRecord::EndTransaction(_) if !in_transaction => {
                return wrong("a transaction ends that never began");
            }
            MetadataRecord::AbortTransaction(_) if !in_transaction => {
                return wrong("a transaction aborts that never began");
            }
            MetadataRecord::BeginTransaction(_) => self.before_transaction = Some(self.working.clone()),
            MetadataRecord::EndTransaction(_) => self.before_transaction = None,
            MetadataRecord::AbortTransaction(_) => {
                if let Some(before) = self.before_transaction.take() {
                    self.working = before;
                }
            }
            _ => {}
        }
        self.working.replay(offset, record)
    }

    /// The image with all that is committed, published or not.
    pub fn image(&self) -> &ClusterImage {
        self.before_transaction.as_ref().unwrap_or(&self.working)
    }

    /// Whether a transaction is open: an activating controller aborts it.
    pub fn in_transaction(&self) -> bool {
        self.before_transaction.is_some()
    }

    /// Publishes what was committed since the last time: the image and what changed, for those who follow.
    pub fn publish(&mut self) -> (ClusterImage, ClusterDelta) {
        let image = self.image().clone();
        let delta = ClusterDelta::between(&self.published, &image);
        self.published = image.clone();
        (image, delta)
    }

    /// Replaces everything by the image of a snapshot; [`publish`](Self::publish) then says what is different.
    pub fn load_snapshot(&mut self, image: ClusterImage) {
        self.working = image;
        self.before_transaction = None;
    }
}
