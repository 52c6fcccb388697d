//! Share sessions (KIP-932): which partitions a member fetches is remembered at each broker, so that requests and answers carry
//! only what has changed. A session lives as long as its connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::{ErrorCode, Uuid};

/// The epoch of the request that begins a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of the request that ends it.
const FINAL_EPOCH: i32 = -1;

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareSessionKey {
    /// The share group.
    pub group_id: Arc<str>,
    /// The member.
    pub member_id: Arc<str>,
}

/// A partition of a topic.
pub type TopicIdPartition = (Uuid, i32);

/// ShareFetch as a session sees it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// 0 begins a session, -1 ends it, others count.
    pub epoch: i32,
    /// Partitions to fetch from now on.
    pub wanted: &'a [TopicIdPartition],
    /// Partitions not to fetch any more.
    pub forgotten: &'a [TopicIdPartition],
    /// Whether the request acknowledges records.
    pub acknowledges: bool,
    /// Where it came from: a number that no other connection has had.
    pub connection: u64,
}

/// What a request is allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Fetch these partitions, in this order.
    Fetch(Vec<TopicIdPartition>),
    /// Acknowledge, and then [`close`](ShareSessions::close) the session.
    Final,
    /// Acknowledge.
    Acknowledge,
}

#[derive(Debug)]
struct Session {
    /// The epoch of the next request.
    epoch: i32,
    connection: u64,
    /// By turn: what gave records goes to the end.
    by_turn: BTreeMap<u64, TopicIdPartition>,
    partitions: BTreeMap<TopicIdPartition, Cached>,
    next_turn: u64,
}

#[derive(Debug)]
struct Cached {
    turn: u64,
    /// Whether the next answer speaks of it even if there is nothing to say.
    must_tell: bool,
}

/// All share sessions of a broker.
#[derive(Debug)]
pub struct ShareSessions {
    max_sessions: usize,
    sessions: BTreeMap<ShareSessionKey, Session>,
    by_connection: BTreeMap<u64, BTreeSet<ShareSessionKey>>,
}

impl Session {
    fn want(&mut self, partition: TopicIdPartition) {
        if self.partitions.contains_key(&partition) {
            return;
        }
        self.partitions.insert(partition, Cached { turn: self.next_turn, must_tell: true });
        self.by_turn.insert(self.next_turn, partition);
        self.next_turn += 1;
    }

    fn forget(&mut self, partition: &TopicIdPartition) {
        if let Some(cached) = self.partitions.remove(partition) {
            self.by_turn.remove(&cached.turn);
        }
    }

    /// The next request must have the next epoch.
    fn pass(&mut self, epoch: i32) -> Result<(), ErrorCode> {
        if self.epoch != epoch {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        self.epoch = next_epoch(epoch);
        Ok(())
    }

    /// All partitions by turn, beginning at another one each time.
    fn rotated(&self, epoch: i32) -> Vec<TopicIdPartition> {
        let mut all: Vec<TopicIdPartition> = self.by_turn.values().copied().collect();
        if !all.is_empty() {
            let by = usize::try_from(epoch).unwrap_or(0) % all.len();
            all.rotate_left(by);
        }
        all
    }
}

fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

impl ShareSessions {
    /// None yet; at most `group.share.max.share.sessions`.
    pub fn new(max_sessions: usize) -> Self {
        Self { max_sessions, sessions: BTreeMap::new(), by_connection: BTreeMap::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Whether a group has no session here: then its share-partitions need not be kept.
    pub fn group_is_empty(&self, group_id: &str) -> bool {
        let first = ShareSessionKey { group_id: group_id.into(), member_id: "".into() };
        let next = self.sessions.range(first..).next();
        next.is_none_or(|(key, _)| *key.group_id != *group_id)
    }

    /// ShareFetch. A request that begins a session ends the member's old one, and acknowledges nothing.
    pub fn fetch(&mut self, key: &ShareSessionKey, asked: Asked<'_>) -> Result<Granted, ErrorCode> {
        match asked.epoch {
            FINAL_EPOCH if self.sessions.contains_key(key) => return Ok(Granted::Final),
            INITIAL_EPOCH if asked.acknowledges => return Err(ErrorCode::InvalidRequest),
            INITIAL_EPOCH => {
                self.close(key);
                if self.sessions.len() >= self.max_sessions {
                    return Err(ErrorCode::ShareSessionLimitReached);
                }
                self.begin(key, asked.connection);
            }
            _ => {}
        }
        let session = self.sessions.get_mut(key).ok_or(ErrorCode::ShareSessionNotFound)?;
        session.pass(asked.epoch)?;
        asked.wanted.iter().for_each(|partition| session.want(*partition));
        asked.forgotten.iter().for_each(|partition| session.forget(partition));
        Ok(Granted::Fetch(session.rotated(asked.epoch)))
    }

    /// ShareAcknowledge: only in a session that there is.
    pub fn acknowledge(&mut self, key: &ShareSessionKey, epoch: i32) -> Result<Granted, ErrorCode> {
        if epoch == INITIAL_EPOCH {
            return Err(ErrorCode::InvalidShareSessionEpoch);
        }
        let session = self.sessions.get_mut(key).ok_or(ErrorCode::ShareSessionNotFound)?;
        if epoch == FINAL_EPOCH {
            return Ok(Granted::Final);
        }
        session.pass(epoch)?;
        Ok(Granted::Acknowledge)
    }

    /// Whether a fetch of this epoch may still be answered: not once a later request came, or the session was ended.
    pub fn may_answer(&self, key: &ShareSessionKey, epoch: i32) -> Result<(), ErrorCode> {
        let session = self.sessions.get(key).ok_or(ErrorCode::ShareSessionNotFound)?;
        if session.epoch == next_epoch(epoch) { Ok(()) } else { Err(ErrorCode::InvalidShareSessionEpoch) }
    }

    /// Whether an answer speaks of a partition, and that it does: of what is new to the session, of records, of errors, and
    /// of what had an error before.
    pub fn tell(
        &mut self,
        key: &ShareSessionKey,
        partition: TopicIdPartition,
        has_records: bool,
        error: ErrorCode,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return true };
        let Some(cached) = session.partitions.get_mut(&partition) else { return true };
        let tells = has_records || cached.must_tell || !error.is_none();
        cached.must_tell = !error.is_none();
        if has_records {
            session.by_turn.remove(&cached.turn);
            cached.turn = session.next_turn;
            session.by_turn.insert(cached.turn, partition);
            session.next_turn += 1;
        }
        tells
    }

    /// Ends a session. The partitions where the member may have records in its hands.
    pub fn close(&mut self, key: &ShareSessionKey) -> Option<Vec<TopicIdPartition>> {
        let session = self.sessions.remove(key)?;
        if let Some(keys) = self.by_connection.get_mut(&session.connection) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_connection.remove(&session.connection);
            }
        }
        Some(session.by_turn.into_values().collect())
    }

