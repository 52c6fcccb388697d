//! Where the log of a replica is, or goes: decided from what the metadata says and what the directories hold. Pure.
//!
//! *Invariant*: a replica whose records may be in a directory that is not here is not begun anew in another one. With
//! one replica that would lose everything; Apache Kafka does it where the directory was replaced by an empty one.

use metadata::image::directory;
use protocol::Uuid;

/// A log directory, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) id: Uuid,
    pub(crate) is_online: bool,
    /// Whether its volume takes anything more.
    pub(crate) has_room: bool,
    /// Whether it is to get no new replicas (KIP-1066).
    pub(crate) is_cordoned: bool,
    /// How many replicas it has.
    pub(crate) replicas: usize,
}

/// What is known of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    /// Its directory by the metadata.
    pub(crate) assigned: Uuid,
    /// Whether it was only just created, so that it is nowhere yet.
    pub(crate) is_new: bool,
    /// Whether it may begin without its records: others have them, or `unclean.leader.election.enable` gives them up.
    pub(crate) may_lose_records: bool,
    /// Whether a copy of it was begun in another directory (AlterReplicaLogDirs): there is a log of it somewhere.
    pub(crate) has_copy: bool,
    /// Where somebody wants it (AlterReplicaLogDirs), by index.
    pub(crate) preferred: Option<usize>,
}

/// Why a replica has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Nowhere {
    /// Its directory is one of ours that has failed, or of another machine or disk.
    #[error(
        "its records are in the log directory with id {0}, which is not here. Bring it back and restart the node; or, to give \
         the records up, delete the topic, or set unclean.leader.election.enable on it and restart with all log.dirs in order"
    )]
    Missing(Uuid),
    /// Nobody knows where it is, and a directory has failed.
    #[error(
        "its records may be in a log directory that has failed. Repair the directory and restart the node"
    )]
    Unknown,
    /// All directories have failed.
    #[error("no log directory is left")]
    NoDirectory,
}

