//! `millstream groups`.

use std::collections::BTreeMap;

use client::{Admin, DescribedGroup, Isolation, ListedOffset, OffsetSpec};
use protocol::TopicPartition;
use serde_json::{Value, json};

use super::output::{Output, count};
use super::topics::partitions_of;
use super::{Result, ToolError, open, report};
use crate::args::{GroupsArgs, GroupsCommand, ResetOffsets, TopicPartitions};

pub(super) async fn run(args: GroupsArgs) -> Result<()> {
    let (admin, output) = open(&args.common).await?;
    match args.command {
        GroupsCommand::List => list(&admin, &output).await,
        GroupsCommand::Describe { groups } => describe(&admin, &output, &groups).await,
        GroupsCommand::Delete { groups } => {
            let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
            let results = admin.delete_groups(&groups).await;
            for (group, _) in results.iter().filter(|(_, r)| r.is_ok()) {
                output.say(&format!("deleted group '{group}'"))?;
            }
            report(results)
        }
        GroupsCommand::ResetOffsets(args) => reset(&admin, &output, &args).await,
        GroupsCommand::DeleteOffsets { group, topics } => {
            let committed = admin.group_offsets(&group).await?;
            let mut partitions = Vec::new();
            for topic in &topics {
                // A topic that is deleted may still have offsets.
                let of_topic = committed.keys().filter(|p| *p.topic == *topic.topic);
                match &topic.partitions {
                    Some(some) => {
                        partitions.extend(some.iter().map(|p| TopicPartition::new(&*topic.topic, *p)));
                    }
                    None => partitions.extend(of_topic.cloned()),
                }
            }
            if partitions.is_empty() {
                let none = format!("group '{group}' has no committed offsets of these topics");
                return Err(client::Error::Invalid(none.into()).into());
            }
            let results = admin.delete_group_offsets(&group, &partitions).await?;
            for (partition, _) in results.iter().filter(|(_, r)| r.is_ok()) {
                output.say(&format!("deleted the offset of group '{group}' in {partition}"))?;
            }
            report(results)
        }
    }
}

async fn list(admin: &Admin, output: &Output) -> Result<()> {
    let groups = admin.list_groups().await?;
    let rows = groups.iter().map(|g| {
        let fields = [&g.group_id, &g.group_type, &g.protocol_type, &g.state].map(Clone::clone);
        let [id, kind, protocol, state] = fields;
        [id, kind, protocol, state, g.coordinator.to_string()]
    });
    let json = || {
        let group = |g: &client::GroupListing| {
            json!({
                "group": g.group_id, "type": g.group_type, "protocol": g.protocol_type, "state": g.state,
                "coordinator": g.coordinator.get(),
            })
        };
        groups.iter().map(group).collect()
    };
    Ok(output.print(["GROUP", "TYPE", "PROTOCOL", "STATE", "COORDINATOR"], rows, json)?)
}

/// A partition that a group reads or has read.
struct Progress {
    partition: TopicPartition,
    committed: Option<i64>,
    end: Option<i64>,
    member: Option<usize>,
}

impl Progress {
    fn lag(&self) -> Option<i64> {
        Some((self.end? - self.committed?).max(0))
    }
}

async fn describe(admin: &Admin, output: &Output, groups: &[String]) -> Result<()> {
    let (mut documents, mut failed) = (Vec::new(), Vec::new());
    for id in groups {
        let found = async {
            let group = admin.describe_group(id).await?;
            let progress = progress(admin, &group).await?;
            Ok((group, progress))
        };
        match found.await {
            Ok((group, progress)) if output.is_json() => documents.push(document(&group, &progress)),
            Ok((group, progress)) => print(output, &group, &progress)?,
            Err(error) => failed.push((id, Err(error))),
        }
    }
    if output.is_json() {
        output.document(&Value::Array(documents))?;
    }
    report(failed)
}

async fn progress(admin: &Admin, group: &DescribedGroup) -> client::Result<Vec<Progress>> {
    let committed = admin.group_offsets(&group.group_id).await?;
    let mut partitions: BTreeMap<TopicPartition, Option<usize>> =
        committed.keys().map(|p| (p.clone(), None)).collect();
    for (index, member) in group.members.iter().enumerate() {
        partitions.extend(member.assignment.iter().map(|p| (p.clone(), Some(index))));
    }
    let asked = partitions.keys().map(|p| (p.clone(), OffsetSpec::Latest)).collect();
    let ends = admin.list_offsets(&asked, Isolation::ReadUncommitted).await;
    let of = |(partition, member): (TopicPartition, Option<usize>)| Progress {
        committed: committed.get(&partition).map(|c| c.offset),
        // A topic that is gone has no end.
        end: ends.get(&partition).and_then(|e| e.as_ref().ok()).map(|e| e.offset),
        partition,
        member,
    };
    Ok(partitions.into_iter().map(of).collect())
}

