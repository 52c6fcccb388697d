//! Joining, assigning, reconciling, leaving.

use super::{check, check_with, config};

#[test]
fn the_first_member_gets_everything_at_once() {
    check(&[
        ("beat a", "a: INVALID_REQUEST"),
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("beat a", "a: 2"),
        ("describe", "Stable 2/2 uniform a@2[t-0,t-1,t-2]"),
        ("list", "g:consumer:Stable:consumer"),
        ("describe-classic", "GROUP_ID_NOT_FOUND Group g is not a classic group."),
    ]);
}

#[test]
fn the_second_waits_for_what_the_first_gives_up() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("describe", "Reconciling 3/3 uniform a@2[t-0,t-1,t-2->t-0,t-1] b@3[->t-2]"),
        ("beat b", "b: 3"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("beat b", "b: 3"),
        // It still has what it is to give up.
        ("ack a owned=t-0,t-1,t-2", "a: 2"),
        ("ack a", "a: 3"),
        ("beat b", "b: 3 [t-2]"),
        ("describe", "Stable 3/3 uniform a@3[t-0,t-1] b@3[t-2]"),
    ]);
}

#[test]
fn who_leaves_leaves_its_partitions_to_the_others() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("ack a", "a: 3"),
        ("beat b", "b: 3 [t-2]"),
        ("leave a", "a: -1"),
        ("describe", "Assigning 4/3 uniform b@3[t-2]"),
        ("beat b", "b: 4 [t-0,t-1,t-2]"),
        ("leave b", "b: -1"),
        ("describe", "Empty 5/4 uniform"),
        ("beat b epoch=4", "b: UNKNOWN_MEMBER_ID"),
        ("leave b", "b: UNKNOWN_MEMBER_ID"),
        ("delete", "ok"),
        ("describe", "GROUP_ID_NOT_FOUND Group g not found."),
    ]);
}

#[test]
fn the_silent_are_removed() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("pass 44999", ""),
        ("beat a", "a: 2"),
        ("restart", ""),
        ("pass 44999", ""),
        ("beat a", "a: 2"),
        ("pass 45000", ""),
        ("beat a", "a: UNKNOWN_MEMBER_ID"),
        ("list", "g:consumer:Empty:consumer"),
    ]);
}

#[test]
fn who_does_not_give_up_in_time_is_removed() {
    let steps = [
        ("join a rebalance=10000", "a: 2 [t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("pass 9999", ""),
        ("beat a", "a: 2"),
        ("pass 1", ""),
        ("beat a", "a: UNKNOWN_MEMBER_ID"),
        ("beat b", "b: 4 [t-0,t-1,t-2]"),
    ];
    check(&steps);
    // It has as long again where another coordinator takes over.
    let restarted = [
        &steps[..4],
        &[
            ("restart", ""),
            ("pass 9999", ""),
            ("beat a", "a: 2"),
            ("pass 1", ""),
            ("beat a", "a: UNKNOWN_MEMBER_ID"),
        ],
    ];
    check(&restarted.concat());
    let in_time = [&steps[..4], &[("ack a", "a: 3"), ("pass 1", ""), ("beat a", "a: 3")]];
    check(&in_time.concat());
}

#[test]
fn epochs_fence() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("beat a epoch=3", "a: FENCED_MEMBER_EPOCH"),
        ("join b", "b: 3 []"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("ack a", "a: 3"),
        // The answer was lost: it comes again with the epoch before, and no more than it may have.
        ("ack a epoch=2", "a: 3"),
        ("beat a epoch=2", "a: FENCED_MEMBER_EPOCH"),
        ("ack a epoch=2 owned=t-2", "a: FENCED_MEMBER_EPOCH"),
        ("beat b", "b: 3 [t-2]"),
        ("beat c epoch=2", "c: UNKNOWN_MEMBER_ID"),
        ("beat c epoch=2 group=other", "c: GROUP_ID_NOT_FOUND"),
        ("leave c group=other", "c: GROUP_ID_NOT_FOUND"),
        // Joining again is always possible, and changes nothing for others.
        ("join a", "a: 3 [t-0,t-1]"),
        ("describe", "Stable 3/3 uniform a@3[t-0,t-1] b@3[t-2]"),
    ]);
}

#[test]
fn what_a_request_must_say() {
    check(&[
        ("join a v=0", "a: 2 [t-0,t-1,t-2]"),
        ("join a group=", "a: INVALID_REQUEST"),
        ("join a instance=", "a: INVALID_REQUEST"),
        ("join a rack=", "a: INVALID_REQUEST"),
        ("join a rebalance=-1", "a: INVALID_REQUEST"),
        ("join a owned=t-0", "a: INVALID_REQUEST"),
        ("beat a epoch=0 rebalance=1 owned=", "a: INVALID_REQUEST"),
        ("beat a epoch=-3", "a: INVALID_REQUEST"),
        ("pause a", "a: INVALID_REQUEST"),
        ("join a assignor=sticky", "a: UNSUPPORTED_ASSIGNOR"),
        ("join a regex=[", "a: INVALID_REGULAR_EXPRESSION"),
    ]);
}

