//! What a controller writes when it becomes active: the first records of a new cluster, or the end of what the last
//! controller left open.

use protocol::MetadataRecord;
use protocol::messages::{
    AbortTransactionRecord, BeginTransactionRecord, EndTransactionRecord, FeatureLevelRecord,
};

use crate::image::text;
use crate::{ClusterImage, Feature, MetadataVersion};

/// The records to append before anything else: to an image, and whether a transaction is open after it.
///
/// A new cluster is finalized at [`MetadataVersion::LATEST`], and at the latest level of every feature that is served.
pub fn activation_records(image: &ClusterImage, in_transaction: bool) -> Vec<MetadataRecord<'static>> {
    let mut records = vec![];
    if in_transaction {
        records.push(MetadataRecord::AbortTransaction(AbortTransactionRecord {
            reason: Some(text("Controller failover")),
            ..AbortTransactionRecord::default()
        }));
    }
    if image.last_offset().is_none() {
        records.push(MetadataRecord::BeginTransaction(BeginTransactionRecord {
            name: Some(text("Bootstrap records")),
            ..BeginTransactionRecord::default()
        }));
        let metadata_version = (MetadataVersion::FEATURE, MetadataVersion::LATEST.level());
        let features = Feature::served().map(|feature| (feature.name, feature.latest));
        records.extend([metadata_version].into_iter().chain(features).map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord {
                name: text(name),
                feature_level,
                ..FeatureLevelRecord::default()
            })
        }));
        records.push(MetadataRecord::EndTransaction(EndTransactionRecord::default()));
    }
    records
}

#[cfg(test)]
mod tests {
    use protocol::Offset;

    use super::*;
    use crate::MetadataLoader;

    fn of(loader: &MetadataLoader) -> Vec<MetadataRecord<'static>> {
        activation_records(loader.image(), loader.in_transaction())
    }

    fn replay(loader: &mut MetadataLoader, from: i64, records: &[MetadataRecord<'_>]) {
        for (record, offset) in records.iter().zip(from..) {
            loader.replay(Offset(offset), record).unwrap();
        }
    }

    #[test]
    fn a_new_cluster_is_finalized_and_an_old_one_left_alone() {
        let mut loader = MetadataLoader::default();
        let records = of(&loader);
        replay(&mut loader, 0, &records);
        assert_eq!(loader.image().metadata_version(), MetadataVersion::LATEST);
        for feature in Feature::ALL {
            let level = if feature.is_served { feature.latest } else { 0 };
            assert_eq!(loader.image().feature_level(feature.name), level, "{}", feature.name);
        }
        assert_eq!(of(&loader), []);
    }

    #[test]
    fn a_bootstrap_that_was_cut_off_is_aborted_and_done_again() {
        let mut loader = MetadataLoader::default();
        let records = of(&loader);
        replay(&mut loader, 0, &records[..2]);
        let again = of(&loader);
        let kinds: Vec<i16> = again.iter().map(MetadataRecord::api_key).collect();
        let features = vec![12; Feature::served().count() + 1];
        assert_eq!(kinds, [&[25, 23], &*features, &[24]].concat());
        replay(&mut loader, 2, &again);
        assert_eq!(loader.image().metadata_version(), MetadataVersion::LATEST);
        assert_eq!(loader.image().last_offset(), Some(Offset(1 + again.len() as i64)));
    }
}
