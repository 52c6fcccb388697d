//! The metadata quorum: openraft over a log of Kafka record batches on disk, with snapshots.
