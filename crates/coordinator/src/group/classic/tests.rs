//! The value itself: transitions, votes, counts.

use std::sync::Arc;

use super::*;

#[test]
fn states_follow_each_other_as_in_kafka() {
    use GroupState::{CompletingRebalance, Empty, PreparingRebalance, Stable};
    let all = [Empty, PreparingRebalance, CompletingRebalance, Stable];
    let allowed: Vec<_> = all
        .iter()
        .flat_map(|from| all.map(|to| (*from, to)))
        .filter(|(from, to)| from.may_become(*to))
        .collect();
    assert_eq!(
        allowed,
        [
            (Empty, PreparingRebalance),
            (PreparingRebalance, Empty),
            (PreparingRebalance, CompletingRebalance),
            (CompletingRebalance, PreparingRebalance),
            (CompletingRebalance, Stable),
            (Stable, PreparingRebalance),
        ]
    );
}

fn group(members: &[(&str, &[&str])]) -> ClassicGroup {
    let mut group = ClassicGroup::new("g".into(), None);
    group.protocol_type = Some("consumer".into());
    for (index, (id, protocols)) in members.iter().enumerate() {
        let protocols: Vec<_> = protocols
            .iter()
            .map(|name| protocol::messages::join_group_request::JoinGroupRequestProtocol {
                name: (*name).into(),
                ..Default::default()
            })
            .collect();
        group.add(Member {
            id: Arc::from(*id),
            instance_id: None,
            client_id: "c".into(),
            client_host: "/h".into(),
            rebalance_timeout_ms: 1_000,
            session_timeout_ms: 1_000,
            protocols: Protocols::from_request(&protocols),
            assignment: bytes::Bytes::new(),
            awaiting_join: Some(ReplyToken(index as u64)),
            awaiting_sync: None,
            is_new: true,
        });
    }
    group
}

#[test]
fn the_protocol_is_voted_among_what_all_support() {
    fn check(members: &[&[&str]], expect: Option<&str>) {
        let names = ["a", "b", "c", "d"];
        let members: Vec<_> = names.into_iter().zip(members.iter().copied()).collect();
        assert_eq!(group(&members).select_protocol().as_deref(), expect, "{members:?}");
    }
    check(&[], None);
    check(&[&["range"]], Some("range"));
    check(&[&["range", "sticky"], &["sticky", "range"], &["sticky", "range"]], Some("sticky"));
    check(&[&["range", "sticky"], &["sticky"]], Some("sticky"));
    check(&[&["range"], &["sticky"]], None);
    // A tie goes to the first by name.
    check(&[&["sticky", "range"], &["range", "sticky"]], Some("range"));
    // Naming one twice does not make it the vote of two.
    check(&[&["range", "range"], &["sticky"]], None);
}

#[test]
fn counts_stay_right_through_changes() {
    let mut group = group(&[("a", &["range"]), ("b", &["range", "sticky"])]);
    assert!(group.has_all_joined());
    group.remove("a");
    assert_eq!(group.leader.as_deref(), Some("b"));
    let sticky = protocol::messages::join_group_request::JoinGroupRequestProtocol {
        name: "sticky".into(),
        ..Default::default()
    };
    let before =
        group.update("b", Protocols::from_request(std::slice::from_ref(&sticky)), 1, 1, ReplyToken(9));
    assert_eq!((before, group.awaiting_join_count()), (Some(ReplyToken(1)), 1));
    assert_eq!(group.select_protocol().as_deref(), Some("sticky"));
    assert!(!group.supports("consumer", &[]) && group.supports("consumer", &[sticky]));
    assert_eq!((group.take_join("b"), group.take_join("b")), (Some(ReplyToken(9)), None));
    assert!(!group.elect_joined_leader());
    group.remove("b");
    assert_eq!((group.leader.clone(), group.awaiting_join_count(), group.member_count()), (None, 0, 0));
}
