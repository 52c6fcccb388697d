//! Histories for each violation, and for each oddity that is none.

use super::story::{check_line, check_story, events};
use super::{check, summarise};

/// A producer of each kind, and everything that they sent, in one partition of six records.
const SENT: &str = "
    p: idempotent
    q: plain acks=1
    z: plain acks=0
    r: reader
    p sends t 0+3
    q sends t 0+3
    p acked t-0@0 0+3
    q acked t-0@3 0+3
    last: last";

#[track_caller]
fn check_sent(story: &str, expect: &[&str]) {
    check_story(&format!("{SENT}\n{story}"), expect);
}

#[test]
fn what_was_acknowledged_is_there() {
    let whole = "last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3";
    check_sent(whole, &[]);
    check_sent("last bounds t-0=0..5\n last reads t-0@0 p:0+3 q:0+2", &["lost"]);
    check_sent("last bounds t-0=0..0", &["lost"]);
    // The whole partition is gone.
    check_sent("last bounds u-0=0..0", &["lost"]);
    // acks=1 is promised as much as acks=all: kill -9 keeps the page cache.
    check_line(
        &format!("{SENT}\nlast bounds t-0=0..4\nlast reads t-0@0 p:0+3 q:0+1"),
        "lost at 8.000 s: q: t-0 offsets 4 to 5: acknowledged, record of q; the log does not hold it",
    );
    check_line(
        &format!("{SENT}\nlast bounds t-0=1..6\nlast reads t-0@1 p:1+2 q:0+3"),
        "lost at 7.000 s: p: t-0 offset 0: acknowledged, record of p; the log starts at 1, and nobody deleted it",
    );
}

#[test]
fn what_was_read_is_there_for_ever() {
    let more = "p sends t 3+1\n r reads t-0@0 p:0+3 q:0+3 p:3+1";
    check_sent(&format!("{more}\n last bounds t-0=0..7\n last reads t-0@0 p:0+3 q:0+3 p:3+1"), &[]);
    // Nobody acknowledged it, but somebody read it.
    check_sent(&format!("{more}\n last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3"), &["lost"]);
    check_sent("r reads t-0@0 p:0+2 q:0+1", &["changed"]);
}

#[test]
fn an_offset_that_holds_another_record_is_a_loss() {
    check_sent("last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+2 z:0+1", &["lost", "not sent"]);
}

#[test]
fn acks_0_may_be_lost_and_is_not_counted() {
    let story = "z sends t 0+9\n z acked t-0@-1 0+9\n last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3";
    check_sent(story, &[]);
    assert_eq!(summarise(&events(&format!("{SENT}\n{story}"))).acknowledged, 6);
    check_sent("z sends t 0+1\n last bounds t-0=0..7\n last reads t-0@0 p:0+3 q:0+3 z:0+1", &[]);
}

#[test]
fn what_was_not_acknowledged_may_be_there_or_not() {
    check_sent("q sends t 3+2\n last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3", &[]);
    check_sent("q sends t 3+2\n q dies\n last bounds t-0=0..8\n last reads t-0@0 p:0+3 q:0+3 q:3+2", &[]);
}

#[test]
fn an_acknowledgement_without_an_offset_promises_a_place() {
    let sent = "p sends t 3+1\n p acked t-0@-1 3+1";
    check_sent(&format!("{sent}\n last bounds t-0=0..7\n last reads t-0@0 p:0+3 q:0+3 p:3+1"), &[]);
    check_sent(&format!("{sent}\n last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3"), &["lost"]);
}

#[test]
fn holes_and_strangers() {
    let from_2 = "last reads t-0@2 p:2+1 q:0+3";
    check_sent(
        &format!("last bounds t-0=0..6\n last reads t-0@0 p:0+1\n {from_2}"),
        &["lost", "hole", "skipped"],
    );
    // Records of a producer that there is not, that it did not send, that it sent elsewhere.
    check_sent("r reads t-0@6 x:0+1\n a empties t-0 6", &["not sent"]);
    check_sent("r reads t-0@6 p:3+1\n a empties t-0 6", &["not sent"]);
    check_sent("p sends u 3+1\n r reads t-0@6 p:3+1\n a empties t-0 6", &["not sent"]);
    check_sent("r damaged t-0@4", &["damaged"]);
}