fn print(output: &Output, group: &DescribedGroup, progress: &[Progress]) -> Result<()> {
    output.say(&format!(
        "group '{}': {} ({}{}), {}, coordinator {}",
        group.group_id,
        group.state,
        group.group_type,
        if group.assignor.is_empty() { String::new() } else { format!(", {}", group.assignor) },
        count(group.members.len(), "member", "members"),
        group.coordinator
    ))?;
    let number = |n: Option<i64>| n.map_or_else(String::new, |n| n.to_string());
    let mut rows: Vec<_> = progress
        .iter()
        .map(|p| {
            let member = p.member.and_then(|m| group.members.get(m));
            let text =
                |f: fn(&client::GroupMember) -> &str| member.map_or_else(String::new, |m| f(m).to_owned());
            [
                p.partition.topic.to_string(),
                p.partition.partition.to_string(),
                number(p.committed),
                number(p.end),
                number(p.lag()),
                text(|m| &m.member_id),
                text(|m| &m.host),
                text(|m| &m.client_id),
            ]
        })
        .collect();
    for member in group.members.iter().filter(|m| m.assignment.is_empty()) {
        let none = String::new;
        let (id, host, client) = (member.member_id.clone(), member.host.clone(), member.client_id.clone());
        rows.push([none(), none(), none(), none(), none(), id, host, client]);
    }
    let header = ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "HOST", "CLIENT"];
    Ok(output.table(header, rows)?)
}

fn document(group: &DescribedGroup, progress: &[Progress]) -> Value {
    let member = |m: &client::GroupMember| {
        let assignment: Vec<_> =
            m.assignment.iter().map(|p| json!({ "topic": &*p.topic, "partition": p.partition })).collect();
        json!({
            "member": m.member_id, "instance": m.group_instance_id, "client": m.client_id, "host": m.host,
            "assignment": assignment,
        })
    };
    let partition = |p: &Progress| {
        json!({
            "topic": &*p.partition.topic, "partition": p.partition.partition, "committed": p.committed,
            "end": p.end, "lag": p.lag(),
            "member": p.member.and_then(|m| group.members.get(m)).map(|m| m.member_id.as_str()),
        })
    };
    json!({
        "group": group.group_id, "state": group.state, "type": group.group_type,
        "protocol": group.protocol_type, "assignor": group.assignor, "coordinator": group.coordinator,
        "members": group.members.iter().map(member).collect::<Vec<_>>(),
        "partitions": progress.iter().map(partition).collect::<Vec<_>>(),
    })
}

type Offsets = BTreeMap<TopicPartition, i64>;

async fn reset(admin: &Admin, output: &Output, args: &ResetOffsets) -> Result<()> {
    let committed: Offsets =
        admin.group_offsets(&args.group).await?.into_iter().map(|(p, o)| (p, o.offset)).collect();
    let partitions = match args.all_topics {
        true => committed.keys().cloned().collect(),
        false => chosen(admin, &args.topics).await?,
    };
    if partitions.is_empty() {
        let none = format!("group '{}' has no committed offsets; name a topic", args.group);
        return Err(client::Error::Invalid(none.into()).into());
    }
    let earliest = ends(admin, &partitions, OffsetSpec::Earliest).await?;
    let latest = ends(admin, &partitions, OffsetSpec::Latest).await?;
    let at_time = match args.to_timestamp {
        Some(ms) => ends(admin, &partitions, OffsetSpec::Timestamp(ms)).await?,
        None => Offsets::new(),
    };
    let mut plan = Offsets::new();
    for p in &partitions {
        let (first, end) = (earliest.get(p).copied().unwrap_or(0), latest.get(p).copied().unwrap_or(0));
        let now = committed.get(p).copied();
        let target = target(args, now, first, end, at_time.get(p).copied());
        let target = target.ok_or_else(|| {
            ToolError::Usage(format!(
                "group '{}' has no committed offset in {p} to shift by; use --to-offset",
                args.group
            ))
        })?;
        plan.insert(p.clone(), target);
    }
    let mut failed = Vec::new();
    if args.execute {
        failed = admin.alter_group_offsets(&args.group, &plan).await?;
        failed.retain(|(_, result)| result.is_err());
        plan.retain(|p, _| !failed.iter().any(|(f, _)| f == p));
    }
    let rows = plan.iter().map(|(p, new)| {
        let old = committed.get(p).map_or_else(String::new, i64::to_string);
        [args.group.clone(), p.topic.to_string(), p.partition.to_string(), old, new.to_string()]
    });
    let json = || {
        let reset = |(p, new): (&TopicPartition, &i64)| {
            json!({
                "group": args.group, "topic": &*p.topic, "partition": p.partition, "old_offset": committed.get(p),
                "new_offset": new, "executed": args.execute,
            })
        };
        plan.iter().map(reset).collect()
    };
    output.print(["GROUP", "TOPIC", "PARTITION", "OLD-OFFSET", "NEW-OFFSET"], rows, json)?;
    if !args.execute {
        output.say("nothing is changed yet: add --execute to do it")?;
    }
    report(failed)
}

