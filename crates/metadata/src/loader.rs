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

    /// The image with all that is committed, published or not. While a transaction is open it ends before the
    /// transaction: a snapshot of it is one of its `last_offset`, not of the last record replayed.
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

#[cfg(test)]
mod tests {
    use protocol::Uuid;
    use protocol::messages::{
        AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, TopicRecord,
    };

    use super::*;

    fn begin() -> MetadataRecord<'static> {
        MetadataRecord::BeginTransaction(BeginTransactionRecord::default())
    }

    fn end() -> MetadataRecord<'static> {
        MetadataRecord::EndTransaction(EndTransactionRecord::default())
    }

    fn abort() -> MetadataRecord<'static> {
        MetadataRecord::AbortTransaction(AbortTransactionRecord::default())
    }

    fn topic(name: &str) -> MetadataRecord<'static> {
        let topic_id = Uuid::from_random(name.len() as u128);
        MetadataRecord::Topic(TopicRecord {
            name: name.to_owned().into(),
            topic_id,
            ..TopicRecord::default()
        })
    }

    fn check(records: &[MetadataRecord<'_>], expect: &[&str]) -> MetadataLoader {
        let mut loader = MetadataLoader::default();
        for (record, offset) in records.iter().zip(0..) {
            loader.replay(Offset(offset), record).unwrap();
        }
        let (image, delta) = loader.publish();
        assert_eq!(image.topics_from("").map(|topic| &*topic.name).collect::<Vec<_>>(), expect);
        assert_eq!(delta.topics_created.len(), expect.len());
        loader
    }

    #[test]
    fn transactions_are_seen_whole_or_not_at_all() {
        check(&[topic("a"), begin(), topic("bb")], &["a"]);
        check(&[topic("a"), begin(), topic("bb"), end()], &["a", "bb"]);
        check(&[topic("a"), begin(), topic("bb"), abort()], &["a"]);
        let loader =
            check(&[begin(), topic("a"), abort(), begin(), topic("a"), end(), topic("bb")], &["a", "bb"]);
        assert_eq!(loader.image().last_offset(), Some(Offset(6)));
        let loader = check(&[topic("a"), begin(), abort()], &["a"]);
        assert_eq!(loader.image().last_offset(), Some(Offset(2)));
        assert!(!loader.in_transaction());
    }

    #[test]
    fn what_cannot_follow_is_an_error_and_changes_nothing() {
        for (before, refused) in [
            (vec![], end()),
            (vec![], abort()),
            (vec![begin()], begin()),
            (vec![topic("a")], topic("a")),
            (vec![begin(), topic("a")], topic("a")),
        ] {
            let mut loader = MetadataLoader::default();
            for record in &before {
                loader.replay(Offset(0), record).unwrap();
            }
            let (image, open) = (loader.image().clone(), loader.in_transaction());
            assert!(loader.replay(Offset(1), &refused).is_err());
            assert_eq!((loader.image(), loader.in_transaction()), (&image, open));
        }
    }

    #[test]
    fn a_snapshot_says_what_is_different() {
        let mut loader = check(&[topic("a"), topic("bb")], &["a", "bb"]);
        let mut snapshot = ClusterImage::default();
        snapshot.replay(Offset(0), &topic("a")).unwrap();
        snapshot.replay(Offset(0), &topic("ccc")).unwrap();
        loader.load_snapshot(snapshot.at_offset(Offset(9)));
        let (image, delta) = loader.publish();
        assert_eq!(image.last_offset(), Some(Offset(9)));
        assert_eq!(delta.topic_names().keys().copied().collect::<Vec<_>>(), ["bb", "ccc"]);
        assert_eq!((delta.topics_created.len(), delta.topics_deleted.len()), (1, 1));
        assert!(loader.publish().1.is_empty());
    }
}
