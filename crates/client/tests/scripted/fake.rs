//! A broker that says what a test tells it to: real sockets, Kafka's frames, no log behind them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use client::{Cluster, ClusterConfig};
use protocol::messages::api_versions_response::ApiVersion;
use protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use protocol::messages::{
    ApiVersionsResponse, InitProducerIdResponse, MetadataResponse, RequestHeader, ResponseHeader,
};
use protocol::wire::{Message, Reader, Writer};
use protocol::{ApiKey, Uuid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOPIC_ID: Uuid = Uuid([7; 16]);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) body: Vec<u8>,
    /// The broker's own address.
    pub(crate) at: SocketAddr,
}

impl Received {
    pub(crate) fn decode<'a, M: Message<'a>>(&'a self) -> M {
        M::decode(&mut Reader::new(&self.body), self.version).unwrap()
    }

    /// An answer at the request's version.
    pub(crate) fn answer<'a>(&self, message: &impl Message<'a>) -> Reply {
        self.answer_at(message, self.version)
    }

    pub(crate) fn answer_at<'a>(&self, message: &impl Message<'a>, version: i16) -> Reply {
        let mut w = Writer::new();
        message.encode(&mut w, version).unwrap();
        Reply::Body(w.into_bytes())
    }
}

/// What the broker does with a request.
pub(crate) enum Reply {
    /// Answers it, once all that came before is answered.
    Body(Vec<u8>),
    /// Answers with the wrong correlation id.
    Misaddressed,
    /// Sends these bytes as they are.
    Raw(Vec<u8>),
    /// Never answers.
    Silence,
    /// Keeps what was decided until the next request has come.
    Hold(Vec<u8>),
    /// Closes the connection.
    Close,
}

type Script = Box<dyn FnMut(&Received) -> Option<Reply> + Send>;

pub(crate) struct FakeBroker {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl FakeBroker {
    /// Starts a broker. `script` answers what it wants to; for the rest the broker is alone in its cluster and leads
    /// partition 0 of topic `t`.
    pub(crate) async fn start(script: impl FnMut(&Received) -> Option<Reply> + Send + 'static) -> Self {
        let script: Script = Box::new(script);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, address, script.clone(), seen.clone()));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn cluster(&self) -> Cluster {
        self.cluster_with(|_| {})
    }

    pub(crate) fn cluster_with(&self, edit: impl FnOnce(&mut ClusterConfig)) -> Cluster {
        let mut config = ClusterConfig::new(&self.address.to_string());
        config.retry_backoff = std::time::Duration::from_millis(1);
        config.retry_backoff_max = std::time::Duration::from_millis(5);
        edit(&mut config);
        Cluster::new(config).unwrap()
    }

    /// The order in which requests of these APIs came.
    pub(crate) fn order(&self, apis: &[ApiKey]) -> Vec<ApiKey> {
        self.requests.lock().unwrap().iter().map(|r| r.api).filter(|api| apis.contains(api)).collect()
    }

    /// What came of one API, in order.
    pub(crate) fn received(&self, api: ApiKey) -> Vec<Received> {
        self.requests.lock().unwrap().iter().filter(|r| r.api == api).cloned().collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    seen: Arc<Mutex<Vec<Received>>>,
) {
    let mut held = Vec::new();
    while let Ok(length) = socket.read_i32().await {
        let mut frame = vec![0; length as usize];
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        let (received, correlation_id) = parse(&frame, address);
        seen.lock().unwrap().push(received.clone());
        let scripted = script.lock().unwrap()(&received);
        let reply = scripted.unwrap_or_else(|| default_answer(&received));
        let mut out = std::mem::take(&mut held);
        match reply {
            Reply::Body(body) => out.extend(encode(&received, correlation_id, &body)),
            Reply::Misaddressed => out.extend(encode(&received, correlation_id + 1, &[])),
            Reply::Raw(bytes) => out.extend(bytes),
            Reply::Silence => {}
            Reply::Hold(body) => held = encode(&received, correlation_id, &body),
            Reply::Close => return,
        }
        if socket.write_all(&out).await.is_err() {
            return;
        }
    }
}

fn parse(frame: &[u8], at: SocketAddr) -> (Received, i32) {
    let mut head = Reader::new(frame);
    let api = ApiKey::from_key(head.i16().unwrap()).unwrap();
    let version = head.i16().unwrap();
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader, api.request_header_version(version)).unwrap();
    (Received { api, version, body: reader.remaining().to_vec(), at }, header.correlation_id)
}

fn encode(received: &Received, correlation_id: i32, body: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    let header = ResponseHeader { correlation_id, ..Default::default() };
    header.encode(&mut w, received.api.response_header_version(received.version)).unwrap();
    let head = w.into_bytes();
    let length = (head.len() + body.len()) as i32;
    [&length.to_be_bytes()[..], &head, body].concat()
}

fn default_answer(received: &Received) -> Reply {
    match received.api {
        ApiKey::ApiVersions => received.answer(&api_versions()),
        ApiKey::Metadata => received.answer(&metadata(received.at)),
        ApiKey::InitProducerId => received.answer(&InitProducerIdResponse {
            producer_id: 7,
            producer_epoch: 0,
            ..Default::default()
        }),
        api => panic!("no answer to {api}"),
    }
}

/// Every API in all of its stable versions.
pub(crate) fn api_versions() -> ApiVersionsResponse<'static> {
    let version = |api: &ApiKey| ApiVersion {
        api_key: api.key(),
        min_version: *api.stable_versions().start(),
        max_version: *api.stable_versions().end(),
        ..Default::default()
    };
    ApiVersionsResponse { api_keys: ApiKey::ALL.iter().map(version).collect(), ..Default::default() }
}

/// One broker, one topic `t`, one partition.
pub(crate) fn metadata(address: SocketAddr) -> MetadataResponse<'static> {
    let broker = MetadataResponseBroker {
        node_id: 1,
        host: address.ip().to_string().into(),
        port: i32::from(address.port()),
        ..Default::default()
    };
    let partition = MetadataResponsePartition {
        leader_id: 1,
        leader_epoch: 3,
        replica_nodes: vec![1],
        isr_nodes: vec![1],
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        topic_id: TOPIC_ID,
        partitions: vec![partition],
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        cluster_id: Some("fake".into()),
        controller_id: 1,
        topics: vec![topic],
        ..Default::default()
    }
}