#[test]
fn deleted_records_may_be_gone() {
    let rest = "last bounds t-0=3..6\n last reads t-0@3 q:0+3";
    check_sent(&format!("a empties t-0 3\n {rest}"), &[]);
    // Nobody knows whether it happened, or how far.
    check_sent(&format!("a empties? t-0 4\n {rest}"), &[]);
    check_sent(&format!("a empties t-0 2\n {rest}"), &["lost"]);
    check_sent(&format!("topic t retention\n {rest}"), &[]);
    // What was deleted is there again.
    check_sent("a empties t-0 4\n last bounds t-0=3..6\n last reads t-0@3 q:0+3", &["log start moved back"]);
    check_sent("a empties? t-0 4\n last bounds t-0=0..6\n last reads t-0@0 p:0+3 q:0+3", &[]);
}

#[test]
fn bounds_do_not_move_back() {
    let all = "w bounds t-0=3..6";
    check_story(&format!("topic t retention\n{all}\nw bounds t-0=2..6"), &["log start moved back"]);
    check_story(&format!("topic t retention\n{all}\nw bounds t-0=3..5"), &["log end moved back"]);
    check_story(&format!("topic t retention\n{all}\nw bounds t-0=4..9"), &[]);
    // A look that is under way while another ends says nothing about it.
    check_story("a empties(7 t-0 5\n w bounds t-0=0..6\n a 7)\n w bounds t-0=5..6", &[]);
    check_story("a empties(7 t-0 5\n a 7)\n w bounds t-0=0..6", &["log start moved back"]);
}

#[test]
fn an_idempotent_producer_has_each_record_once() {
    check_sent("p sends t 3+1\n last bounds t-0=0..7\n last reads t-0@0 p:0+3 q:0+3 p:2+1", &["duplicated"]);
    check_sent("r reads t-0@0 p:0+3 q:0+3\n r reads t-1@0 p:1+1", &["duplicated"]);
    // It is the same record that is read twice.
    check_sent("r reads t-0@0 p:0+3 q:0+3\n s: reader\n s reads t-0@0 p:0+3 q:0+3", &[]);
}

#[test]
fn a_plain_producer_may_have_a_record_twice() {
    let story = "r reads t-0@0 p:0+3 q:0+3 q:0+3 q:1+1";
    check_sent(story, &[]);
    assert_eq!(summarise(&events(&format!("{SENT}\n{story}"))).duplicates_allowed, 4);
}

#[test]
fn records_are_in_the_order_of_sending() {
    let two = |kind: &str, story: &str| format!("p: {kind}\n r: reader\n p sends t 0+4\n {story}");
    let swapped = "r reads t-0@0 p:1+1 p:0+1";
    check_story(&two("idempotent", swapped), &["reordered"]);
    check_story(&two("idempotent", "r reads t-0@0 p:0+1 p:3+1"), &[]);
    // In two partitions there is no order.
    check_story(&two("idempotent", "r reads t-0@0 p:3+1\n r reads t-1@0 p:0+3"), &[]);
    check_story(&two("plain acks=all", swapped), &[]);
    let acked = "p acked t-0@0 1+1\n p acked t-0@1 0+1";
    check_story(&two("plain acks=all", acked), &[]);
    check_story(&two("plain acks=all one", acked), &["reordered"]);
    // Whatever it gave up may come late.
    check_story(&two("plain acks=all one", swapped), &[]);
}

