//! Groups: list, describe, delete.

use protocol::messages::{
    ConsumerGroupDescribeRequest, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
};
use protocol::{ApiKey, ErrorCode, TopicPartition};

use super::Admin;
use crate::cluster::Purpose;
use crate::consumer::decode_assignment;
use crate::{Answer, Error, Request, Result};

/// A group as a broker lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// What its members speak: `consumer`, `connect`, ...; empty for a group of offsets only.
    pub protocol_type: String,
    /// Its state, such as `Stable`; empty from a broker older than 2.6.
    pub state: String,
    /// `classic`, `consumer`, `share`, `streams`; empty from a broker older than 3.8.
    pub group_type: String,
    /// The coordinator.
    pub coordinator: protocol::BrokerId,
}

/// A group in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGroup {
    /// Its id.
    pub group_id: String,
    /// Its state, such as `Stable`.
    pub state: String,
    /// `classic` or `consumer`.
    pub group_type: &'static str,
    /// What its members speak.
    pub protocol_type: String,
    /// The assignor that its members agreed on.
    pub assignor: String,
    /// `host:port` of the coordinator.
    pub coordinator: String,
    /// Its members, ascending by id.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The member's id.
    pub member_id: String,
    /// The instance id of a static member.
    pub group_instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// Its partitions, if the group is one of consumers.
    pub assignment: Vec<TopicPartition>,
}

impl Admin {
    /// One attempt at a group's coordinator.
    pub(super) async fn coordinator_call<R: Request>(&self, group: &str, request: &R) -> Result<Answer<R>> {
        self.cluster.coordinator(group, Purpose::Control).await?.call(request).await
    }

