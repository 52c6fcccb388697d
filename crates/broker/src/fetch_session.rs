//! Incremental fetch sessions (KIP-227): what a client fetches is remembered, so that requests and answers carry only
//! what changed. A pure machine; its shell is the Fetch handler.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::{ErrorCode, Uuid};
use stdx::Now;

/// The session id that means "no session".
pub(crate) const NO_SESSION: i32 = 0;
/// The epoch of a full request that begins a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a full request that ends its session.
const FINAL_EPOCH: i32 = -1;

/// What names a partition in a fetch: by topic id from version 13 on, by name before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) topic_id: Uuid,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

/// What a client wants of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) fetch_offset: i64,
    pub(crate) max_bytes: i32,
    pub(crate) current_leader_epoch: i32,
    pub(crate) last_fetched_epoch: i32,
    pub(crate) log_start_offset: i64,
}

/// What an answer says of a partition, as far as it decides whether to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) error: ErrorCode,
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) has_records: bool,
    /// Something else that must be said, such as a diverging epoch.
    pub(crate) must_tell: bool,
}

/// A request as the machine sees it.
pub(crate) struct Asked {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    pub(crate) uses_topic_ids: bool,
    pub(crate) wanted: Vec<(Key, Want)>,
    pub(crate) forgotten: Vec<Key>,
}

/// What to fetch, and how to answer.
#[derive(Debug)]
pub(crate) struct Context {
    /// The session of the answer, 0 for none.
    pub(crate) session_id: i32,
    /// Whether the answer leaves out what has not changed.
    pub(crate) incremental: bool,
    pub(crate) wanted: Vec<(Key, Want)>,
}

struct Cached {
    key: Key,
    want: Want,
    high_watermark: i64,
    log_start_offset: i64,
}

struct Session {
    next_epoch: i32,
    uses_topic_ids: bool,
    created: Now,
    last_used: Now,
    /// By turn: a partition that gave records goes to the end, so that a full answer does not starve the others.
    by_turn: BTreeMap<u64, Cached>,
    turns: BTreeMap<Key, u64>,
    next_turn: u64,
}

impl Session {
    fn want(&mut self, key: Key, want: Want) {
        match self.turns.get(&key).and_then(|turn| self.by_turn.get_mut(turn)) {
            Some(cached) => cached.want = want,
            None => {
                self.turns.insert(key.clone(), self.next_turn);
                self.by_turn
                    .insert(self.next_turn, Cached { key, want, high_watermark: -1, log_start_offset: -1 });
                self.next_turn += 1;
            }
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some(turn) = self.turns.remove(key) {
            self.by_turn.remove(&turn);
        }
    }

    /// Remembers what is told of a partition; whether it is worth telling.
    fn tell(&mut self, key: &Key, told: Told) -> bool {
        let Some(turn) = self.turns.get(key).copied() else { return true };
        let Some(cached) = self.by_turn.get_mut(&turn) else { return true };
        let changed = told.has_records
            || told.must_tell
            || !told.error.is_none()
            || cached.high_watermark != told.high_watermark
            || cached.log_start_offset != told.log_start_offset;
        // After an error the next answer tells everything again.
        cached.high_watermark = if told.error.is_none() { told.high_watermark } else { -1 };
        cached.log_start_offset = told.log_start_offset;
        if told.has_records
            && let Some(cached) = self.by_turn.remove(&turn)
        {
            self.turns.insert(key.clone(), self.next_turn);
            self.by_turn.insert(self.next_turn, cached);
            self.next_turn += 1;
        }
        changed
    }
}

/// All sessions of a node, at most `slots` (`max.incremental.fetch.session.cache.slots`).
pub(crate) struct FetchSessions {
    slots: usize,
    sessions: BTreeMap<i32, Session>,
}

/// A session unused for so long gives way to a new one.
const EVICTION_MS: u64 = 120_000;

impl FetchSessions {
    pub(crate) const fn new(slots: usize) -> Self {
        Self { slots, sessions: BTreeMap::new() }
    }

