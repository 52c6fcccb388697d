//! What a controller writes when it becomes active: the first records of a new cluster, or the end of what the last
//! controller left open.

use protocol::MetadataRecord;
use protocol::messages::{
    AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, FeatureLevelRecord,
};

use crate::image::text;
use crate::{MetadataLoader, MetadataVersion};

/// The records to append before anything else.
///
/// A new cluster is finalized at [`MetadataVersion::LATEST`]. Other features are finalized with what they stand for:
/// `group.version`, `transaction.version`, `share.version`, `streams.version` and
/// `eligible.leader.replicas.version`, which Kafka 4.4 sets here, come with their protocols.
pub fn activation_records(loader: &MetadataLoader) -> Vec<MetadataRecord<'static>> {
    let mut records = vec![];
    if loader.in_transaction() {
        records.push(MetadataRecord::AbortTransaction(AbortTransactionRecord {
            reason: Some(text("Controller failover")),
            ..AbortTransactionRecord::default()
        }));
    }
    if loader.image().last_offset().is_none() {
        records.push(MetadataRecord::BeginTransaction(BeginTransactionRecord {
            name: Some(text("Bootstrap records")),
            ..BeginTransactionRecord::default()
        }));
        records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: text(MetadataVersion::FEATURE),
            feature_level: MetadataVersion::LATEST.level(),
            ..FeatureLevelRecord::default()
        }));
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
    }
    records
}