#[test]
fn readers_go_forward_and_leave_nothing_out() {
    check_sent("r reads t-0@0 p:0+3\n r reads t-0@3 q:0+3", &[]);
    check_sent("r reads t-0@0 p:0+3\n r reads t-0@2 p:2+1 q:0+3", &["read back"]);
    check_sent("r reads t-0@0 p:0+2\n r reads t-0@3 q:0+3", &["skipped"]);
    check_sent("r reads t-0@1 p:1+2", &["skipped"]);
    check_sent("a empties t-0 3\n r reads t-0@0 p:0+1\n r reads t-0@3 q:0+3", &[]);
    // A member begins again where it is assigned again.
    let member = "m: member g\n m assigned t-0\n m reads t-0@0 p:0+3";
    check_sent(&format!("{member}\n m assigned t-0\n m reads t-0@0 p:0+2"), &[]);
    check_sent(&format!("{member}\n m reads t-0@0 p:0+2"), &["read back"]);
    // One that keeps a partition through a change may be given again what it was last given, and nothing before that.
    let member = "m: member g\n m assigned t-0\n m reads t-0@0 p:0+2\n m reads t-0@2 p:2+1\n m assigned t-1";
    check_sent(&format!("{member}\n m reads t-0@2 p:2+1 q:0+3"), &[]);
    check_sent(&format!("{member}\n m reads t-0@3 q:0+3"), &[]);
    check_sent(&format!("{member}\n m reads t-0@1 p:1+2"), &["read back"]);
    check_sent(&format!("{member}\n m reads t-0@4 q:1+2"), &["skipped"]);
    check_sent(&format!("{member}\n m reads t-0@2 p:2+1\n m reads t-0@2 p:2+1"), &["read back"]);
}

#[test]
fn committed_offsets_do_not_move_back() {
    let commits = "m commits g t-0=5\n m commits g t-0=9";
    check_story(&format!("{commits}\n w sees g t-0=9"), &["committed and never read"]);
    let with = |story: &str, expect: &[&str]| check_story(&format!("topic t retention\n{story}"), expect);
    with(&format!("{commits}\n w sees g t-0=9"), &[]);
    with(&format!("{commits}\n w sees g t-0=5"), &["committed offset moved back"]);
    with(&format!("{commits}\n w sees g t-0=-1"), &["committed offset moved back"]);
    with(&format!("{commits}\n w sees g t-0=7"), &["committed offset moved back"]);
    with(&format!("{commits}\n w sees g t-0=11"), &["committed offset that nobody committed"]);
    with("w sees g t-0=-1", &[]);
    with("w sees g t-0=0", &["committed offset that nobody committed"]);
    // Back on purpose.
    with("m commits g t-0=9\n m commits g t-0=5\n w sees g t-0=5", &[]);
    with("m commits g t-0=9\n m commits h t-0=5\n w sees g t-0=9\n w sees h t-0=5", &[]);
    check_line(
        &format!("topic t retention\n{commits}\nw sees g t-0=5"),
        "committed offset moved back at 4.500 s: w: t-0 offset 5: group g: saw 5, 9 was acknowledged to m for a commit begun at 2.000 s",
    );
}

#[test]
fn commits_at_the_same_time_may_end_in_either_order() {
    let with = |story: &str, expect: &[&str]| check_story(&format!("topic t retention\n{story}"), expect);
    let both = "m commits(1 g t-0=5\n n commits(2 g t-0=9\n m 1)\n n 2)";
    with(&format!("{both}\n w sees g t-0=5"), &[]);
    with(&format!("{both}\n w sees g t-0=9"), &[]);
    with(&format!("{both}\n w sees g t-0=-1"), &["committed offset moved back"]);
    with("m commits g t-0=5\n m commits(2 g t-0=9\n w sees g t-0=5\n w sees g t-0=9\n m 2)", &[]);
    with("m commits g t-0=5\n w sees(3 g\n m commits g t-0=9\n w 3)", &[]);
}

