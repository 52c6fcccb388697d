//! From which offset on the log is needed: everything before the oldest of the newest snapshots is said again later.

use std::collections::BTreeSet;

use protocol::Offset;

/// Where the newest snapshots are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Needed {
    snapshots: BTreeSet<Offset>,
    /// Where the last share-partition was deleted.
    deleted: Option<Offset>,
}

impl Needed {
    /// A share-partition was written as a whole.
    pub(super) fn snapshot(&mut self, before: Option<Offset>, at: Offset) {
        self.forget(before);
        self.snapshots.insert(at);
    }

    /// A share-partition is no more.
    pub(super) fn deleted(&mut self, before: Option<Offset>, at: Offset) {
        self.forget(before);
        self.deleted = Some(at);
    }

    fn forget(&mut self, before: Option<Offset>) {
        if let Some(before) = before {
            self.snapshots.remove(&before);
        }
    }

    /// Nothing below this offset is needed.
    pub(super) fn from(&self) -> Option<Offset> {
        self.snapshots.first().copied().or(self.deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_the_newest_snapshots_is_needed() {
        let mut needed = Needed::default();
        assert_eq!(needed.from(), None);
        needed.snapshot(None, Offset(1));
        needed.snapshot(None, Offset(2));
        assert_eq!(needed.from(), Some(Offset(1)));
        needed.snapshot(Some(Offset(1)), Offset(7));
        assert_eq!(needed.from(), Some(Offset(2)));
        needed.deleted(Some(Offset(2)), Offset(9));
        assert_eq!(needed.from(), Some(Offset(7)));
        needed.deleted(Some(Offset(7)), Offset(12));
        assert_eq!(needed.from(), Some(Offset(12)));
    }
}
