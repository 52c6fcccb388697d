//! Control records of a metadata log and of a snapshot (KIP-595, KIP-630, KIP-853).
//!
//! What raft needs and Kafka's records have no place for travels in tagged fields, which Kafka's readers skip.

use std::collections::BTreeSet;

use protocol::Uuid;
use protocol::messages::leader_change_message::{self, LeaderChangeMessage};
use protocol::messages::voters_record::{self, VotersRecord};
use protocol::messages::{KRaftVersionRecord, SnapshotFooterRecord, SnapshotHeaderRecord};
use protocol::records::ControlType;
use protocol::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Writer};

use crate::error::Damage;
use crate::types::{Endpoint, LogId, Membership, NodeId, Voter, log_id};

/// The `kraft.version` of a quorum whose voters are in the log.
const KRAFT_VERSION_LEVEL: i16 = 1;

/// Tags beyond any that Kafka would come to use.
const TAG_MEMBERSHIP: u32 = 10_000;
const TAG_COVERS: u32 = 10_001;
const TAG_MEMBERSHIP_LOG_ID: u32 = 10_002;

/// A control record: its type and the encoded value.
pub(crate) struct Control {
    pub(crate) kind: ControlType,
    pub(crate) value: Vec<u8>,
}

impl Control {
    fn new<'a>(kind: ControlType, message: &impl Message<'a>) -> Result<Self, EncodeError> {
        let mut w = Writer::new();
        message.encode(&mut w, 0)?;
        Ok(Self { kind, value: w.into_bytes() })
    }
}

/// A new leader. Which voters granted it their vote is not kept by openraft: the leader's own stands there.
pub(crate) fn leader_change(leader: i32, voters: &BTreeSet<NodeId>) -> Result<Control, EncodeError> {
    let voter = |voter_id| leader_change_message::Voter { voter_id, ..Default::default() };
    Control::new(
        ControlType::LeaderChange,
        &LeaderChangeMessage {
            leader_id: leader,
            voters: voters.iter().map(|id| voter(kafka_id(*id))).collect(),
            granting_voters: vec![voter(leader)],
            ..Default::default()
        },
    )
}

pub(crate) fn kraft_version() -> Result<Control, EncodeError> {
    Control::new(
        ControlType::KRaftVersion,
        &KRaftVersionRecord { k_raft_version: KRAFT_VERSION_LEVEL, ..Default::default() },
    )
}

/// The voters that a new leader names.
pub(crate) fn read_leader_change(value: &[u8]) -> Result<BTreeSet<NodeId>, Damage> {
    let message = LeaderChangeMessage::decode(&mut Reader::new(value), 0)?;
    Ok(message.voters.iter().filter_map(|voter| NodeId::try_from(voter.voter_id).ok()).collect())
}

/// The voters of the newest configuration; `since` is where a snapshot has the membership from.
///
/// A joint configuration or one with learners cannot be said in Kafka's record, so it stands whole in a tagged field.
pub(crate) fn voters(membership: &Membership, since: Option<LogId>) -> Result<Control, EncodeError> {
    let newest = membership.get_joint_config().last().cloned().unwrap_or_default();
    let voters = newest.iter().map(|id| voter_record(*id, membership.get_node(id))).collect();
    let mut tags = TaggedFields::default();
    if membership.get_joint_config().len() > 1 || membership.learner_ids().next().is_some() {
        // The type has string keys and no floats: this cannot fail, and without it the voters alone stand.
        tags.push(TAG_MEMBERSHIP, &serde_json::to_vec(membership).unwrap_or_default());
    }
    if let Some(since) = since {
        tags.push(TAG_MEMBERSHIP_LOG_ID, &log_id_writer(since).into_bytes());
    }
    Control::new(
        ControlType::KRaftVoters,
        &VotersRecord { voters, unknown_tagged_fields: tags, ..Default::default() },
    )
}

