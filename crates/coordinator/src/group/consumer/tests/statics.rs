//! Static members (KIP-345).

use super::check;

#[test]
fn one_that_comes_back_in_time_has_what_it_had() {
    check(&[
        ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("beat a instance=i", "a: 2 [t-0,t-1]"),
        ("ack a instance=i", "a: 3"),
        ("beat b", "b: 3 [t-2]"),
        ("pause a instance=i", "a: -2"),
        ("beat b", "b: 3"),
        ("restart", ""),
        ("join c instance=i", "c: 3 [t-0,t-1]"),
        ("describe", "Stable 3/3 uniform b@3[t-2] c@3[t-0,t-1]"),
        ("beat a instance=i epoch=3", "a: FENCED_INSTANCE_ID"),
        ("leave a instance=i", "a: FENCED_INSTANCE_ID"),
        ("beat c epoch=3", "c: 3"),
        ("leave c instance=j", "c: UNKNOWN_MEMBER_ID"),
    ]);
}

#[test]
fn one_that_does_not_come_back_is_removed() {
    check(&[
        ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
        ("pause a instance=i", "a: -2"),
        ("join b", "b: 3 []"),
        ("pass 40000", ""),
        ("beat b", "b: 3"),
        ("pass 5000", ""),
        ("beat b", "b: 4 [t-0,t-1,t-2]"),
        ("join c instance=i", "c: 5 []"),
    ]);
}

#[test]
fn two_of_one_instance_id() {
    check(&[
        ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
        ("join b instance=i", "b: UNRELEASED_INSTANCE_ID"),
        ("leave a instance=i", "a: -1"),
        ("join b instance=i", "b: 4 [t-0,t-1,t-2]"),
    ]);
}

#[test]
fn one_that_was_giving_up_starts_over() {
    check(&[
        ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("beat a instance=i", "a: 2 [t-0,t-1]"),
        ("pause a instance=i", "a: -2"),
        // Nobody reads from it any more.
        ("beat b", "b: 3 [t-2]"),
        ("join c instance=i", "c: 3 [t-0,t-1]"),
    ]);
}
