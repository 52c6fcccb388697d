//! The metadata machine: the controller decides, the loader replays, and what comes out is what the node carries out.
//!
//! The log of decisions is a list that never loses anything: the quorum has tests of its own.

use metadata::configs::{BrokerConfigs, TopicConfig};
use metadata::controller::activation_records;
use metadata::{ClusterDelta, ClusterImage, ConfigResource, Controller, MetadataLoader, Outcome};
use protocol::messages::BrokerRegistrationRequest;
use protocol::messages::broker_registration_request::{Feature, Listener};
use protocol::{BrokerId, MetadataRecord, Offset, Uuid};
use stdx::Random;

const CLUSTER_ID: &str = "q1Sh-9_ISia_zwGINzRvyQ";
/// The only node.
pub(crate) const NODE: BrokerId = BrokerId(1);

pub(crate) struct Cluster {
    controller: Controller,
    configs: BrokerConfigs,
    loader: MetadataLoader,
    log: Vec<MetadataRecord<'static>>,
}

impl Cluster {
    pub(crate) fn new(acks_all_fsync: bool) -> Self {
        let fsync = if acks_all_fsync { "true" } else { "false" };
        let properties =
            [("process.roles", "broker,controller"), ("node.id", "1"), ("millstream.acks.all.fsync", fsync)];
        let configs = BrokerConfigs::new(properties.into_iter().collect()).expect("good properties");
        let mut cluster = Self {
            controller: Controller::new(CLUSTER_ID.into(), configs.clone()),
            configs,
            loader: MetadataLoader::default(),
            log: Vec::new(),
        };
        cluster.append(activation_records(cluster.loader.image(), cluster.loader.in_transaction()));
        cluster
    }

    /// The image with all that is decided.
    pub(crate) fn image(&self) -> &ClusterImage {
        self.loader.image()
    }

    /// All records so far.
    pub(crate) fn log(&self) -> &[MetadataRecord<'static>] {
        &self.log
    }

    /// Decides, appends, replays; the answer.
    pub(crate) fn decide<R>(&mut self, decision: impl FnOnce(&Controller, &ClusterImage) -> Outcome<R>) -> R {
        let outcome = decision(&self.controller, self.loader.image());
        self.append(outcome.records);
        outcome.reply
    }

    fn append(&mut self, records: Vec<MetadataRecord<'static>>) {
        for record in records {
            let offset = Offset(self.log.len() as i64);
            self.loader.replay(offset, &record).expect("the image takes what its controller decides");
            self.log.push(record);
        }
    }

    /// What the node has not carried out yet.
    pub(crate) fn publish(&mut self) -> (ClusterImage, ClusterDelta) {
        self.loader.publish()
    }

    /// Everything anew, for a node that starts.
    pub(crate) fn publish_all(&mut self) -> (ClusterImage, ClusterDelta) {
        let image = self.loader.image().clone();
        self.loader = MetadataLoader::new(ClusterImage::default());
        self.loader.load_snapshot(image);
        self.loader.publish()
    }

    /// The node registers, as it does at each start.
    pub(crate) fn register_node(&mut self, random: &mut Random) {
        let request = BrokerRegistrationRequest {
            broker_id: NODE.get(),
            cluster_id: CLUSTER_ID.into(),
            incarnation_id: Uuid::from_random(random.next_u128()),
            listeners: vec![Listener {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
                ..Listener::default()
            }],
            features: features(),
            log_dirs: vec![Uuid::from_random(1)],
            ..BrokerRegistrationRequest::default()
        };
        let next_offset = self.log.len() as i64;
        let reply = self.decide(|controller, image| controller.register_broker(image, &request, next_offset));
        let unfenced =
            self.decide(|controller, image| controller.unfence_broker(image, NODE, reply.broker_epoch));
        unfenced.expect("a broker that has just registered is unfenced");
    }

    /// A topic's configuration in force.
    pub(crate) fn topic_config(&self, image: &ClusterImage, topic: &str) -> std::sync::Arc<TopicConfig> {
        let set = image.properties(&ConfigResource::topic(topic));
        TopicConfig::resolve(&self.configs, &set).expect("the controller admits no bad configuration")
    }
}

/// What the node speaks: everything that a new cluster is finalized at.
fn features() -> Vec<Feature<'static>> {
    let metadata_version = ("metadata.version", 7, 33);
    let served = metadata::Feature::served().map(|feature| (feature.name, 0, feature.latest));
    let features = [metadata_version].into_iter().chain(served);
    let features = features.map(|(name, min_supported_version, max_supported_version)| Feature {
        name: name.into(),
        min_supported_version,
        max_supported_version,
        ..Feature::default()
    });
    features.collect()
}
