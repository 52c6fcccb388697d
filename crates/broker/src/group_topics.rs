//! The topics as groups see them: the image, as requests see it.

use std::sync::Arc;

use coordinator::group::{Topic, Topics};
use metadata::ClusterImage;
use protocol::Uuid;

/// The topics of an image.
#[derive(Clone, Debug)]
pub(crate) struct ImageTopics(pub(crate) Arc<ClusterImage>);

fn seen(topic: &metadata::Topic) -> Topic<'_> {
    let partition_count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    Topic { name: &topic.name, id: topic.id, partition_count }
}

impl Topics for ImageTopics {
    fn version(&self) -> i64 {
        self.0.last_offset().map_or(-1, |offset| offset.get())
    }

    fn by_name(&self, name: &str) -> Option<Topic<'_>> {
        self.0.topic(name).map(|topic| seen(topic))
    }

    fn by_id(&self, id: Uuid) -> Option<Topic<'_>> {
        self.0.topic_by_id(id).map(|topic| seen(topic))
    }

    fn all(&self) -> Box<dyn Iterator<Item = Topic<'_>> + '_> {
        Box::new(self.0.topics_from("").map(|topic| seen(topic)))
    }

    fn racks(&self, id: Uuid, partition: i32) -> Vec<&str> {
        let partition = self.0.topic_by_id(id).and_then(|topic| topic.partitions.get(&partition));
        let replicas = partition.into_iter().flat_map(|partition| &partition.replicas);
        let mut racks: Vec<_> =
            replicas.filter_map(|replica| self.0.broker(*replica)?.rack.as_deref()).collect();
        racks.sort_unstable();
        racks
    }
}