    /// A connection is gone, and with it its sessions: whose, and where they may have records in their hands.
    pub fn disconnected(&mut self, connection: u64) -> Vec<(ShareSessionKey, Vec<TopicIdPartition>)> {
        let keys = self.by_connection.remove(&connection).unwrap_or_default();
        let close = |key: ShareSessionKey| self.close(&key).map(|partitions| (key, partitions));
        keys.into_iter().filter_map(close).collect()
    }

    fn begin(&mut self, key: &ShareSessionKey, connection: u64) {
        let session = Session {
            epoch: INITIAL_EPOCH,
            connection,
            by_turn: BTreeMap::new(),
            partitions: BTreeMap::new(),
            next_turn: 0,
        };
        self.sessions.insert(key.clone(), session);
        self.by_connection.entry(connection).or_default().insert(key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ShareSessionKey {
        let (group_id, member_id) = text.split_once('/').unwrap();
        ShareSessionKey { group_id: group_id.into(), member_id: member_id.into() }
    }

    fn partitions(text: Option<&str>) -> Vec<TopicIdPartition> {
        let text = text.filter(|text| !text.is_empty());
        text.map_or(Vec::new(), |text| text.split(',').map(|it| (Uuid::ZERO, it.parse().unwrap())).collect())
    }

    fn show(partitions: &[TopicIdPartition]) -> String {
        partitions.iter().map(|(_, partition)| partition.to_string()).collect::<Vec<_>>().join(",")
    }

    fn run(sessions: &mut ShareSessions, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let number = |key: &str| option(key).map_or(0, |text| text.parse().unwrap());
        let epoch = number("epoch");
        let told = |granted| match granted {
            Ok(Granted::Fetch(partitions)) => format!("fetch {}", show(&partitions)).trim_end().to_owned(),
            Ok(Granted::Final) => "final".to_owned(),
            Ok(Granted::Acknowledge) => "ok".to_owned(),
            Err(error) => ErrorCode::name(error).to_owned(),
        };
        match words[0] {
            "fetch" => told(sessions.fetch(
                &key(words[1]),
                Asked {
                    epoch,
                    wanted: &partitions(option("want")),
                    forgotten: &partitions(option("forget")),
                    acknowledges: option("acks").is_some(),
                    connection: number("on") as u64,
                },
            )),
            "acknowledge" => told(sessions.acknowledge(&key(words[1]), epoch)),
            "answer" => match sessions.may_answer(&key(words[1]), epoch) {
                Ok(()) => "ok".to_owned(),
                Err(error) => error.name().to_owned(),
            },
            "tell" => {
                let error =
                    if option("error").is_some() { ErrorCode::NotLeaderOrFollower } else { ErrorCode::None };
                let partition = partitions(Some(words[2]))[0];
                sessions.tell(&key(words[1]), partition, option("records").is_some(), error).to_string()
            }
            "close" => sessions.close(&key(words[1])).map_or("none".to_owned(), |it| show(&it)),
            "disconnect" => {
                let one = |(key, partitions): (ShareSessionKey, Vec<TopicIdPartition>)| {
                    format!("{}/{}:{}", key.group_id, key.member_id, show(&partitions))
                };
                sessions.disconnected(number("on") as u64).into_iter().map(one).collect::<Vec<_>>().join(" ")
            }
            "empty" => sessions.group_is_empty(words[1]).to_string(),
            other => panic!("no command {other}"),
        }
    }

    /// Runs a script on a broker that has room for two sessions, and compares every answer.
    #[track_caller]
    fn check(script: &[(&str, &str)]) {
        let mut sessions = ShareSessions::new(2);
        for (step, (command, expect)) in script.iter().enumerate() {
            assert_eq!(run(&mut sessions, command), *expect, "step {step}: {command}");
            let known: usize = sessions.by_connection.values().map(BTreeSet::len).sum();
            assert_eq!(known, sessions.len());
        }
    }

    #[test]
    fn a_session_remembers_what_is_fetched() {
        check(&[
            ("fetch g/m epoch=0 want=0,1,2", "fetch 0,1,2"),
            ("fetch g/m epoch=1", "fetch 1,2,0"),
            ("fetch g/m epoch=2 want=3,0 forget=1,9", "fetch 3,0,2"),
            ("fetch g/m epoch=3 forget=0,2,3", "fetch"),
            ("close g/m", ""),
            ("close g/m", "none"),
        ]);
    }

    #[test]
    fn epochs_count_over_fetches_and_acknowledgements() {
        check(&[
            ("fetch g/m epoch=0 want=0", "fetch 0"),
            ("acknowledge g/m epoch=1", "ok"),
            ("fetch g/m epoch=1", "INVALID_SHARE_SESSION_EPOCH"),
            ("acknowledge g/m epoch=3", "INVALID_SHARE_SESSION_EPOCH"),
            ("acknowledge g/m epoch=0", "INVALID_SHARE_SESSION_EPOCH"),
            ("fetch g/m epoch=2", "fetch 0"),
            ("answer g/m epoch=2", "ok"),
            ("acknowledge g/m epoch=3", "ok"),
            ("answer g/m epoch=2", "INVALID_SHARE_SESSION_EPOCH"),
            ("fetch g/n epoch=1", "SHARE_SESSION_NOT_FOUND"),
            ("acknowledge g/n epoch=1", "SHARE_SESSION_NOT_FOUND"),
            ("answer g/n epoch=1", "SHARE_SESSION_NOT_FOUND"),
        ]);
        assert_eq!(next_epoch(i32::MAX), 1);
    }

    #[test]
    fn the_final_epoch_ends_it() {
        check(&[
            ("fetch g/m epoch=-1", "SHARE_SESSION_NOT_FOUND"),
            ("acknowledge g/m epoch=-1", "SHARE_SESSION_NOT_FOUND"),
            ("fetch g/m epoch=0 want=0", "fetch 0"),
            ("fetch g/m epoch=-1 acks=1", "final"),
            ("acknowledge g/m epoch=-1", "final"),
            ("close g/m", "0"),
            ("fetch g/m epoch=1", "SHARE_SESSION_NOT_FOUND"),
        ]);
    }

    #[test]
    fn who_begins_anew_has_one_session_and_acknowledges_nothing() {
        check(&[
            ("fetch g/m epoch=0 want=0 on=1", "fetch 0"),
            ("fetch g/m epoch=0 want=1 acks=1 on=1", "INVALID_REQUEST"),
            ("fetch g/m epoch=0 want=1 on=2", "fetch 1"),
            ("disconnect on=1", ""),
            ("fetch g/m epoch=1", "fetch 1"),
            ("disconnect on=2", "g/m:1"),
            ("disconnect on=2", ""),
        ]);
    }

    #[test]
    fn there_is_room_for_so_many() {
        check(&[
            ("fetch g/m epoch=0 on=1", "fetch"),
            ("fetch h/m epoch=0 on=1", "fetch"),
            ("fetch g/n epoch=0 on=2", "SHARE_SESSION_LIMIT_REACHED"),
            ("fetch g/m epoch=0 on=1", "fetch"),
            ("empty g", "false"),
            ("empty i", "true"),
            ("disconnect on=1", "g/m: h/m:"),
            ("empty g", "true"),
            ("fetch g/n epoch=0 on=2", "fetch"),
        ]);
    }

    #[test]
    fn an_answer_speaks_of_what_is_new() {
        check(&[
            ("fetch g/m epoch=0 want=0,1", "fetch 0,1"),
            ("tell g/m 0", "true"),
            ("tell g/m 0", "false"),
            ("tell g/m 0 records=1", "true"),
            ("tell g/m 0 error=1", "true"),
            ("tell g/m 0", "true"),
            ("tell g/m 0", "false"),
            // What gave records comes after the others.
            ("fetch g/m epoch=1 want=2", "fetch 0,2,1"),
            ("close g/m", "1,0,2"),
        ]);
    }
}
