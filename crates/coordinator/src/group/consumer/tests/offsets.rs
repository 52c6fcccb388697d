//! Committing and fetching offsets.

use super::check;

#[test]
fn members_commit_in_their_epoch() {
    check(&[
        ("commit", "ok"),
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("commit", "UNKNOWN_MEMBER_ID"),
        ("commit a", "ok"),
        ("commit a v=8", "UNSUPPORTED_VERSION"),
        ("commit a epoch=3", "STALE_MEMBER_EPOCH"),
        ("commit b epoch=2", "UNKNOWN_MEMBER_ID"),
        ("fetch", "ok t-0@7"),
        ("fetch a", "ok t-0@7"),
        ("fetch a epoch=3", "STALE_MEMBER_EPOCH"),
        ("fetch b", "UNKNOWN_MEMBER_ID"),
        ("leave a", "a: -1"),
        ("commit", "ok"),
    ]);
}

#[test]
fn who_has_not_heard_of_its_epoch_commits_what_it_has() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("commit a at=t-2", "ok"),
        ("ack a", "a: 3"),
        ("commit a epoch=2", "ok"),
        ("commit a epoch=2 at=t-2", "STALE_MEMBER_EPOCH"),
        ("beat b", "b: 3 [t-2]"),
        ("leave b", "b: -1"),
        ("beat a", "a: 4 [t-0,t-1,t-2]"),
        ("commit a epoch=3 at=t-2", "STALE_MEMBER_EPOCH"),
        ("restart", ""),
        ("commit a epoch=3", "ok"),
        ("commit a at=t-2", "ok"),
    ]);
}

#[test]
fn offsets_outlive_members_and_go_with_the_group() {
    const WEEK: &str = "pass 605400000";
    check(&[
        ("commit at=u-0", "ok"),
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("commit a", "ok"),
        ("leave a", "a: -1"),
        ("delete", "ok"),
        ("fetch", "ok"),
        ("commit", "ok"),
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("leave a", "a: -1"),
        (WEEK, ""),
        ("list", ""),
    ]);
}