/// The directory of a replica, by index. `is_there` says whether a directory that is online has a log of it.
pub(crate) fn choose(
    replica: Replica,
    candidates: &[Candidate],
    is_there: impl Fn(usize) -> bool,
) -> Result<usize, Nowhere> {
    let online = || candidates.iter().enumerate().filter(|(_, dir)| dir.is_online);
    let assigned = online().find(|(_, dir)| dir.id == replica.assigned).map(|(at, _)| at);
    let elsewhere = || online().map(|(at, _)| at).find(|at| Some(*at) != assigned && is_there(*at));
    // A move that the metadata tells of may not have been finished.
    let found = assigned.filter(|at| is_there(*at)).or_else(elsewhere);
    if let Some(at) = found {
        return Ok(at);
    }
    if replica.has_copy && !replica.may_lose_records {
        return Err(Nowhere::Unknown);
    }
    if let Some(at) = assigned {
        return Ok(at);
    }
    let any_offline = candidates.iter().any(|dir| !dir.is_online);
    let is_unassigned = matches!(replica.assigned, directory::UNASSIGNED | directory::MIGRATING);
    if is_unassigned && any_offline && !replica.is_new {
        return Err(Nowhere::Unknown);
    }
    if !is_unassigned && (any_offline || !replica.may_lose_records) {
        return Err(Nowhere::Missing(replica.assigned));
    }
    let preferred = replica.preferred.filter(|at| candidates.get(*at).is_some_and(|dir| dir.is_online));
    let emptiest =
        || online().min_by_key(|(_, dir)| (dir.is_cordoned, !dir.has_room, dir.replicas)).map(|(at, _)| at);
    preferred.or_else(emptiest).ok_or(Nowhere::NoDirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn id(number: u8) -> Uuid {
        Uuid([number; 16])
    }

    /// Directories 1, 2, 3 with so many replicas; none is offline.
    fn directories(replicas: [usize; 3]) -> Vec<Candidate> {
        let candidate = |(number, replicas)| Candidate {
            id: id(number),
            is_online: true,
            has_room: true,
            is_cordoned: false,
            replicas,
        };
        (1..).zip(replicas).map(candidate).collect()
    }

    fn offline(number: usize) -> Vec<Candidate> {
        let mut directories = directories([5, 0, 2]);
        directories[number - 1].is_online = false;
        directories
    }

    const KNOWN: Replica =
        Replica { assigned: id(1), is_new: false, may_lose_records: false, has_copy: false, preferred: None };
    const UNASSIGNED: Replica = Replica { assigned: directory::UNASSIGNED, ..KNOWN };
    const NEW: Replica = Replica { is_new: true, ..UNASSIGNED };

    #[track_caller]
    fn check(replica: Replica, candidates: &[Candidate], there: &[usize], expect: Result<usize, Nowhere>) {
        let chosen = choose(replica, candidates, |at| there.contains(&(at + 1)));
        assert_eq!(chosen.map(|at| at + 1), expect);
    }

    #[test]
    fn what_is_new_goes_where_the_fewest_are() {
        check(NEW, &directories([2, 1, 3]), &[], Ok(2));
        check(NEW, &directories([2, 2, 2]), &[], Ok(1));
        check(NEW, &offline(2), &[], Ok(3));
        check(Replica { preferred: Some(0), ..NEW }, &directories([2, 1, 3]), &[], Ok(1));
        check(Replica { preferred: Some(0), ..NEW }, &offline(1), &[], Ok(2));
        let mut full = directories([2, 1, 3]);
        full[1].has_room = false;
        check(NEW, &full, &[], Ok(1));
        full[0].is_cordoned = true;
        check(NEW, &full, &[], Ok(3));
        full[2].is_cordoned = true;
        check(NEW, &full, &[], Ok(2));
        check(NEW, &[], &[], Err(Nowhere::NoDirectory));
    }

    #[test]
    fn what_is_there_stays_there() {
        check(KNOWN, &directories([9, 0, 0]), &[1], Ok(1));
        // Moved by hand while the node was down, or the metadata was ahead of a move.
        check(KNOWN, &directories([9, 0, 0]), &[3], Ok(3));
        // Two of them: the metadata decides.
        check(KNOWN, &directories([9, 0, 0]), &[1, 2], Ok(1));
        // Created, and never opened; or deleted by hand.
        check(KNOWN, &directories([9, 0, 0]), &[], Ok(1));
        check(UNASSIGNED, &directories([9, 0, 0]), &[3], Ok(3));
        check(UNASSIGNED, &offline(1), &[3], Ok(3));
    }

    #[test]
    fn what_may_be_in_a_directory_that_is_not_here_is_not_begun_anew() {
        check(KNOWN, &offline(1), &[], Err(Nowhere::Missing(id(1))));
        check(KNOWN, &offline(1), &[2], Ok(2));
        let replaced = Replica { assigned: id(9), ..KNOWN };
        check(replaced, &directories([1, 2, 3]), &[], Err(Nowhere::Missing(id(9))));
        check(replaced, &directories([1, 2, 3]), &[3], Ok(3));
        check(
            Replica { assigned: directory::LOST, ..KNOWN },
            &directories([1, 2, 3]),
            &[],
            Err(Nowhere::Missing(directory::LOST)),
        );
        check(UNASSIGNED, &offline(2), &[], Err(Nowhere::Unknown));
        check(UNASSIGNED, &directories([1, 2, 3]), &[], Ok(1));
    }

    #[test]
    fn what_was_about_to_move_is_not_begun_anew() {
        // The metadata names where it was to go, and what it was to leave is away.
        let moving = Replica { has_copy: true, ..KNOWN };
        check(moving, &directories([1, 2, 3]), &[], Err(Nowhere::Unknown));
        check(moving, &offline(2), &[], Err(Nowhere::Unknown));
        check(moving, &directories([1, 2, 3]), &[2], Ok(2));
        check(moving, &directories([1, 2, 3]), &[1], Ok(1));
        check(Replica { may_lose_records: true, ..moving }, &directories([1, 2, 3]), &[], Ok(1));
    }

    #[test]
    fn records_are_given_up_where_that_is_allowed_and_all_directories_are_here() {
        let replaced = Replica { assigned: id(9), may_lose_records: true, ..KNOWN };
        check(replaced, &directories([1, 0, 3]), &[], Ok(2));
        check(replaced, &directories([1, 0, 3]), &[3], Ok(3));
        check(replaced, &offline(2), &[], Err(Nowhere::Missing(id(9))));
    }
}
