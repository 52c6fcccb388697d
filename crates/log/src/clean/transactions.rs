//! The transactions that a walk over a log passes, and which of their markers may go. Pure.

use std::collections::{BTreeMap, BTreeSet};

use protocol::ProducerId;
use protocol::records::BatchHeader;

use crate::txn_index::AbortedTxn;

/// What a walk over batches in the order of their offsets knows of the transactions around it.
#[derive(Debug)]
pub(crate) struct Transactions {
    /// Those that the walk has not reached, the last one first.
    ahead: Vec<AbortedTxn>,
    aborted: BTreeMap<ProducerId, Aborted>,
    /// Producers of whose transaction a batch was seen.
    committed: BTreeSet<ProducerId>,
}

#[derive(Debug)]
struct Aborted {
    txn: AbortedTxn,
    /// A batch of it is still in the log.
    has_data: bool,
}

/// What a control batch is, as far as cleaning goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Commit,
    Abort,
    /// Another kind, of which nothing is known.
    Other,
    /// Its record was removed by an earlier cleaning.
    Empty,
}

/// What is to become of a marker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Marker {
    /// Nothing of its transaction is left: it may go, once its time has come.
    Unneeded,
    /// It stays.
    Needed,
    /// It stays, and consumers need to know the transaction that it ends.
    EndsAborted(AbortedTxn),
}

impl Transactions {
    /// `aborted` are the transactions of the stretch that the walk passes.
    pub(crate) fn new(mut aborted: Vec<AbortedTxn>) -> Self {
        aborted.sort_by_key(|txn| std::cmp::Reverse(txn.first_offset));
        Self { ahead: aborted, aborted: BTreeMap::new(), committed: BTreeSet::new() }
    }

    /// The walk is at a batch of records: whether it is of an aborted transaction.
    pub(crate) fn is_aborted(&mut self, header: &BatchHeader) -> bool {
        self.reach(header);
        if !header.attributes.is_transactional() {
            return false;
        }
        if let Some(aborted) = self.aborted.get_mut(&header.producer_id) {
            aborted.has_data = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    /// The walk is at a control batch.
    pub(crate) fn end(&mut self, header: &BatchHeader, control: Control) -> Marker {
        self.reach(header);
        match control {
            Control::Abort => match self.aborted.remove(&header.producer_id) {
                Some(Aborted { txn, has_data: true }) => Marker::EndsAborted(txn),
                _ => Marker::Unneeded,
            },
            Control::Commit if self.committed.remove(&header.producer_id) => Marker::Needed,
            Control::Commit | Control::Empty => Marker::Unneeded,
            Control::Other => Marker::Needed,
        }
    }

    fn reach(&mut self, header: &BatchHeader) {
        while let Some(txn) = self.ahead.pop_if(|txn| txn.first_offset <= header.last_offset()) {
            self.aborted.entry(txn.producer_id).or_insert(Aborted { txn, has_data: false });
        }
    }
}
