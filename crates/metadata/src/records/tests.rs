//! The log and the snapshot of a real Kafka (see testdata), and bytes that nobody should have written.

use protocol::messages::{FeatureLevelRecord, RegisterBrokerRecord};
use protocol::records::batches;

use super::*;
use crate::{ClusterImage, MetadataLoader};

const LOG: &[u8] = include_bytes!("../../testdata/kafka-4.3.1/00000000000000000000.log");
const SNAPSHOT: &[u8] =
    include_bytes!("../../testdata/kafka-4.3.1/00000000000000000042-0000000001.checkpoint");
const SNAPSHOT_LAST: Offset = Offset(41);

/// The values of all records that are not the quorum's own, with their offsets.
fn values(file: &[u8]) -> Vec<(Offset, Vec<u8>)> {
    let mut values = vec![];
    for batch in batches(file) {
        let batch = batch.unwrap();
        batch.verify_crc().unwrap();
        if batch.header().attributes.is_control() {
            continue;
        }
        let payload = batch.decompress(1 << 20).unwrap();
        for record in batch.records(&payload) {
            let record = record.unwrap();
            values.push((record.offset, record.value.unwrap().to_vec()));
        }
    }
    values
}

fn image_of(values: &[(Offset, Vec<u8>)]) -> ClusterImage {
    let mut loader = MetadataLoader::default();
    for (offset, value) in values {
        loader.replay(*offset, &decode(*offset, value).unwrap()).unwrap();
    }
    loader.publish().0
}

#[test]
fn every_record_of_a_real_log_is_written_back_byte_by_byte() {
    // Its node finalized 4.3-IV0.
    let metadata_version = MetadataVersion::from_level(30).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (offset, value) in values(LOG).iter().chain(&values(SNAPSHOT)) {
        let record = decode(*offset, value).unwrap();
        assert_eq!(encode(&record, metadata_version).unwrap(), *value, "{offset}: {record:?}");
        seen.insert(record.api_key());
    }
    assert_eq!(Vec::from_iter(seen), [0, 2, 3, 4, 5, 9, 11, 12, 14, 15, 17, 18, 19, 22, 23, 24, 27]);
}

#[test]
fn a_real_log_and_the_snapshot_that_kafka_made_of_it_are_the_same_image() {
    let before: Vec<_> = values(LOG).into_iter().filter(|(offset, _)| *offset <= SNAPSHOT_LAST).collect();
    let from_log = image_of(&before);
    let from_snapshot = image_of(&values(SNAPSHOT)).at_offset(SNAPSHOT_LAST);
    assert_eq!(from_log, from_snapshot);
    assert_eq!(from_log.metadata_version().level(), 30);
    assert_eq!(from_log.topic("orders").unwrap().partitions.len(), 5);
    assert_eq!(&**from_log.topic_configs("a.b_c").unwrap().get("cleanup.policy").unwrap(), "compact");
    assert_eq!(from_log.client_quotas().len(), 2);
    assert_eq!(from_log.scram_credentials().len(), 2);
}

#[test]
fn a_snapshot_of_ours_forgets_nothing_of_a_real_log() {
    let image = image_of(&values(LOG));
    assert!(image.topic("gone").is_none());
    assert_eq!(image.topic("after-restart").unwrap().partitions.len(), 2);
    assert_eq!((image.acls().len(), image.scram_credentials().len()), (1, 1));
    assert_eq!(image.next_producer_id().get(), 1000);
    let mut again = ClusterImage::default();
    for record in image.to_records() {
        let bytes = encode(&record, image.metadata_version()).unwrap();
        again.replay(Offset(0), &decode(Offset(0), &bytes).unwrap()).unwrap();
    }
    assert_eq!(again.at_offset(image.last_offset().unwrap()), image);
}

#[test]
fn unreadable_values_name_their_offset() {
    let check = |value: &[u8], expect: &str| {
        assert_eq!(decode(Offset(7), value).unwrap_err().to_string(), expect);
    };
    check(&[], "metadata record at offset 7: unreadable frame: truncated: 1 more bytes needed, 0 remain");
    check(&[0, 3, 0], "metadata record at offset 7: unknown frame version 0, expected 1");
    check(
        &[1, 99, 0],
        "metadata record at offset 7: type 99 version 0 is unknown: written by a newer release?",
    );
    check(
        &[1, 3, 9],
        "metadata record at offset 7: type 3 version 9 is unknown: written by a newer release?",
    );
    check(
        &[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
        "metadata record at offset 7: type 4294967295 version 0 is unknown: written by a newer release?",
    );
    check(
        &[1, 9, 0, 1],
        "metadata record at offset 7: type 9 version 0: truncated: 16 more bytes needed, 1 remain",
    );
    check(&[1, 20, 0, 0, 5, 5], "metadata record at offset 7: 2 bytes of garbage after a record of type 20");
}

#[test]
fn a_record_is_written_at_the_version_of_its_log() {
    let record = MetadataRecord::RegisterBroker(RegisterBrokerRecord::default());
    let version = |level| encode(&record, MetadataVersion::from_level(level).unwrap()).unwrap()[2];
    assert_eq!([7, 8, 16, 17, 29, 30, 33].map(version), [1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn a_log_of_a_level_that_we_do_not_speak_is_refused() {
    let level = |feature_level| {
        let record = FeatureLevelRecord {
            name: MetadataVersion::FEATURE.into(),
            feature_level,
            ..FeatureLevelRecord::default()
        };
        ClusterImage::default().replay(Offset(4), &MetadataRecord::FeatureLevel(record))
    };
    assert_eq!(level(33), Ok(()));
    for refused in [6, 34] {
        assert_eq!(
            level(refused).unwrap_err().to_string(),
            format!(
                "metadata record at offset 4: metadata.version {refused} is not supported, expected 7 to 33"
            )
        );
    }
}
