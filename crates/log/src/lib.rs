//! One partition's log on disk: segments, indexes, recovery, retention, producer state. Kafka's files as they are.
