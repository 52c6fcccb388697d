//! Which partition of an internal topic coordinates an id.

/// The partition of an internal topic of `partitions` partitions that coordinates `id`, as Kafka computes it:
/// `Utils.abs(id.hashCode()) % partitions`. Java's hash runs over UTF-16 units, and Kafka's `abs` takes
/// `Integer.MIN_VALUE` to 0; it is not the mask `& 0x7fffffff` by which producers choose partitions.
///
/// `partitions` must be positive.
pub fn partition_for(id: &str, partitions: i32) -> i32 {
    let hash = id.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected numbers are Java's: `Utils.abs(id.hashCode()) % 50` with Kafka 4.4's classes.
    #[test]
    fn chooses_as_kafka_does() {
        fn check(id: &str, expect: i32) {
            assert_eq!(partition_for(id, 50), expect, "{id:?}");
        }
        check("", 0);
        check("console-consumer-1", 24);
        check("my-group", 12);
        check("orders-service", 17);
        check("größe", 7);
        check("🦀", 2);
        check("polygenelubricants", 0);
    }
}