    /// All groups of all coordinators, ascending by id.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let metadata = self.metadata("cannot list groups", Some(&[])).await?;
        let mut groups = Vec::new();
        for &coordinator in metadata.brokers.keys() {
            let mut retry = self.cluster.retry("cannot list groups");
            loop {
                match self.list_groups_of(coordinator).await {
                    Ok(found) => break groups.extend(found),
                    Err(error) => retry.again(error).await?,
                }
            }
        }
        groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
        Ok(groups)
    }

    async fn list_groups_of(&self, coordinator: protocol::BrokerId) -> Result<Vec<GroupListing>> {
        let connection = self.cluster.broker(coordinator, Purpose::Control).await?;
        let answer = connection.call(&ListGroupsRequest::default()).await?;
        let response = answer.decode()?;
        Error::check("cannot list groups", answer.broker(), response.error_code, None)?;
        let listing = |g: &protocol::messages::list_groups_response::ListedGroup<'_>| GroupListing {
            group_id: g.group_id.to_string(),
            protocol_type: g.protocol_type.to_string(),
            state: g.group_state.to_string(),
            group_type: g.group_type.to_string(),
            coordinator,
        };
        Ok(response.groups.iter().map(listing).collect())
    }

    /// A group in detail, of the classic or the consumer protocol.
    pub async fn describe_group(&self, group: &str) -> Result<DescribedGroup> {
        let mut retry = self.cluster.retry(format!("cannot describe group '{group}'"));
        loop {
            let described = match self.describe_consumer(group).await {
                // Not of the consumer protocol, or a broker without it.
                Ok(None) => self.describe_classic(group).await,
                Ok(Some(described)) => Ok(described),
                Err(error) => Err(error),
            };
            match described {
                Ok(described) => return Ok(described),
                Err(error) => {
                    self.cluster.doubt_coordinator(group, &error);
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn describe_classic(&self, group: &str) -> Result<DescribedGroup> {
        let request = DescribeGroupsRequest { groups: vec![group.into()], ..Default::default() };
        let answer = self.coordinator_call(group, &request).await?;
        let response = answer.decode()?;
        let what = || format!("cannot describe group '{group}'");
        let missing = || Error::check(what(), answer.broker(), ErrorCode::GroupIdNotFound.code(), None);
        let Some(g) = response.groups.first() else {
            return Err(missing().err().unwrap_or(Error::Closed("group")));
        };
        Error::check(what(), answer.broker(), g.error_code, g.error_message.as_deref())?;
        // Before version 6 a group that does not exist was described as dead (KIP-1043).
        if g.group_state == "Dead" {
            missing()?;
        }
        let consumers = g.protocol_type == "consumer";
        let mut members: Vec<_> = g
            .members
            .iter()
            .map(|m| GroupMember {
                member_id: m.member_id.to_string(),
                group_instance_id: m.group_instance_id.as_deref().map(str::to_owned),
                client_id: m.client_id.to_string(),
                host: m.client_host.trim_start_matches('/').to_owned(),
                // Only consumers' bytes are known, and they are the members', not the broker's.
                assignment: if consumers {
                    decode_assignment(&m.member_assignment).unwrap_or_default()
                } else {
                    vec![]
                },
            })
            .collect();
        members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
        Ok(DescribedGroup {
            group_id: group.to_owned(),
            state: g.group_state.to_string(),
            group_type: "classic",
            protocol_type: g.protocol_type.to_string(),
            assignor: g.protocol_data.to_string(),
            coordinator: answer.broker().to_string(),
            members,
        })
    }

    async fn describe_consumer(&self, group: &str) -> Result<Option<DescribedGroup>> {
        let connection = self.cluster.coordinator(group, Purpose::Control).await?;
        if connection.version(ApiKey::ConsumerGroupDescribe, i16::MAX).is_err() {
            return Ok(None);
        }
        let request = ConsumerGroupDescribeRequest { group_ids: vec![group.into()], ..Default::default() };
        let answer = connection.call(&request).await?;
        let response = answer.decode()?;
        let Some(g) = response.groups.first() else { return Ok(None) };
        if matches!(
            ErrorCode::from_code(g.error_code),
            Some(ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion)
        ) {
            return Ok(None);
        }
        let what = format!("cannot describe group '{group}'");
        Error::check(what, answer.broker(), g.error_code, g.error_message.as_deref())?;
        let mut members: Vec<_> = g
            .members
            .iter()
            .map(|m| {
                let of = |t: &protocol::messages::consumer_group_describe_response::TopicPartitions<'_>| {
                    t.partitions.iter().map(|p| TopicPartition::new(&*t.topic_name, *p)).collect::<Vec<_>>()
                };
                GroupMember {
                    member_id: m.member_id.to_string(),
                    group_instance_id: m.instance_id.as_deref().map(str::to_owned),
                    client_id: m.client_id.to_string(),
                    host: m.client_host.trim_start_matches('/').to_owned(),
                    assignment: m.assignment.topic_partitions.iter().flat_map(of).collect(),
                }
            })
            .collect();
        members.sort_by(|a, b| a.member_id.cmp(&b.member_id));
        Ok(Some(DescribedGroup {
            group_id: group.to_owned(),
            state: g.group_state.to_string(),
            group_type: "consumer",
            protocol_type: "consumer".to_owned(),
            assignor: g.assignor_name.to_string(),
            coordinator: answer.broker().to_string(),
            members,
        }))
    }

    /// Deletes groups without members, with their offsets.
    pub async fn delete_groups(&self, groups: &[&str]) -> Vec<(String, Result<()>)> {
        let mut results = Vec::new();
        for group in groups {
            results.push(((*group).to_owned(), self.delete_group(group).await));
        }
        results
    }

    async fn delete_group(&self, group: &str) -> Result<()> {
        let what = format!("cannot delete group '{group}'");
        let mut retry = self.cluster.retry(what.as_str());
        let request = DeleteGroupsRequest { groups_names: vec![group.into()], ..Default::default() };
        loop {
            let attempt = async {
                let answer = self.coordinator_call(group, &request).await?;
                let response = answer.decode()?;
                response.results.iter().try_for_each(|r| {
                    Error::check(what.as_str(), answer.broker(), r.error_code, r.error_message.as_deref())
                })
            };
            let Err(error) = attempt.await else { return Ok(()) };
            self.cluster.doubt_coordinator(group, &error);
            retry.again(error).await?;
        }
    }
}