fn voter_record(id: NodeId, node: Option<&Voter>) -> voters_record::Voter<'static> {
    let node = node.cloned().unwrap_or_default();
    voters_record::Voter {
        voter_id: kafka_id(id),
        voter_directory_id: Uuid(node.directory_id),
        endpoints: node
            .endpoints
            .into_iter()
            .map(|e| voters_record::Endpoint {
                name: e.name.into(),
                host: e.host.into(),
                port: e.port,
                ..Default::default()
            })
            .collect(),
        k_raft_version_feature: voters_record::KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: KRAFT_VERSION_LEVEL,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// The membership of a `VotersRecord`, and since which entry it holds where a snapshot says so.
pub(crate) fn read_voters(value: &[u8]) -> Result<(Membership, Option<LogId>), Damage> {
    let record = VotersRecord::decode(&mut Reader::new(value), 0)?;
    let mut since = None;
    let mut whole = None;
    for (tag, payload) in record.unknown_tagged_fields.iter() {
        match tag {
            TAG_MEMBERSHIP => {
                whole = Some(serde_json::from_slice(payload).map_err(|e| Damage::Json(e.to_string()))?);
            }
            TAG_MEMBERSHIP_LOG_ID => since = Some(read_log_id(&mut Reader::new(payload))?),
            _ => {}
        }
    }
    if let Some(whole) = whole {
        return Ok((whole, since));
    }
    let nodes: Vec<(NodeId, Voter)> = record
        .voters
        .iter()
        .map(|voter| {
            let endpoint = |e: &voters_record::Endpoint<'_>| Endpoint {
                name: e.name.clone().into_owned(),
                host: e.host.clone().into_owned(),
                port: e.port,
            };
            let endpoints = voter.endpoints.iter().map(endpoint).collect();
            (
                u64::try_from(voter.voter_id).unwrap_or_default(),
                Voter::new(voter.voter_directory_id, endpoints),
            )
        })
        .collect();
    let ids = nodes.iter().map(|(id, _)| *id).collect();
    Ok((Membership::new(vec![ids], nodes.into_iter().collect::<std::collections::BTreeMap<_, _>>()), since))
}

/// What the header of a snapshot says.
pub(crate) struct SnapshotHeader {
    /// The last entry that it covers, and the offset after its last record. Kafka's do not say: there the name does.
    pub(crate) covers: Option<(LogId, i64)>,
    /// When the last record was appended.
    pub(crate) last_timestamp_ms: i64,
}

pub(crate) fn snapshot_header(header: &SnapshotHeader) -> Result<Control, EncodeError> {
    let mut tags = TaggedFields::default();
    if let Some((last_log_id, end_offset)) = header.covers {
        let mut tag = log_id_writer(last_log_id);
        tag.i64(end_offset);
        tags.push(TAG_COVERS, &tag.into_bytes());
    }
    Control::new(
        ControlType::SnapshotHeader,
        &SnapshotHeaderRecord {
            last_contained_log_timestamp: header.last_timestamp_ms,
            unknown_tagged_fields: tags,
            ..Default::default()
        },
    )
}

pub(crate) fn read_snapshot_header(value: &[u8]) -> Result<SnapshotHeader, Damage> {
    let header = SnapshotHeaderRecord::decode(&mut Reader::new(value), 0)?;
    let mut covers = None;
    if let Some((_, payload)) = header.unknown_tagged_fields.iter().find(|(tag, _)| *tag == TAG_COVERS) {
        let mut r = Reader::new(payload);
        covers = Some((read_log_id(&mut r)?, r.i64()?));
    }
    Ok(SnapshotHeader { covers, last_timestamp_ms: header.last_contained_log_timestamp })
}

pub(crate) fn snapshot_footer() -> Result<Control, EncodeError> {
    Control::new(ControlType::SnapshotFooter, &SnapshotFooterRecord::default())
}

fn log_id_writer(id: LogId) -> Writer {
    let mut w = Writer::new();
    w.i32(crate::types::epoch_of(id.leader_id.term).get());
    w.i64(i64::try_from(id.index).unwrap_or(i64::MAX));
    w
}

fn read_log_id(r: &mut Reader<'_>) -> Result<LogId, DecodeError> {
    let (epoch, index) = (r.i32()?, r.i64()?);
    Ok(log_id(epoch, u64::try_from(index).unwrap_or_default()))
}

fn kafka_id(id: NodeId) -> i32 {
    crate::types::broker_id(id).get()
}
