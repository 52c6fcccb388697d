//! OffsetFetch, api key 9, versions 1 to 10: the committed offsets of groups.
//!
//! 2: all topics, an error for the group. 3: throttling. 5: leader epochs. 6: flexible. 7: require_stable. 8: several
//! groups (KIP-709). 9: members of the new protocol (KIP-848). 10: topics by id. Topics that do not exist are answered
//! here, the rest is decided by `coordinator::group`.

use coordinator::group::{self, offset_fetch};
use protocol::ErrorCode;
use protocol::messages::OffsetFetchRequest;
use protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use protocol::messages::offset_fetch_response::{OffsetFetchResponsePartitions, OffsetFetchResponseTopics};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// The first version that names topics by id.
const TOPIC_IDS: i16 = 10;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: OffsetFetchRequest<'_> = request.decode()?;
    let mut answers = vec![];
    for mut group in offset_fetch::groups_of(request.version, &body) {
        let unknown = if request.version >= TOPIC_IDS { name_topics(node, &mut group) } else { vec![] };
        let asked =
            node.groups().ask(&group.group_id, group::Request::OffsetFetch(&group, body.require_stable));
        let Some(group::Response::OffsetFetch(mut answer)) = asked.answer().await else {
            return Err(Malformed::Stopping);
        };
        if request.version >= TOPIC_IDS {
            // "All topics" came back by name; offsets of topics that are gone have no id to be told by.
            let image = node.image();
            for topic in answer.topics.iter_mut().filter(|topic| topic.topic_id.is_zero()) {
                topic.topic_id = image.topic(&topic.name).map(|topic| topic.id).unwrap_or_default();
            }
            answer.topics.retain(|topic| !topic.topic_id.is_zero());
            answer.topics.extend(unknown);
        }
        answers.push(answer);
    }
    request.answer(&offset_fetch::response_of(request.version, &body, answers))
}

/// Fills in the names of topics asked for by id; takes out those that do not exist, and answers them.
fn name_topics(
    node: &Node,
    group: &mut OffsetFetchRequestGroup<'_>,
) -> Vec<OffsetFetchResponseTopics<'static>> {
    let image = node.image();
    let mut unknown = vec![];
    for topic in group.topics.iter_mut().flatten() {
        match image.topic_by_id(topic.topic_id) {
            Some(known) => topic.name = known.name.to_string().into(),
            None => unknown.push(OffsetFetchResponseTopics {
                topic_id: topic.topic_id,
                partitions: topic
                    .partition_indexes
                    .iter()
                    .map(|partition_index| OffsetFetchResponsePartitions {
                        partition_index: *partition_index,
                        committed_offset: -1,
                        committed_leader_epoch: -1,
                        metadata: Some("".into()),
                        error_code: ErrorCode::UnknownTopicId.code(),
                        ..OffsetFetchResponsePartitions::default()
                    })
                    .collect(),
                ..OffsetFetchResponseTopics::default()
            }),
        }
    }
    if let Some(topics) = &mut group.topics {
        topics.retain(|topic| !topic.name.is_empty());
    }
    unknown
}