#[test]
fn a_commit_without_an_answer_happens_until_the_node_ends() {
    let with = |story: &str, expect: &[&str]| check_story(&format!("topic t retention\n{story}"), expect);
    let unknown = "m: member g\n m commits g t-0=5\n m commits? g t-0=9";
    with(&format!("{unknown}\n w sees g t-0=5"), &[]);
    with(&format!("{unknown}\n w sees g t-0=9"), &[]);
    // Once seen, it has happened.
    with(&format!("{unknown}\n w sees g t-0=9\n w sees g t-0=5"), &["committed offset moved back"]);
    with(&format!("{unknown}\n w sees g t-0=5\n w sees g t-0=9"), &[]);
    // After a newer one: it lay in a socket. With the node it ends.
    with(&format!("{unknown}\n m commits g t-0=12\n w sees g t-0=9"), &[]);
    with(
        &format!("{unknown}\n node killed\n m commits g t-0=12\n w sees g t-0=9"),
        &["committed offset moved back"],
    );
    with(&format!("{unknown}\n m dies\n node killed\n w sees g t-0=9"), &[]);
    // The client died before it heard: as long as it could have.
    let dead = "m: member g\n m commits(1 g t-0=9\n m dies";
    with(&format!("{dead}\n m2 commits g t-0=12\n w sees g t-0=9"), &[]);
    with(
        &format!("{dead}\n node killed\n m2 commits g t-0=12\n w sees g t-0=9"),
        &["committed offset moved back"],
    );
}

#[test]
fn a_member_begins_where_the_group_has_committed() {
    let with = |story: &str, expect: &[&str]| {
        let opened = "p: idempotent\n p sends t 0+50\n m: member g\n n: member g";
        check_story(&format!("{opened}\n{story}"), expect);
    };
    let read = "m assigned t-0\n m reads t-0@0 p:0+9\n m commits g t-0=5";
    with(&format!("{read}\n n assigned t-0\n n reads t-0@5 p:5+2"), &[]);
    with(&format!("{read}\n n assigned t-0\n n reads t-0@0 p:0+2"), &["committed offset moved back"]);
    with(
        &format!("{read}\n n assigned t-0\n n reads t-0@7 p:7+2"),
        &["committed offset that nobody committed"],
    );
    with("n assigned t-0\n n reads t-0@3 p:3+1", &["committed offset that nobody committed"]);
    // What was committed is deleted: it begins where the log does.
    with(&format!("{read}\n a empties t-0 7\n n assigned t-0\n n reads t-0@7 p:7+2"), &[]);
    // Between being assigned and reading, someone else's commit arrives.
    with(&format!("{read}\n n assigned t-0\n m commits g t-0=6\n n reads t-0@5 p:5+2"), &[]);
}

#[test]
fn an_automatic_member_that_ended_may_have_committed_what_it_read() {
    let with = |story: &str, expect: &[&str]| {
        let opened =
            "p: idempotent\n p sends t 0+50\n m: member g auto\n m assigned t-0\n m reads t-0@0 p:0+9";
        check_story(&format!("{opened}\n m commits g t-0=5\n{story}"), expect);
    };
    with("m dies\n w sees g t-0=5\n w sees g t-0=9", &[]);
    with("m dies\n w sees g t-0=4", &["committed offset moved back"]);
    with("m dies\n w sees g t-0=10", &["committed offset that nobody committed", "committed and never read"]);
    with("w sees g t-0=9", &["committed offset that nobody committed"]);
    with("m leaves\n w sees g t-0=9", &[]);
    with("m dies\n node killed\n n commits g t-0=9\n w sees g t-0=7", &["committed offset moved back"]);
}