    /// Takes a request. `random` proposes the id of a new session.
    pub(crate) fn begin(&mut self, now: Now, asked: Asked, random: u32) -> Result<Context, ErrorCode> {
        match asked.session_epoch {
            FINAL_EPOCH | INITIAL_EPOCH => {
                self.sessions.remove(&asked.session_id);
                let begins = asked.session_epoch == INITIAL_EPOCH && !asked.wanted.is_empty();
                let session_id = if begins { self.create(now, &asked, random) } else { NO_SESSION };
                Ok(Context { session_id, incremental: false, wanted: asked.wanted })
            }
            epoch => self.go_on(now, epoch, asked),
        }
    }

    fn go_on(&mut self, now: Now, epoch: i32, asked: Asked) -> Result<Context, ErrorCode> {
        let session = self.sessions.get_mut(&asked.session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if session.uses_topic_ids != asked.uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        if session.next_epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        for (key, want) in asked.wanted {
            session.want(key, want);
        }
        for key in &asked.forgotten {
            session.forget(key);
        }
        session.last_used = now;
        session.next_epoch = epoch.checked_add(1).unwrap_or(1);
        let wanted = session.by_turn.values().map(|cached| (cached.key.clone(), cached.want)).collect();
        if session.by_turn.is_empty() {
            self.sessions.remove(&asked.session_id);
            return Ok(Context { session_id: NO_SESSION, incremental: false, wanted });
        }
        Ok(Context { session_id: asked.session_id, incremental: true, wanted })
    }

    fn create(&mut self, now: Now, asked: &Asked, random: u32) -> i32 {
        if self.sessions.len() >= self.slots && !self.evict(now) {
            return NO_SESSION;
        }
        let mut id = (random & 0x7fff_ffff) as i32;
        while id == NO_SESSION || self.sessions.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(1);
        }
        let mut session = Session {
            next_epoch: 1,
            uses_topic_ids: asked.uses_topic_ids,
            created: now,
            last_used: now,
            by_turn: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
        };
        for (key, want) in &asked.wanted {
            session.want(key.clone(), *want);
        }
        self.sessions.insert(id, session);
        id
    }

    /// Makes room by dropping the session that was unused longest, if that is long enough.
    fn evict(&mut self, now: Now) -> bool {
        let oldest = self
            .sessions
            .iter()
            .min_by_key(|(_, s)| (s.last_used, s.created))
            .map(|(id, s)| (*id, s.last_used));
        match oldest {
            Some((id, used)) if now.monotonic_ms.saturating_sub(used.monotonic_ms) > EVICTION_MS => {
                self.sessions.remove(&id);
                true
            }
            _ => false,
        }
    }

    /// Filters an answer: for each partition told, whether the answer carries it.
    pub(crate) fn finish<'k>(
        &mut self,
        context: &Context,
        told: impl Iterator<Item = (&'k Key, Told)>,
    ) -> Vec<bool> {
        let mut session = self.sessions.get_mut(&context.session_id);
        told.map(|(key, told)| {
            let changed = session.as_mut().is_none_or(|session| session.tell(key, told));
            changed || !context.incremental
        })
        .collect()
    }

    /// How many sessions there are, and how many partitions they hold.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.sessions.len(), self.sessions.values().map(|session| session.by_turn.len()).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(partition: i32) -> Key {
        Key { topic_id: Uuid::from_random(7), topic: "t".into(), partition }
    }

    fn want(fetch_offset: i64) -> Want {
        Want {
            fetch_offset,
            max_bytes: 100,
            current_leader_epoch: -1,
            last_fetched_epoch: -1,
            log_start_offset: -1,
        }
    }

    fn ask(session_id: i32, session_epoch: i32, partitions: &[i32]) -> Asked {
        let wanted = partitions.iter().map(|p| (key(*p), want(0))).collect();
        Asked { session_id, session_epoch, uses_topic_ids: true, wanted, forgotten: vec![] }
    }

