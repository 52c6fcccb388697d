//! Batches of offsets that are in one state, and how old and new ones become one list.

use std::collections::BTreeMap;

use protocol::Offset;

/// Offsets that share a delivery state and count, as `__share_group_state` and the persister's APIs have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateBatch {
    /// The first of them.
    pub first_offset: Offset,
    /// The last of them.
    pub last_offset: Offset,
    /// 0 available, 2 acknowledged, 3 archiving, 4 archived; the coordinator keeps whatever it is told.
    pub delivery_state: i8,
    /// How often they were delivered.
    pub delivery_count: i16,
}

impl StateBatch {
    /// Whether it is a range of offsets at all.
    pub(super) fn is_valid(&self) -> bool {
        self.first_offset >= Offset::ZERO
            && self.first_offset <= self.last_offset
            && self.last_offset < Offset(i64::MAX)
    }

    /// Of two that speak of one offset the greater is true: more deliveries are later, and of one delivery the states
    /// come in this order.
    fn priority(&self) -> (i16, i8) {
        (self.delivery_count, self.delivery_state)
    }
}

/// One list of them all: ascending, without overlaps, as few batches as can be, nothing below `start_offset`. Where they
/// contradict each other, the one with more deliveries counts, then the one with the higher state. What is no range of
/// offsets says nothing.
pub(super) fn combine(
    batches: impl IntoIterator<Item = StateBatch>,
    start_offset: Offset,
) -> Vec<StateBatch> {
    // Each offset at which a batch begins (+1) or is over (-1).
    let mut edges = Vec::new();
    for batch in batches.into_iter().filter(StateBatch::is_valid) {
        if batch.last_offset < start_offset {
            continue;
        }
        edges.push((batch.first_offset.max(start_offset), 1, batch.priority()));
        edges.push((batch.last_offset + 1, -1, batch.priority()));
    }
    edges.sort_unstable();
    let mut combined: Vec<StateBatch> = Vec::new();
    let mut open: BTreeMap<(i16, i8), i32> = BTreeMap::new();
    let mut from = Offset::ZERO;
    for (offset, change, priority) in edges {
        if offset > from
            && let Some((winner, _)) = open.last_key_value()
        {
            extend(&mut combined, from, offset + -1, *winner);
        }
        from = offset;
        let count = open.entry(priority).or_default();
        *count += change;
        if *count == 0 {
            open.remove(&priority);
        }
    }
    combined
}

fn extend(combined: &mut Vec<StateBatch>, first_offset: Offset, last_offset: Offset, winner: (i16, i8)) {
    match combined.last_mut() {
        Some(last) if last.last_offset + 1 == first_offset && last.priority() == winner => {
            last.last_offset = last_offset;
        }
        _ => combined.push(StateBatch {
            first_offset,
            last_offset,
            delivery_state: winner.1,
            delivery_count: winner.0,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batch((first, last, state, count): (i64, i64, i8, i16)) -> StateBatch {
        StateBatch {
            first_offset: Offset(first),
            last_offset: Offset(last),
            delivery_state: state,
            delivery_count: count,
        }
    }

    fn parse(text: &str) -> Vec<StateBatch> {
        let number = |text: &str| text.parse::<i64>().unwrap();
        text.split_whitespace()
            .map(|one| {
                let parts: Vec<i64> = one.split(['-', ':', 'x']).map(number).collect();
                batch((parts[0], parts[1], parts[2] as i8, parts[3] as i16))
            })
            .collect()
    }

    fn show(batches: &[StateBatch]) -> String {
        let one = |batch: &StateBatch| {
            let StateBatch { first_offset, last_offset, delivery_state, delivery_count } = batch;
            format!("{first_offset}-{last_offset}:{delivery_state}x{delivery_count}")
        };
        batches.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// Batches are `FIRST-LAST:STATExCOUNT`.
    #[track_caller]
    fn check(batches: &str, start: i64, expect: &str) {
        assert_eq!(show(&combine(parse(batches), Offset(start))), expect);
    }

    #[test]
    fn nothing_overlaps() {
        check("", 0, "");
        check("1-5:0x1", -1, "1-5:0x1");
        check("7-9:0x1 1-5:2x1", -1, "1-5:2x1 7-9:0x1");
    }

    #[test]
    fn what_is_equal_and_touches_is_one() {
        check("1-5:0x1 6-9:0x1", -1, "1-9:0x1");
        check("1-5:0x1 3-9:0x1", -1, "1-9:0x1");
        check("1-5:0x1 1-5:0x1", -1, "1-5:0x1");
        check("1-5:0x1 7-9:0x1", -1, "1-5:0x1 7-9:0x1");
        check("1-5:0x1 6-9:0x2", -1, "1-5:0x1 6-9:0x2");
    }

    #[test]
    fn more_deliveries_and_then_the_higher_state_win() {
        check("1-5:0x1 1-5:2x1", -1, "1-5:2x1");
        check("1-5:2x1 1-5:0x2", -1, "1-5:0x2");
        check("0-9:0x1 3-5:2x1", -1, "0-2:0x1 3-5:2x1 6-9:0x1");
        check("0-9:0x2 3-5:2x1", -1, "0-9:0x2");
        check("0-5:0x1 3-9:0x2", -1, "0-2:0x1 3-9:0x2");
        check("0-5:0x2 3-9:0x1", -1, "0-5:0x2 6-9:0x1");
        check("0-9:0x1 0-4:4x1 5-9:4x1", -1, "0-9:4x1");
    }

    #[test]
    fn what_is_no_range_says_nothing() {
        let last = StateBatch { last_offset: Offset(i64::MAX), ..batch((1, 1, 0, 1)) };
        assert_eq!(combine([last, batch((5, 4, 0, 1)), batch((-3, 4, 0, 1))], Offset(-1)), []);
    }

    #[test]
    fn nothing_is_left_below_the_start_offset() {
        check("0-4:2x1 5-9:0x1", 5, "5-9:0x1");
        check("0-9:0x1", 5, "5-9:0x1");
        check("0-9:0x1", 10, "");
        check("5-9:0x1 0-20:2x1", 8, "8-20:2x1");
    }

    proptest! {
        #[test]
        fn every_offset_has_the_state_of_the_model(
            batches in prop::collection::vec((0i64..40, 0i64..15, 0i8..5, 1i16..4), 0..12),
            start in -1i64..30,
        ) {
            let batches: Vec<StateBatch> =
                batches.into_iter().map(|(first, more, state, count)| batch((first, first + more, state, count))).collect();
            let combined = combine(batches.iter().copied(), Offset(start));
            let at = |all: &[StateBatch], offset: i64| {
                let has = |one: &&StateBatch| one.first_offset.0 <= offset && offset <= one.last_offset.0;
                all.iter().filter(has).map(StateBatch::priority).max()
            };
            for offset in 0..60 {
                let expect = if offset < start { None } else { at(&batches, offset) };
                prop_assert_eq!(at(&combined, offset), expect, "at {}", offset);
            }
            for pair in combined.windows(2) {
                prop_assert!(pair[0].last_offset < pair[1].first_offset);
                let touch = pair[0].last_offset + 1 == pair[1].first_offset;
                prop_assert!(!touch || pair[0].priority() != pair[1].priority());
            }
            prop_assert_eq!(combine(combined.iter().copied(), Offset(start)), combined);
        }
    }
}