#[test]
fn a_group_reads_what_it_commits_past() {
    let with = |story: &str, expect: &[&str]| {
        let opened = "p: idempotent\n p sends t 0+50\n m: member g\n n: member g";
        check_story(&format!("{opened}\n{story}"), expect);
    };
    let both = "m reads t-0@0 p:0+5\n n reads t-0@4 p:4+6\n m commits g t-0=10";
    with(&format!("{both}\n w sees g t-0=10"), &[]);
    let gap = "m reads t-0@0 p:0+5\n n reads t-0@6 p:6+4\n m commits g t-0=10";
    with(&format!("{gap}\n w sees g t-0=10"), &["committed and never read"]);
    with(&format!("{gap}\n a empties t-0 6\n w sees g t-0=10"), &[]);
    with("m reads t-0@0 p:0+5\n m commits g t-0=6\n w sees g t-0=6", &["committed and never read"]);
    with("m reads t-0@0 p:0+9\n m commits g t-0=6\n w sees g t-0=6", &[]);
}

#[test]
fn topics_are_what_acknowledged_changes_made_them() {
    let created = "a creates t 3 1000";
    let with = |story: &str, expect: &[&str]| check_story(&format!("{created}\n{story}"), expect);
    with("a describes t 3 1000", &[]);
    with("a describes t absent", &["topic"]);
    with("a describes t 2 1000", &["topic"]);
    with("a alters t 500\n a grows t 5\n a describes t 5 500", &[]);
    with("a alters t 500\n a describes t 3 1000", &["topic"]);
    with("a deletes t\n a describes t absent", &[]);
    with("a deletes t\n a describes t 3 1000", &["topic"]);
    with("a deletes t\n a creates t 1 7\n a describes t 1 7", &[]);
    with("a appends t 0\n a appends t 1\n a describes t 3 1000 2", &[]);
    with("a appends t 0\n a describes t 3 1000 0", &["topic"]);
    with("a appends? t 0\n a describes t 3 1000 0\n a describes t 3 1000 1", &[]);
    with("a appends? t 0\n a describes t 3 1000 1\n a describes t 3 1000 2", &["topic"]);
    // What a topic of the name held before is gone.
    with("a appends t 0\n a deletes t\n a creates t 1 7\n a describes t 1 7 1", &["topic"]);
    // Acknowledged and impossible.
    with("a creates t 3 1000", &["topic"]);
    check_story("a deletes t", &["topic"]);
    check_story("a describes t absent", &[]);
    check_story("a describes t 1 7", &["topic"]);
}

#[test]
fn a_change_without_an_answer_happens_until_the_node_ends() {
    let with = |story: &str, expect: &[&str]| {
        check_story(&format!("a: admin\n a creates t 3 1000\n a alters? t 500\n{story}"), expect);
    };
    with("a describes t 3 1000\n a describes t 3 500", &[]);
    with("a describes t 3 500", &[]);
    with("a describes t 3 700", &["topic"]);
    with("node killed\n a describes t 3 500\n a describes t 3 500", &[]);
    with("node killed\n a describes t 3 1000\n a describes t 3 500", &["topic"]);
    with("a deletes? t\n a describes t absent\n a creates t 1 7\n node killed\n a describes t 1 500", &[]);
    with("a grows? t 4\n a grows? t 5\n node killed\n a describes t 5 500", &[]);
}

#[test]
fn a_sound_node_is_quiet_answers_and_does_not_grow() {
    check_story("node said thread panicked", &["unsound"]);
    check_story("node gone", &["unsound"]);
    check_story("node killed\n node terminated", &[]);
    check_story("overdue the node was not ready", &["overdue"]);
    check_story("p: idempotent\n p sends t 0+2\n p gaveup 0+2", &["gave up"]);
    check_story("p: idempotent\n p fatal", &["gave up"]);
    check_story("node size 100 200\n node size 290 450", &[]);
    check_story("node size 100 200\n node size 299 450", &["growth"]);
    check_story("node size 100 200\n node size 100 550", &["growth"]);
    let up = "node spawned\n node ready\n p: plain acks=1\n p sends t 0+9\n p acked t-0@0 0+1";
    check_story(&format!("{up}\n wait 18\n p acked t-0@1 1+1"), &[]);
    check_story(&format!("{up}\n wait 25\n p acked t-0@1 1+1"), &["overdue"]);
    check_story(&format!("{up}\n node paused\n wait 25\n node resumed\n p acked t-0@1 1+1"), &[]);
    check_story(&format!("{up}\n node killed\n wait 25\n node ready\n p acked t-0@1 1+1"), &[]);
    check_story(&format!("{up}\n p leaves\n wait 25\n node killed"), &[]);
    // acks=0 is no sign of life.
    check_story(
        &format!("{up}\n z: plain acks=0\n wait 15\n z acked t-0@-1 0+1\n wait 15\n node killed"),
        &["overdue"],
    );
}

