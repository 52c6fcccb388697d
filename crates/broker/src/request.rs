//! A request on its way through the node, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::BytesMut;
use protocol::messages::ResponseHeader;
use protocol::records::Segment;
use protocol::wire::{DecodeError, EncodeError, Message, Reader, Writer};
use protocol::{ApiKey, ErrorCode};
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit};

/// What is known of the connection a request came by.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Which connection: no other has had this number.
    pub(crate) connection: u64,
    /// The listener's name, such as `PLAINTEXT`.
    pub(crate) listener: Arc<str>,
    /// The address the client reached us by: what it is told where nothing is advertised.
    pub(crate) local: SocketAddr,
    /// The client's address.
    pub(crate) remote: SocketAddr,
    produce_turn: Mutex<()>,
}

impl Peer {
    pub(crate) fn new(listener: Arc<str>, local: SocketAddr, remote: SocketAddr) -> Self {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        Self { connection, listener, local, remote, produce_turn: Mutex::new(()) }
    }

    /// The turn to append what this connection produces. Waits for those that were polled before and have it still.
    pub(crate) async fn produce_turn(&self) -> MutexGuard<'_, ()> {
        match self.produce_turn.try_lock() {
            Ok(turn) => turn,
            // In the order of the first polls: a wait in between for the task's budget would lose the place.
            Err(_) => tokio::task::unconstrained(self.produce_turn.lock()).await,
        }
    }
}

/// One request: its header, decoded, and its whole frame.
pub(crate) struct Request {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: Box<str>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) received: Instant,
    pub(crate) frame: BytesMut,
    pub(crate) body_at: usize,
    /// The share of the request memory, held until the answer is on its way.
    pub(crate) memory: Option<OwnedSemaphorePermit>,
}

/// Why the wire cannot be talked to any further. The connection closes; nothing else notices.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    /// The frame is not a request.
    #[error("malformed request: {0}")]
    Decode(#[from] DecodeError),
    /// No such API is served.
    #[error("api key {0} is not served here")]
    UnknownApi(i16),
    /// The API is served, the version is not.
    #[error("{api} is not served at version {version}")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        version: i16,
    },
    /// The node stops before there is an answer.
    #[error("the node is stopping")]
    Stopping,
    /// The answer does not fit its own version: a defect of ours.
    #[error("the answer cannot be written: {0}")]
    Encode(#[from] EncodeError),
}

/// What goes back.
pub(crate) enum Answer {
    /// A frame.
    Frame(Vec<Segment>),
    /// Nothing: a produce with acks=0 that went well.
    Nothing,
    /// Nothing, and the connection closes: a produce with acks=0 that failed.
    Close(ErrorCode),
}

impl Request {
    /// Decodes the body.
    pub(crate) fn decode<'a, M: Message<'a>>(&'a self) -> Result<M, Malformed> {
        let mut reader = Reader::new(self.frame.get(self.body_at..).unwrap_or_default());
        Ok(M::decode(&mut reader, self.version)?)
    }

    /// Encodes the answer.
    pub(crate) fn answer<'m>(&self, message: &impl Message<'m>) -> Result<Answer, Malformed> {
        encode_answer(self.api, self.version, self.correlation_id, message)
    }
}

/// Encodes an answer at a version other than the request's: ApiVersions falls back to 0 (KIP-511).
pub(crate) fn encode_answer<'m>(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    message: &impl Message<'m>,
) -> Result<Answer, Malformed> {
    let mut writer = Writer::with_capacity(128);
    let header = ResponseHeader { correlation_id, ..ResponseHeader::default() };
    header.encode(&mut writer, api.response_header_version(version))?;
    message.encode(&mut writer, version)?;
    Ok(Answer::Frame(writer.into_frame()))
}
