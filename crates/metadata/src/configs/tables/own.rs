//! What millstream has and Apache Kafka has not. Few, and each with a reason that stands beside it.

use crate::configs::validators::ADDRESS_OR_EMPTY;
use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, at_least, one_of};

/// Whether `acks=all` waits for the disk, for brokers and topics.
const ACKS_ALL_FSYNC: Property = Property::boolean("millstream.acks.all.fsync", High).default("true").doc(
    "Whether a write with acks=all is answered only once it is on stable storage. When false it is answered from the \
     page cache, as Apache Kafka does, and a power failure may lose it.",
);

/// Of a broker.
#[rustfmt::skip]
pub(super) static BROKER: &[Property] = &[
    ACKS_ALL_FSYNC.cluster_wide(),
    // Metrics and health have no port in Kafka, which leaves both to agents.
    Property::string("admin.listener", Medium).default("127.0.0.1:9644").valid(ADDRESS_OR_EMPTY)
        .doc("Address of the HTTP listener for metrics and health. Empty: there is none."),
    Property::string("millstream.log.format", Low).default("text").valid(one_of(&["text", "json"]))
        .doc("Form of the log lines on stderr: `text` for people, `json` for programs."),
    // Kafka bounds a record (`max.decompressed.message.bytes`) but not a batch, so a batch of 1 MB may become gigabytes.
    Property::int("millstream.max.unpacked.batch.bytes", Medium).default("134217728").valid(at_least(1024)).cluster_wide()
        .doc("Largest size of a record batch after decompression. A larger one is refused before it fills the memory."),
    // Kafka has no bound by default (`queued.max.request.bytes=-1`).
    Property::long("millstream.request.memory.bytes", Medium).default("268435456").valid(at_least(1 << 20))
        .doc("Memory for requests that are being received and processed, where `queued.max.request.bytes` is not set. A full memory stops reading."),
];

/// Of a topic.
pub(super) static TOPIC: &[Property] = &[ACKS_ALL_FSYNC];
