//! The topics that the load is written to, and those that come and go.

/// A topic that is there as long as the soak.
pub(crate) struct Topic {
    pub(crate) name: &'static str,
    pub(crate) partitions: i32,
    /// Of a hundred bursts, how many go there.
    pub(crate) share: usize,
    /// Its oldest segments are deleted when it is longer.
    pub(crate) retention_bytes: i64,
}

/// Deleted from on request.
pub(crate) const TRIMMED: &str = "trimmed";

/// Given more partitions.
pub(crate) const GROWING: &str = "growing";
pub(crate) const GROWS_TO: i32 = 8;

pub(crate) const LOAD: [Topic; 4] = [
    Topic { name: "steady", partitions: 3, share: 45, retention_bytes: -1 },
    Topic { name: TRIMMED, partitions: 2, share: 20, retention_bytes: -1 },
    Topic { name: "retained", partitions: 2, share: 20, retention_bytes: 3 << 20 },
    Topic { name: GROWING, partitions: 1, share: 15, retention_bytes: -1 },
];

/// Created, altered, given partitions, deleted, created again.
pub(crate) const CHANGING: [&str; 4] = ["changing-a", "changing-b", "changing-c", "changing-d"];