    fn told(high_watermark: i64, has_records: bool) -> Told {
        Told { error: ErrorCode::None, high_watermark, log_start_offset: 0, has_records, must_tell: false }
    }

    const NOW: Now = Now::at_ms(1_000);

    #[test]
    fn a_session_tells_only_what_changed() {
        let mut sessions = FetchSessions::new(10);
        let context = sessions.begin(NOW, ask(0, 0, &[0, 1]), 42).unwrap();
        assert_eq!((context.session_id, context.incremental), (42, false));
        let (a, b) = (key(0), key(1));
        let answer = |s: &mut FetchSessions, c: &Context, first: Told, second: Told| {
            s.finish(c, [(&a, first), (&b, second)].into_iter())
        };
        assert_eq!(answer(&mut sessions, &context, told(5, true), told(0, false)), [true, true]);
        let context = sessions.begin(NOW, ask(42, 1, &[]), 0).unwrap();
        assert!(context.incremental);
        // The partition that gave records has gone to the end.
        assert_eq!(context.wanted.iter().map(|(k, _)| k.partition).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(answer(&mut sessions, &context, told(5, false), told(1, false)), [false, true]);
        let failed = Told { error: ErrorCode::NotLeaderOrFollower, ..told(5, false) };
        let context = sessions.begin(NOW, ask(42, 2, &[]), 0).unwrap();
        assert_eq!(answer(&mut sessions, &context, failed, told(1, false)), [true, false]);
        let context = sessions.begin(NOW, ask(42, 3, &[]), 0).unwrap();
        assert_eq!(
            answer(&mut sessions, &context, told(5, false), told(1, false)),
            [true, false],
            "told again after an error"
        );
    }

    #[test]
    fn refuses_what_does_not_fit_the_session() {
        let mut sessions = FetchSessions::new(10);
        assert_eq!(sessions.begin(NOW, ask(9, 1, &[]), 0).unwrap_err(), ErrorCode::FetchSessionIdNotFound);
        let id = sessions.begin(NOW, ask(0, 0, &[0]), 9).unwrap().session_id;
        assert_eq!(sessions.begin(NOW, ask(id, 2, &[]), 0).unwrap_err(), ErrorCode::InvalidFetchSessionEpoch);
        let by_name = Asked { uses_topic_ids: false, ..ask(id, 1, &[]) };
        assert_eq!(sessions.begin(NOW, by_name, 0).unwrap_err(), ErrorCode::FetchSessionTopicIdError);
    }

    #[test]
    fn forgetting_everything_ends_the_session() {
        let mut sessions = FetchSessions::new(10);
        let id = sessions.begin(NOW, ask(0, 0, &[0]), 9).unwrap().session_id;
        let context = sessions.begin(NOW, Asked { forgotten: vec![key(0)], ..ask(id, 1, &[]) }, 0).unwrap();
        assert_eq!((context.session_id, context.wanted.len()), (NO_SESSION, 0));
        assert_eq!(sessions.size(), (0, 0));
    }

    #[test]
    fn slots_are_bounded_and_the_stale_give_way() {
        let mut sessions = FetchSessions::new(1);
        assert_ne!(sessions.begin(NOW, ask(0, 0, &[0]), 1).unwrap().session_id, NO_SESSION);
        assert_eq!(sessions.begin(NOW, ask(0, 0, &[0]), 2).unwrap().session_id, NO_SESSION);
        let later = NOW.plus_ms(EVICTION_MS + 1);
        assert_eq!(sessions.begin(later, ask(0, 0, &[0]), 3).unwrap().session_id, 3);
    }

    #[test]
    fn a_final_epoch_closes_and_answers_in_full() {
        let mut sessions = FetchSessions::new(2);
        let id = sessions.begin(NOW, ask(0, 0, &[0]), 1).unwrap().session_id;
        let context = sessions.begin(NOW, ask(id, -1, &[0]), 1).unwrap();
        assert_eq!((context.session_id, context.incremental, sessions.size().0), (NO_SESSION, false, 0));
    }
}
