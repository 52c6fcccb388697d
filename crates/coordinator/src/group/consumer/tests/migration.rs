//! From the classic protocol to the new one and back, while members go on.

use super::{check, check_with, config};
use crate::group::consumer::MigrationPolicy;

/// Two classic members: `a` leads and has two partitions.
const CLASSIC: [(&str, &str); 5] = [
    ("classic-join a", ""),
    ("classic-join b", ""),
    ("pass 6000", "a: joined 1 leads; b: joined 1"),
    ("classic-sync b", ""),
    ("classic-sync a assign=a:t-0,t-1;b:t-2", "a: synced [t-0,t-1]; b: synced [t-2]"),
];

fn check_classic(steps: &[(&str, &str)]) {
    check_with(config(), &[&CLASSIC[..], steps].concat());
}

#[test]
fn a_classic_group_goes_on_as_a_consumer_group() {
    check_classic(&[
        ("list", "g:classic:Stable:consumer"),
        ("join c", "c: 2 []"),
        ("list", "g:consumer:Reconciling:consumer"),
        ("restart", ""),
        ("classic-beat a", "a: REBALANCE_IN_PROGRESS"),
        ("classic-join a", "a: joined 1"),
        ("classic-sync a", "a: synced [t-0]"),
        ("classic-beat a", "a: REBALANCE_IN_PROGRESS"),
        ("beat c", "c: 2"),
        // Now it has given up, and joins for the new epoch.
        ("classic-join a", "a: joined 2"),
        ("classic-sync a", "a: synced [t-0]"),
        ("classic-beat a", "a: ok"),
        ("beat c", "c: 2 [t-1]"),
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
        ("classic-join b", "b: joined 2"),
        ("classic-sync b", "b: synced [t-2]"),
        ("list", "g:consumer:Stable:consumer"),
        ("commit a", "ok"),
    ]);
}

#[test]
fn the_last_consumer_leaves_a_classic_group() {
    check_classic(&[
        ("join c", "c: 2 []"),
        ("leave c", "c: -1"),
        ("list", "g:classic:PreparingRebalance:consumer"),
        ("classic-beat a", "a: ILLEGAL_GENERATION"),
        ("classic-join a", ""),
        ("classic-join b", "a: joined 4 leads; b: joined 4"),
    ]);
}

#[test]
fn the_last_consumer_falls_silent() {
    check_classic(&[
        ("join c", "c: 2 []"),
        ("classic-join a", "a: joined 1"),
        ("classic-sync a", "a: synced [t-0]"),
        ("classic-join a", "a: joined 2"),
        ("classic-sync a", "a: synced [t-0]"),
        ("classic-join b", "b: joined 2"),
        ("classic-sync b", "b: synced [t-2]"),
        ("beat c", "c: 2 [t-1]"),
        ("pass 9000", ""),
        ("classic-beat a", "a: ok"),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        ("classic-beat a", "a: ok"),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        ("classic-beat a", "a: ok"),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        ("classic-beat a", "a: ok"),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        // The group is taken back by the first who asks.
        ("list", "g:consumer:Assigning:consumer"),
        ("classic-beat a", "a: REBALANCE_IN_PROGRESS"),
        ("list", "g:classic:PreparingRebalance:consumer"),
        ("classic-join b", ""),
        ("classic-join a", "a: joined 4 leads; b: joined 4"),
    ]);
}

#[test]
fn a_downgrade_that_a_restart_cuts_short_is_a_rebalance_all_the_same() {
    check_classic(&[
        ("join c", "c: 2 []"),
        ("leave c", "c: -1"),
        ("restart", ""),
        ("classic-beat a", "a: ILLEGAL_GENERATION"),
        ("classic-beat b", "b: ILLEGAL_GENERATION"),
    ]);
}

#[test]
fn who_waits_in_a_barrier_is_told() {
    check(&[
        ("classic-join a", ""),
        ("join b", "a: REBALANCE_IN_PROGRESS; b: 2 [t-2]"),
        ("classic-join a", "a: joined 2"),
        ("classic-sync a", "a: synced [t-0,t-1]"),
        ("beat b", "b: 2"),
    ]);
}