/// The offset to go to, always one that is there; none if there is nothing to shift.
fn target(args: &ResetOffsets, now: Option<i64>, first: i64, end: i64, at_time: Option<i64>) -> Option<i64> {
    let wanted = if args.to_earliest {
        first
    } else if args.to_latest {
        end
    } else if args.to_current {
        now.unwrap_or(end)
    } else if let Some(offset) = args.to_offset {
        offset
    } else if let Some(by) = args.shift_by {
        now?.saturating_add(by)
    } else {
        // No record is that young: all of them are done.
        at_time.filter(|o| *o >= 0).unwrap_or(end)
    };
    Some(wanted.clamp(first, end.max(first)))
}

async fn chosen(admin: &Admin, topics: &[TopicPartitions]) -> Result<Vec<TopicPartition>> {
    let mut partitions = Vec::new();
    for topic in topics {
        let all = partitions_of(admin, &topic.topic).await?;
        match &topic.partitions {
            None => partitions.extend(all),
            Some(some) => {
                if let Some(missing) = some.iter().find(|p| !all.iter().any(|a| a.partition == **p)) {
                    let text =
                        format!("topic '{}' has no partition {missing}; it has {}", topic.topic, all.len());
                    return Err(client::Error::Invalid(text.into()).into());
                }
                partitions.extend(some.iter().map(|p| TopicPartition::new(&*topic.topic, *p)));
            }
        }
    }
    Ok(partitions)
}

async fn ends(admin: &Admin, partitions: &[TopicPartition], spec: OffsetSpec) -> Result<Offsets> {
    let asked = partitions.iter().map(|p| (p.clone(), spec)).collect();
    let found = admin.list_offsets(&asked, Isolation::ReadUncommitted).await;
    let offset = |(p, found): (TopicPartition, client::Result<ListedOffset>)| Ok((p, found?.offset));
    found.into_iter().map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command, Tool};
    use clap::Parser;

    fn check(options: &str, now: Option<i64>, at_time: Option<i64>, expect: Option<i64>) {
        let line = format!("millstream groups reset-offsets g --topic t {options}");
        let Ok(Args { command: Command::Tool(Tool::Groups(groups)) }) = Args::try_parse_from(line.split(' '))
        else {
            panic!("{line}")
        };
        let GroupsCommand::ResetOffsets(args) = groups.command else { panic!("{line}") };
        assert_eq!(target(&args, now, 10, 100, at_time), expect, "{line}");
    }

    #[test]
    fn targets_stay_within_the_log() {
        check("--to-earliest", Some(50), None, Some(10));
        check("--to-latest", Some(50), None, Some(100));
        check("--to-current", Some(50), None, Some(50));
        check("--to-current", None, None, Some(100));
        check("--to-offset 70", None, None, Some(70));
        check("--to-offset 700", None, None, Some(100));
        check("--to-offset 7", None, None, Some(10));
        check("--shift-by -5", Some(50), None, Some(45));
        check("--shift-by -500", Some(50), None, Some(10));
        check("--shift-by 500", Some(50), None, Some(100));
        check("--shift-by 5", None, None, None);
        check("--to-timestamp 1", Some(50), Some(60), Some(60));
        check("--to-timestamp 1", Some(50), Some(-1), Some(100));
    }
}