#[test]
fn members_of_version_0_are_given_an_id() {
    check(&[
        ("join a v=0 id=", "a: 2 [t-0,t-1,t-2]"),
        ("describe", "Stable 2/2 uniform AQEBAQEBAQEBAQEBAQEBAQ@2[t-0,t-1,t-2]"),
        ("beat a v=0", "a: 2"),
        ("join a v=1 id=", "a: INVALID_REQUEST"),
    ]);
}

#[test]
fn the_group_is_full() {
    let mut config = config();
    config.consumer.max_size = 1;
    check_with(
        config,
        &[
            ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
            ("join b", "b: GROUP_MAX_SIZE_REACHED"),
            ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
            ("join b instance=i", "b: UNRELEASED_INSTANCE_ID"),
            ("pause a instance=i", "a: -2"),
            ("join c instance=i", "c: 2 [t-0,t-1,t-2]"),
        ],
    );
}

#[test]
fn changed_topics_are_seen_by_the_next_heartbeat() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("topic other 7", ""),
        ("beat a", "a: 2"),
        ("topic t 4", ""),
        ("beat a", "a: 3 [t-0,t-1,t-2,t-3]"),
        ("no-topic t", ""),
        ("beat a", "a: 3 []"),
        ("ack a", "a: 4"),
        ("describe", "Stable 4/4 uniform a@4[]"),
        // Another topic of the name.
        ("topic t 1", ""),
        ("beat a", "a: 5 [t-0]"),
    ]);
}

#[test]
fn a_changed_subscription_takes_effect_before_its_target() {
    let mut config = config();
    config.consumer.settings.assignment_interval_ms = 1_000;
    check_with(
        config,
        &[
            ("join a topics=t,u", "a: 2 [t-0,t-1,t-2,u-0,u-1]"),
            ("beat a topics=u", "a: 2 [u-0,u-1]"),
            ("describe", "Assigning 3/2 uniform a@2[u-0,u-1->t-0,t-1,t-2,u-0,u-1]"),
            ("ack a owned=t-0,u-0,u-1", "a: 2"),
            ("ack a", "a: 2"),
            ("pass 1000", ""),
            ("beat a", "a: 3"),
            ("describe", "Stable 3/3 uniform a@3[u-0,u-1]"),
        ],
    );
}

#[test]
fn many_who_come_together_make_one_target() {
    let mut config = config();
    config.consumer.settings.assignment_interval_ms = 1_000;
    check_with(
        config,
        &[
            ("join a", "a: 2 [t-0,t-1,t-2]"),
            ("join b", "b: 2 []"),
            ("join c", "c: 2 []"),
            ("describe", "Assigning 4/2 uniform a@2[t-0,t-1,t-2] b@2[] c@2[]"),
            ("pass 999", ""),
            ("beat a", "a: 2"),
            ("pass 1", ""),
            ("beat a", "a: 2 [t-0]"),
            ("ack a", "a: 4"),
            ("beat c", "c: 4 [t-2]"),
            ("beat b", "b: 4 [t-1]"),
        ],
    );
}

#[test]
fn the_assignor_that_most_want() {
    check(&[
        ("join a topics=t,u", "a: 2 [t-0,t-1,t-2,u-0,u-1]"),
        ("join b topics=t,u assignor=range", "b: 3 []"),
        ("describe", "Reconciling 3/3 range a@2[t-0,t-1,t-2,u-0,u-1->t-0,t-1,u-0] b@3[->t-2,u-1]"),
        ("beat a assignor=uniform", "a: 2 [t-0,t-1,u-0]"),
        ("ack a", "a: 4"),
        ("describe", "Reconciling 4/4 uniform a@4[t-0,t-1,u-0] b@3[->t-2,u-1]"),
    ]);
}

#[test]
fn patterns_match_topics_that_come_later() {
    check(&[
        ("join a regex=t.*", "a: 2 [t-0,t-1,t-2]"),
        ("topic tt 1", ""),
        ("beat a", "a: 3 [t-0,t-1,t-2,tt-0]"),
        ("restart", ""),
        ("beat a", "a: 3"),
        ("beat a regex=u", "a: 3 []"),
        ("ack a", "a: 4 [u-0,u-1]"),
        ("join b topics=t", "b: 5 [t-0,t-1,t-2]"),
        ("beat a regex= topics=u", "a: 6"),
        ("beat a regex=(", "a: INVALID_REGULAR_EXPRESSION"),
        ("describe", "Reconciling 6/6 uniform a@6[u-0,u-1] b@5[t-0,t-1,t-2]"),
    ]);
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("fail-append", ""),
        ("join b", "b: COORDINATOR_NOT_AVAILABLE"),
        ("describe", "Stable 2/2 uniform a@2[t-0,t-1,t-2]"),
        ("join b", "b: 3 []"),
    ]);
}

#[test]
fn members_come_back_soon_while_the_group_is_on_its_way() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("interval", "500"),
        ("pass 5000", ""),
        ("beat a", "a: 2"),
        ("interval", "5000"),
        ("join b", "b: 3 []"),
        ("interval", "500"),
        ("pass 5000", ""),
        ("beat b", "b: 3"),
        ("interval", "500"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("interval", "500"),
        ("ack a", "a: 3"),
        ("interval", "5000"),
        ("beat b", "b: 3 [t-2]"),
        ("interval", "5000"),
    ]);
}