#[test]
fn a_summary_counts() {
    let story = format!(
        "node spawned\n node ready\n{SENT}\n m commits g t-0=3\n node killed\n node spawned\n node ready\n q sends t 3+1
         q acked t-0@6 3+1\n r reads t-0@0 p:0+3 q:0+3\n node paused\n p dies\n a empties? t-0 3\n node terminated"
    );
    let summary = summarise(&events(&story));
    assert_eq!((summary.sent, summary.acknowledged, summary.read), (7, 7, 6));
    assert_eq!((summary.commits, summary.unknown, summary.client_deaths, summary.pauses), (1, 1, 1, 1));
    assert_eq!((summary.killed, summary.terminated), (1, 1));
    assert_eq!(summary.first_acknowledgements, [3_000_000]);
    assert_eq!(summary.longest_outage, (7_000_000, "q".to_owned()));
    let told = summary.to_string();
    let row = told.lines().find(|line| line.contains("first acknowledgement, median")).unwrap();
    assert!(row.ends_with(" 3000 ms"), "{told}");
}

mod properties {
    //! A sound log, whatever happens to acknowledgements, is found sound; without one acknowledged record, never.

    use proptest::prelude::*;

    use super::*;

    /// Two idempotent producers and a plain one write batches to one partition in a random order; each batch is
    /// acknowledged, or its answer is lost; a plain one's may then be there twice.
    fn story(batches: &[(usize, u32, bool)], without: Option<usize>) -> (String, Vec<i64>) {
        let mut lines = "a: idempotent\nb: idempotent\nc: plain acks=1\nlast: last\n".to_owned();
        let (mut next, mut log, mut offset) = ([0_u64; 3], vec![], 0);
        let mut acknowledged = vec![];
        for &(producer, count, answered) in batches {
            let name = ["a", "b", "c"][producer];
            let first = next[producer];
            next[producer] += u64::from(count);
            lines += &format!("{name} sends t {first}+{count}\n");
            let times = if producer == 2 && !answered { 2 } else { 1 };
            for _ in 0..times {
                if answered {
                    lines += &format!("{name} acked t-0@{offset} {first}+{count}\n");
                    acknowledged.extend((0..i64::from(count)).map(|n| offset + n));
                }
                log.extend((0..u64::from(count)).map(|n| (name, first + n)));
                offset += i64::from(count);
            }
        }
        let lost = without.map(|n| acknowledged[n % acknowledged.len()]);
        if let Some(lost) = lost {
            log.remove(usize::try_from(lost).unwrap());
        }
        let records: Vec<String> = log.iter().map(|(name, n)| format!("{name}:{n}+1")).collect();
        lines += &format!("last bounds t-0=0..{}\nlast reads t-0@0 {}\n", log.len(), records.join(" "));
        (lines, acknowledged)
    }

    proptest! {
        #[test]
        fn a_sound_log_is_found_sound(
            batches in prop::collection::vec((0..3_usize, 1..5_u32, any::<bool>()), 1..40),
            pick in any::<usize>(),
        ) {
            let (sound, acknowledged) = story(&batches, None);
            prop_assert_eq!(check(&events(&sound)).len(), 0);
            if !acknowledged.is_empty() {
                let (unsound, _) = story(&batches, Some(pick));
                prop_assert!(!check(&events(&unsound)).is_empty());
            }
        }
    }
}
