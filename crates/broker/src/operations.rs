//! What a client may do with a resource, as bits (KIP-430). There is no authorizer: everybody may do whatever the kind of
//! resource knows.

/// `ALTER`, `ALTER_CONFIGS`, `CLUSTER_ACTION`, `CREATE`, `DESCRIBE`, `DESCRIBE_CONFIGS`, `IDEMPOTENT_WRITE`.
pub(crate) const CLUSTER: i32 = bits(&[7, 11, 9, 5, 8, 10, 12]);
/// `ALTER`, `ALTER_CONFIGS`, `CREATE`, `DELETE`, `DESCRIBE`, `DESCRIBE_CONFIGS`, `READ`, `WRITE`.
pub(crate) const TOPIC: i32 = bits(&[7, 11, 5, 6, 8, 10, 3, 4]);
/// `ALTER_CONFIGS`, `DELETE`, `DESCRIBE`, `DESCRIBE_CONFIGS`, `READ`.
pub(crate) const GROUP: i32 = bits(&[11, 6, 8, 10, 3]);
/// What stands where nobody asked.
pub(crate) const NOT_ASKED: i32 = i32::MIN;

const fn bits(codes: &[u8]) -> i32 {
    let (mut bits, mut at) = (0, 0);
    while at < codes.len() {
        bits |= 1 << codes[at];
        at += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bits_are_those_of_apache_kafka() {
        assert_eq!((super::CLUSTER, super::TOPIC, super::GROUP), (8096, 3576, 3400));
    }
}
