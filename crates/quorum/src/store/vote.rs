//! `quorum-state`: the term and the vote, in Kafka's JSON (`QuorumStateData`).
//!
//! Whether the one voted for became leader is not taken back at start: a node that starts is a follower until it is
//! elected again, in a new epoch. It is in the file for Kafka, which would go on as a candidate in the epoch of its vote.
//!
//! A file of version 0, of a quorum whose voters are configured and not recorded in the log, stays one: releases of Kafka
//! that know no other are to read it again.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use openraft::LeaderId;
use protocol::Uuid;
use serde::{Deserialize, Serialize};

use super::disk;
use crate::error::{Damage, Error};
use crate::types::{NodeId, Vote, broker_id, epoch_of};

const FILE_NAME: &str = "quorum-state";
const DATA_VERSION: i16 = 1;

/// Both versions of the schema: 0 has the voters, 1 the directory of the one voted for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QuorumStateData {
    leader_id: i32,
    leader_epoch: i32,
    voted_id: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voted_directory_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applied_offset: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current_voters: Option<Vec<CurrentVoter>>,
    #[serde(rename = "data_version")]
    data_version: i16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CurrentVoter {
    voter_id: i32,
}

/// The file, and the vote that it holds.
#[derive(Debug)]
pub(crate) struct VoteFile {
    path: PathBuf,
    vote: Option<Vote>,
    data_version: i16,
    voters: BTreeSet<NodeId>,
}

impl VoteFile {
    /// Reads the file of a log directory, if there is one.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE_NAME);
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, vote: None, data_version: DATA_VERSION, voters: BTreeSet::new() });
            }
            Err(e) => return Err(Error::io("read", &path)(e)),
        };
        let (vote, state) = parse(&json).map_err(|damage| Error::corrupt(&path, 0, damage))?;
        let voters = state.current_voters.unwrap_or_default();
        let voters = voters.iter().filter_map(|voter| NodeId::try_from(voter.voter_id).ok()).collect();
        Ok(Self { path, vote: Some(vote), data_version: state.data_version, voters })
    }

    /// The voters that a file of version 0 names.
    pub(crate) const fn voters(&self) -> &BTreeSet<NodeId> {
        &self.voters
    }

    /// The vote that was saved last.
    pub(crate) const fn vote(&self) -> Option<Vote> {
        self.vote
    }

    /// Takes the term of the log's last entry, where the file was lost and knows of an earlier one or of none.
    pub(crate) fn catch_up(&mut self, term: u64) {
        if self.vote.map_or(0, |vote| vote.leader_id.term) < term {
            tracing::warn!(path = %self.path.display(), term, "the vote is older than the log: taking the log's epoch");
            self.vote = Some(Vote { leader_id: LeaderId { term, voted_for: None }, committed: false });
        }
    }

    /// Saves a vote; it is on disk when this returns.
    pub(crate) fn save(&mut self, vote: Vote) -> Result<(), Error> {
        if self.vote == Some(vote) {
            return Ok(());
        }
        let voted_for = vote.leader_id.voted_for().map_or(-1, |id| broker_id(id).get());
        let state = QuorumStateData {
            leader_id: if vote.committed { voted_for } else { -1 },
            leader_epoch: epoch_of(vote.leader_id.term).get(),
            // Kafka forgets its vote once there is a leader.
            voted_id: if vote.committed { -1 } else { voted_for },
            voted_directory_id: (self.data_version > 0).then(|| Uuid::ZERO.to_string()),
            cluster_id: (self.data_version == 0).then(String::new),
            applied_offset: (self.data_version == 0).then_some(0),
            current_voters: (self.data_version == 0).then(|| {
                self.voters.iter().map(|id| CurrentVoter { voter_id: broker_id(*id).get() }).collect()
            }),
            data_version: self.data_version,
        };
        disk::replace(&self.path, |out| {
            serde_json::to_writer(&mut *out, &state)
                .map_err(std::io::Error::from)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(Error::io("write", &self.path))
        })?;
        self.vote = Some(vote);
        Ok(())
    }
}

fn parse(json: &[u8]) -> Result<(Vote, QuorumStateData), Damage> {
    let state: QuorumStateData = serde_json::from_slice(json).map_err(|e| Damage::Json(e.to_string()))?;
    if !(0..=DATA_VERSION).contains(&state.data_version) {
        return Err(Damage::Json(format!("data_version {} is not 0 or 1", state.data_version)));
    }
    let term = u64::try_from(state.leader_epoch).unwrap_or_default();
    // Kafka forgets its vote once there is a leader, which then stands for it.
    let voted = [state.voted_id, state.leader_id].into_iter().find_map(|id| NodeId::try_from(id).ok());
    Ok((Vote { leader_id: LeaderId { term, voted_for: voted }, committed: false }, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expect: Option<Vote>) {
        assert_eq!(parse(json.as_bytes()).ok().map(|(vote, _)| vote), expect, "{json}");
    }

    #[test]
    fn reads_what_kafka_writes() {
        check(
            r#"{"leaderId":1,"leaderEpoch":7,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}"#,
            Some(Vote::new(7, 1)),
        );
        check(
            r#"{"clusterId":"","leaderId":-1,"leaderEpoch":3,"votedId":2,"appliedOffset":0,"currentVoters":[],"data_version":0}"#,
            Some(Vote::new(3, 2)),
        );
        check(r#"{"leaderId":1,"leaderEpoch":7,"votedId":-1,"data_version":2}"#, None);
        check("", None);
    }

    #[test]
    fn a_vote_outlives_the_process() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(VoteFile::open(dir.path()).unwrap().vote(), None);
        VoteFile::open(dir.path()).unwrap().save(Vote::new_committed(9, 4)).unwrap();
        assert_eq!(VoteFile::open(dir.path()).unwrap().vote(), Some(Vote::new(9, 4)));
    }
}
