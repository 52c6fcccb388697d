//! The move of a partition to another log directory (KIP-113): what comes next, and what is done about a copy that a
//! process has left. Pure; `moves` carries it out.
//!
//! The metadata names the new directory before the log is there, so that from then on two logs of a partition are told
//! apart; whatever ends a move without success takes that back.

/// The most that is copied while nobody can append.
pub(crate) const MAX_TAIL_BYTES: u64 = 1 << 20;

/// How a move stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Nobody has given it up.
    pub(crate) is_wanted: bool,
    /// The partition takes nothing more: the node stops, or its topic is deleted.
    pub(crate) is_closed: bool,
    pub(crate) from_is_offline: bool,
    pub(crate) to_is_offline: bool,
    /// Bytes of the log that are on the disk, and not in the copy.
    pub(crate) missing_durable_bytes: u64,
    /// Bytes of the log that are not in the copy.
    pub(crate) missing_bytes: u64,
    /// The metadata names the new directory.
    pub(crate) is_assigned: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Some of what is durable is copied: the rest could be lost by the log and kept by the copy.
    Copy,
    /// What was appended is to become durable.
    Flush,
    /// The metadata is to name the new directory.
    Assign,
    /// What is left is copied under the lock, and the copy takes the place of the log.
    Swap,
    /// The move ends without success.
    End(End),
}

/// How a move ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The copy stays where it is: the next start begins anew.
    Later,
    /// The copy is removed.
    Never,
}

/// What comes next.
pub(crate) fn next(facts: Facts) -> Step {
    let Facts { is_wanted, is_closed, from_is_offline, to_is_offline, .. } = facts;
    if !is_wanted {
        return Step::End(End::Never);
    }
    if is_closed || from_is_offline || to_is_offline {
        return Step::End(End::Later);
    }
    if facts.missing_durable_bytes > 0 {
        Step::Copy
    } else if facts.missing_bytes > MAX_TAIL_BYTES {
        Step::Flush
    } else if !facts.is_assigned {
        Step::Assign
    } else {
        Step::Swap
    }
}

/// What is known at start of a copy that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The cluster has the partition, with that topic id.
    pub(crate) is_known: bool,
    /// The partition is open here.
    pub(crate) is_open: bool,
    /// It is open in the directory that has the copy.
    pub(crate) is_there: bool,
    /// Another copy of it was found before.
    pub(crate) is_second: bool,
}

/// What is done about a copy that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtStart {
    Remove,
    /// It is removed, and the move begins anew.
    MoveAnew,
    /// It says that the partition has a log somewhere.
    Keep,
}

/// What is done about a copy that was found.
pub(crate) fn at_start(found: Found) -> AtStart {
    match found {
        Found { is_known: false, .. } => AtStart::Remove,
        Found { is_open: false, .. } => AtStart::Keep,
        Found { is_there: true, .. } | Found { is_second: true, .. } => AtStart::Remove,
        _ => AtStart::MoveAnew,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUGHT_UP: Facts = Facts {
        is_wanted: true,
        is_closed: false,
        from_is_offline: false,
        to_is_offline: false,
        missing_durable_bytes: 0,
        missing_bytes: 0,
        is_assigned: true,
    };

    #[test]
    fn a_move_goes_step_by_step() {
        let check = |facts: Facts, expect| assert_eq!(next(facts), expect, "{facts:?}");
        let far = Facts {
            missing_durable_bytes: 1,
            missing_bytes: MAX_TAIL_BYTES + 2,
            is_assigned: false,
            ..CAUGHT_UP
        };
        check(far, Step::Copy);
        check(Facts { missing_durable_bytes: 0, ..far }, Step::Flush);
        check(Facts { missing_durable_bytes: 0, missing_bytes: MAX_TAIL_BYTES, ..far }, Step::Assign);
        check(CAUGHT_UP, Step::Swap);
        check(Facts { missing_bytes: MAX_TAIL_BYTES, ..CAUGHT_UP }, Step::Swap);
        // It has fallen back since.
        check(Facts { missing_durable_bytes: 1, ..CAUGHT_UP }, Step::Copy);
    }

    #[test]
    fn a_move_that_cannot_be_ends() {
        let check = |facts: Facts, expect| assert_eq!(next(facts), Step::End(expect), "{facts:?}");
        check(Facts { is_wanted: false, ..CAUGHT_UP }, End::Never);
        check(Facts { is_wanted: false, is_closed: true, ..CAUGHT_UP }, End::Never);
        check(Facts { is_closed: true, ..CAUGHT_UP }, End::Later);
        check(Facts { from_is_offline: true, ..CAUGHT_UP }, End::Later);
        check(Facts { to_is_offline: true, missing_durable_bytes: 1, ..CAUGHT_UP }, End::Later);
    }

    #[test]
    fn a_copy_that_is_found_says_that_a_move_was_wanted() {
        let open = Found { is_known: true, is_open: true, is_there: false, is_second: false };
        let check = |found: Found, expect| assert_eq!(at_start(found), expect, "{found:?}");
        check(open, AtStart::MoveAnew);
        check(Found { is_there: true, ..open }, AtStart::Remove);
        check(Found { is_second: true, ..open }, AtStart::Remove);
        check(Found { is_open: false, ..open }, AtStart::Keep);
        check(Found { is_open: false, is_known: false, ..open }, AtStart::Remove);
    }
}