#[test]
fn classic_members_join_a_consumer_group() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("classic-join b v=9", "b: MEMBER_ID_REQUIRED"),
        ("classic-join b v=9", "b: joined 3"),
        ("classic-sync b", "b: synced []"),
        ("classic-beat b", "b: ok"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("ack a", "a: 3"),
        // What it waited for is free.
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
        ("classic-join b", "b: joined 3"),
        ("classic-sync b", "b: synced [t-2]"),
        ("classic-beat b", "b: ok"),
        ("classic-join c protocol=sticky", "c: INCONSISTENT_GROUP_PROTOCOL"),
        ("classic-join c type=connect", "c: INCONSISTENT_GROUP_PROTOCOL"),
        ("classic-beat a", "a: UNKNOWN_MEMBER_ID"),
        ("classic-leave b", "b: ok"),
        ("beat a", "a: 4 [t-0,t-1,t-2]"),
        ("classic-beat b", "b: UNKNOWN_MEMBER_ID"),
    ]);
}

#[test]
fn classic_members_that_do_not_join_again_or_sync_are_removed() {
    let steps = [
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("classic-join b", "b: joined 3"),
        ("classic-sync b", "b: synced []"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("ack a", "a: 3"),
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
    ];
    let beats = [
        ("pass 9000", ""),
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
        ("pass 9000", ""),
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
        ("pass 9000", ""),
        ("classic-beat b", "b: REBALANCE_IN_PROGRESS"),
        ("beat a", "a: 3"),
        ("pass 3000", ""),
        ("classic-beat b", "b: UNKNOWN_MEMBER_ID"),
    ];
    check(&[&steps[..], &beats].concat());
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("classic-join b", "b: joined 3"),
        ("pass 9000", ""),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        ("classic-beat b", "b: ok"),
        ("pass 9000", ""),
        ("classic-beat b", "b: ok"),
        ("beat a", "a: 2 [t-0,t-1]"),
        ("pass 3000", ""),
        ("classic-beat b", "b: UNKNOWN_MEMBER_ID"),
    ]);
}

#[test]
fn static_members_change_protocol_and_keep_what_they_have() {
    check(&[
        ("join a instance=i", "a: 2 [t-0,t-1,t-2]"),
        ("join b instance=j", "b: 3 []"),
        ("beat a instance=i", "a: 2 [t-0,t-1]"),
        ("ack a instance=i", "a: 3"),
        ("beat b instance=j", "b: 3 [t-2]"),
        ("pause a instance=i", "a: -2"),
        ("classic-join c instance=i", "c: joined 3"),
        ("classic-sync c instance=i", "c: synced [t-0,t-1]"),
        ("beat b instance=j", "b: 3"),
        ("join d instance=i", "d: 3 [t-0,t-1]"),
        ("classic-beat c instance=i", "c: FENCED_INSTANCE_ID"),
    ]);
}

#[test]
fn policies_forbid() {
    let with = |policy| {
        let mut config = config();
        config.consumer.migration_policy = policy;
        config
    };
    let upgrade = [("join c", "c: GROUP_ID_NOT_FOUND"), ("classic-beat a", "a: ok")];
    for policy in [MigrationPolicy::Disabled, MigrationPolicy::Downgrade] {
        check_with(with(policy), &[&CLASSIC[..], &upgrade].concat());
    }
    let no_way_back = [
        ("join c", "c: 2 []"),
        ("leave c", "c: -1"),
        ("classic-beat a", "a: REBALANCE_IN_PROGRESS"),
        ("classic-join a", "a: joined 3"),
        ("list", "g:consumer:Reconciling:consumer"),
    ];
    check_with(with(MigrationPolicy::Upgrade), &[&CLASSIC[..], &no_way_back].concat());
    check_with(
        with(MigrationPolicy::Disabled),
        &[("join a", "a: 2 [t-0,t-1,t-2]"), ("classic-join b", "b: INCONSISTENT_GROUP_PROTOCOL")],
    );
}

#[test]
fn an_empty_group_is_of_whoever_comes() {
    check(&[
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("leave a", "a: -1"),
        ("classic-join b", ""),
        ("pass 3000", "b: joined 1 leads"),
        ("list", "g:classic:CompletingRebalance:consumer"),
        ("classic-leave b", "b: ok"),
        ("list", "g:classic:Empty:consumer"),
        ("join a", "a: 2 [t-0,t-1,t-2]"),
        ("list", "g:consumer:Stable:consumer"),
    ]);
}
