//! Which record batches of a read belong to aborted transactions (KIP-98).

use std::collections::BTreeSet;

use protocol::{Offset, ProducerId};

use super::acquire::OffsetRange;

/// What a batch is, as far as transactions are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// Records of no transaction.
    Plain,
    /// Records of a transaction.
    Transactional,
    /// The marker that ends a transaction.
    Marker {
        /// Whether it aborts it.
        aborts: bool,
    },
}

/// A record batch of a read.
#[derive(Clone, Copy, Debug)]
pub struct FetchedBatch {
    /// Its offsets.
    pub offsets: OffsetRange,
    /// Its producer.
    pub producer_id: ProducerId,
    /// What it is.
    pub kind: BatchKind,
}

/// An aborted transaction that the log's index of them has for the read.
#[derive(Clone, Copy, Debug)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: ProducerId,
    /// Its first record.
    pub first_offset: Offset,
}

/// The batches with records of aborted transactions.
pub fn aborted_batches(batches: &[FetchedBatch], transactions: &[AbortedTransaction]) -> Vec<OffsetRange> {
    let mut by_offset = transactions.to_vec();
    by_offset.sort_by_key(|transaction| transaction.first_offset);
    let mut begun = by_offset.into_iter().peekable();
    let mut open: BTreeSet<ProducerId> = BTreeSet::new();
    let mut aborted = Vec::new();
    for batch in batches {
        while let Some(transaction) = begun.next_if(|it| it.first_offset <= batch.offsets.last_offset) {
            open.insert(transaction.producer_id);
        }
        match batch.kind {
            BatchKind::Transactional if open.contains(&batch.producer_id) => aborted.push(batch.offsets),
            BatchKind::Marker { aborts: true } => drop(open.remove(&batch.producer_id)),
            _ => {}
        }
    }
    aborted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches are `FIRST-LAST:PRODUCER` and `p`, `t`, `a` or `c` for what they are, transactions `PRODUCER@FIRST`.
    #[track_caller]
    fn check(batches: &str, transactions: &str, expect: &[(i64, i64)]) {
        let number = |text: &str| text.parse::<i64>().unwrap();
        let batches: Vec<FetchedBatch> = batches
            .split_whitespace()
            .map(|text| {
                let (what, kind) = text.split_at(text.len() - 1);
                let parts: Vec<i64> = what.split(['-', ':']).map(number).collect();
                FetchedBatch {
                    offsets: OffsetRange { first_offset: Offset(parts[0]), last_offset: Offset(parts[1]) },
                    producer_id: ProducerId(parts[2]),
                    kind: match kind {
                        "p" => BatchKind::Plain,
                        "t" => BatchKind::Transactional,
                        kind => BatchKind::Marker { aborts: kind == "a" },
                    },
                }
            })
            .collect();
        let transactions: Vec<AbortedTransaction> = transactions
            .split_whitespace()
            .map(|text| {
                let (producer_id, first_offset) = text.split_once('@').unwrap();
                AbortedTransaction {
                    producer_id: ProducerId(number(producer_id)),
                    first_offset: Offset(number(first_offset)),
                }
            })
            .collect();
        let found = aborted_batches(&batches, &transactions);
        let found: Vec<(i64, i64)> = found.iter().map(|it| (it.first_offset.0, it.last_offset.0)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_transaction_is_aborted_up_to_its_marker() {
        check("0-4:1t 5-9:2t 10-10:1a 11-14:1t 15-15:2c", "1@0", &[(0, 4)]);
        check("0-4:1t 5-5:1a 6-9:1t 10-10:1a", "1@6 1@0", &[(0, 4), (6, 9)]);
        check("0-4:1t 5-5:1c 6-9:1t 10-10:1a", "1@6", &[(6, 9)]);
        check("0-4:1p 5-9:1t", "1@0", &[(5, 9)]);
        check("5-9:1t 10-14:2t", "1@2", &[(5, 9)]);
        check("0-4:1t", "", &[]);
    }
}
