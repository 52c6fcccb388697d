//! One TCP connection to a broker.
//!
//! A task owns the socket. Callers hand it frames through a bounded queue; the broker answers in the order of the
//! requests, so what waits for an answer is a queue too. When anything goes wrong, all that waits fails and the
//! connection is over: opening another is the [`Cluster`](crate::Cluster)'s business.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader};
use protocol::records::Segment;
use protocol::wire::{Message as _, Reader, Writer};
use protocol::{ApiKey, ErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::versions::{ApiVersions, ours};
use crate::{Error, Request, Result};

/// How a connection behaves.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// What the broker's logs and quotas call us.
    pub client_id: Arc<str>,
    /// The patience for the TCP handshake, and again for the first answer.
    pub connect_timeout: Duration,
    /// The patience for an answer, where a call does not say otherwise.
    pub request_timeout: Duration,
    /// The largest answer that is read; more ends the connection.
    pub max_response_bytes: usize,
    /// Requests that wait for an answer; more wait for their turn.
    pub max_in_flight: usize,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            client_id: "millstream".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 128 << 20,
            max_in_flight: 64,
        }
    }
}

/// What a call may ask for.
#[derive(Clone, Copy, Debug)]
pub struct CallOptions {
    /// The highest version to use, where a higher one means something else.
    pub at_most: i16,
    /// The patience for the answer; the connection's if none.
    pub timeout: Option<Duration>,
}

impl Default for CallOptions {
    fn default() -> Self {
        Self { at_most: i16::MAX, timeout: None }
    }
}

/// A connection whose versions are negotiated. Dropping it closes the socket.
#[derive(Debug)]
pub struct Connection {
    broker: Arc<str>,
    versions: ApiVersions,
    config: ConnectionConfig,
    outbox: mpsc::Sender<Outgoing>,
    in_flight: Arc<Semaphore>,
    next_correlation_id: AtomicI32,
    end: Arc<End>,
}

/// How a connection ends: who wants it to, and why it did.
#[derive(Debug, Default)]
struct End {
    wanted: Notify,
    reason: OnceLock<Arc<str>>,
}

impl End {
    fn because(&self, reason: impl Into<Arc<str>>) {
        let _ = self.reason.set(reason.into());
        self.wanted.notify_one();
    }
}

#[derive(Debug)]
struct Outgoing {
    segments: Vec<Segment>,
    waiting: Waiting,
    /// False for a produce request with acks=0, which the broker never answers.
    answered: bool,
}

#[derive(Debug)]
struct Waiting {
    correlation_id: i32,
    answer: oneshot::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// The answer to a request: the frame, decoded on demand, so that what was decoded can borrow from it.
#[derive(Debug)]
pub struct Answer<R> {
    broker: Arc<str>,
    version: i16,
    frame: Bytes,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Answer<R> {
    /// The version that was spoken.
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// `host:port` of the broker that answered.
    pub const fn broker(&self) -> &Arc<str> {
        &self.broker
    }

    /// The response.
    pub fn decode(&self) -> Result<R::Response<'_>> {
        let malformed = |source| Error::Decode { broker: self.broker.clone(), api: R::API, source };
        let mut reader = Reader::new(&self.frame);
        ResponseHeader::decode(&mut reader, R::API.response_header_version(self.version))
            .map_err(malformed)?;
        R::Response::decode(&mut reader, self.version).map_err(malformed)
    }

    /// A part of the decoded response as bytes that outlive it, without a copy.
    pub fn share(&self, part: &[u8]) -> Bytes {
        self.frame.slice_ref(part)
    }
}

impl Connection {
    /// Connects to `host:port` and learns which versions the broker serves.
    pub async fn open(broker: &str, config: &ConnectionConfig) -> Result<Self> {
        let broker: Arc<str> = broker.into();
        let failed = |reason: String| Error::Connect { broker: broker.clone(), reason: reason.into() };
        let stream = tokio::time::timeout(config.connect_timeout, TcpStream::connect(&*broker))
            .await
            .map_err(|_| failed(format!("no connection within {} ms", config.connect_timeout.as_millis())))?
            .map_err(|error| failed(error.to_string()))?;
        // Requests are written whole, so waiting for more only delays them.
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;

        let (outbox, inbox) = mpsc::channel(config.max_in_flight.max(1));
        let end = Arc::new(End::default());
        tokio::spawn(run(stream, inbox, end.clone(), config.max_response_bytes));
        let mut connection = Self {
            broker,
            versions: ApiVersions::default(),
            config: config.clone(),
            outbox,
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.max(1))),
            next_correlation_id: AtomicI32::new(0),
            end,
        };
        connection.versions = connection.negotiate().await?;
        Ok(connection)
    }

    /// `host:port`.
    pub const fn broker(&self) -> &Arc<str> {
        &self.broker
    }

    /// What the broker serves.
    pub const fn versions(&self) -> &ApiVersions {
        &self.versions
    }

    /// Whether it is of no more use.
    pub fn is_closed(&self) -> bool {
        self.outbox.is_closed() || self.end.reason.get().is_some()
    }

    /// The version that a call would use.
    pub fn version(&self, api: ApiKey, at_most: i16) -> Result<i16> {
        self.versions.pick(api, at_most).ok_or_else(|| {
            let range = ours(api, at_most);
            Error::UnsupportedVersion {
                broker: self.broker.clone(),
                api,
                min: *range.start(),
                max: *range.end(),
                theirs: self.versions.get(api),
            }
        })
    }

    /// Sends a request and waits for its answer. Calls of one connection are sent in the order in which they are first
    /// polled, and do not wait for each other's answers.
    pub async fn call<R: Request>(&self, request: &R) -> Result<Answer<R>> {
        self.call_with(request, CallOptions::default()).await
    }

    /// [`Connection::call`] with a bound on the version or a patience of its own.
    pub async fn call_with<R: Request>(&self, request: &R, options: CallOptions) -> Result<Answer<R>> {
        let version = self.version(R::API, options.at_most)?;
        let timeout = options.timeout.unwrap_or(self.config.request_timeout);
        let frame = self.exchange(request, version, timeout, true).await?;
        Ok(Answer { broker: self.broker.clone(), version, frame, request: PhantomData })
    }

    /// Sends a request that the broker never answers; returns once it is on its way.
    pub async fn send_unanswered<R: Request>(&self, request: &R, options: CallOptions) -> Result<()> {
        let version = self.version(R::API, options.at_most)?;
        let timeout = options.timeout.unwrap_or(self.config.request_timeout);
        self.exchange(request, version, timeout, false).await.map(drop)
    }

    /// KIP-511: an ApiVersions request that is too new is answered in version 0, with error 35 and, from a broker of
    /// 2.4 or later, the versions of ApiVersions that it has.
    async fn negotiate(&self) -> Result<ApiVersions> {
        let request = ApiVersionsRequest {
            client_software_name: "millstream".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        let mut version = *ours(ApiKey::ApiVersions, i16::MAX).end();
        loop {
            let frame = self.exchange(&request, version, self.config.connect_timeout, true).await?;
            let malformed =
                |source| Error::Decode { broker: self.broker.clone(), api: ApiKey::ApiVersions, source };
            let mut reader = Reader::new(&frame);
            ResponseHeader::decode(&mut reader, 0).map_err(malformed)?;
            let refused = reader.clone().i16().map_err(malformed)? == ErrorCode::UnsupportedVersion.code();
            let spoken = if refused { 0 } else { version };
            let response = ApiVersionsResponse::decode(&mut reader, spoken).map_err(malformed)?;
            if refused && version > 0 {
                let theirs = ApiVersions::from_response(&response);
                version = theirs.pick(ApiKey::ApiVersions, version - 1).unwrap_or(0);
                continue;
            }
            Error::check("cannot negotiate versions", &self.broker, response.error_code, None)?;
            return Ok(ApiVersions::from_response(&response));
        }
    }

    async fn exchange<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
        answered: bool,
    ) -> Result<Bytes> {
        let exchange = async {
            let lost = || self.lost(R::API);
            let permit = self.in_flight.clone().acquire_owned().await.map_err(|_| lost())?;
            let correlation_id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed) & i32::MAX;
            let segments = self.encode(request, version, correlation_id)?;
            let (answer, answered_by) = oneshot::channel();
            let waiting = Waiting { correlation_id, answer, _permit: permit };
            self.outbox.send(Outgoing { segments, waiting, answered }).await.map_err(|_| lost())?;
            answered_by.await.map_err(|_| lost())
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_) => {
                // Later answers would queue behind the one that does not come.
                self.end.because(format!("no answer to {} within {} ms", R::API, timeout.as_millis()));
                Err(Error::Timeout { broker: self.broker.clone(), api: R::API, after: timeout })
            }
        }
    }

    fn encode<R: Request>(&self, request: &R, version: i16, correlation_id: i32) -> Result<Vec<Segment>> {
        let cannot = |source| Error::Encode { broker: self.broker.clone(), api: R::API, source };
        let header = RequestHeader {
            request_api_key: R::API.key(),
            request_api_version: version,
            correlation_id,
            client_id: Some((&*self.config.client_id).into()),
            ..Default::default()
        };
        let mut w = Writer::new();
        header.encode(&mut w, R::API.request_header_version(version)).map_err(cannot)?;
        request.encode(&mut w, version).map_err(cannot)?;
        Ok(w.into_frame())
    }

    fn lost(&self, api: ApiKey) -> Error {
        let reason = self.end.reason.get().cloned().unwrap_or_else(|| "the connection is closed".into());
        Error::Disconnected { broker: self.broker.clone(), api, reason }
    }
}

/// The connection's task: ends when the socket does, when the [`Connection`] is dropped, or when it is wanted.
/// What still waits fails by being dropped.
async fn run(stream: TcpStream, inbox: mpsc::Receiver<Outgoing>, end: Arc<End>, max_response_bytes: usize) {
    let (read, write) = stream.into_split();
    let waiting = Mutex::new(VecDeque::new());
    let reason = tokio::select! {
        reason = read_answers(read, &waiting, max_response_bytes) => reason,
        reason = write_requests(write, inbox, &waiting) => reason,
        () = end.wanted.notified() => return,
    };
    end.because(reason);
}

async fn write_requests(
    socket: OwnedWriteHalf,
    mut inbox: mpsc::Receiver<Outgoing>,
    waiting: &Mutex<VecDeque<Waiting>>,
) -> String {
    let mut socket = BufWriter::with_capacity(32 << 10, socket);
    while let Some(out) = inbox.recv().await {
        let unanswered = if out.answered {
            // Before it is written: the answer may be faster than we are.
            waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(out.waiting);
            None
        } else {
            Some(out.waiting)
        };
        for segment in &out.segments {
            let Segment::Bytes(bytes) = segment else {
                return "a request may not hold file ranges".to_owned();
            };
            if let Err(error) = socket.write_all(bytes).await {
                return error.to_string();
            }
        }
        if (inbox.is_empty() || unanswered.is_some())
            && let Err(error) = socket.flush().await
        {
            return error.to_string();
        }
        if let Some(done) = unanswered {
            let _ = done.answer.send(Bytes::new());
        }
    }
    "closed by this client".to_owned()
}

async fn read_answers(
    mut socket: OwnedReadHalf,
    waiting: &Mutex<VecDeque<Waiting>>,
    max_response_bytes: usize,
) -> String {
    loop {
        let frame = match read_frame(&mut socket, max_response_bytes).await {
            Ok(frame) => frame,
            Err(reason) => return reason,
        };
        let Some(head) = frame.first_chunk() else { return "an answer too short for a header".to_owned() };
        let found = i32::from_be_bytes(*head);
        let Some(next) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else {
            return format!("an answer ({found}) that nobody asked for");
        };
        if next.correlation_id != found {
            return format!("answer {found} where {} was due", next.correlation_id);
        }
        // Nobody may be waiting any more; that is theirs to decide.
        let _ = next.answer.send(frame);
    }
}

/// A frame without its length. Memory grows with the bytes that arrive, not with what the length promises.
async fn read_frame(socket: &mut OwnedReadHalf, max_bytes: usize) -> Result<Bytes, String> {
    let ended = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "closed by the broker".to_owned(),
        _ => error.to_string(),
    };
    let length = socket.read_i32().await.map_err(ended)?;
    let length = usize::try_from(length).map_err(|_| format!("an answer of {length} bytes"))?;
    if length > max_bytes {
        return Err(format!("an answer of {length} bytes is over the limit of {max_bytes}"));
    }
    const STEP_BYTES: usize = 1 << 20;
    let mut frame = BytesMut::with_capacity(length.min(STEP_BYTES));
    while frame.len() < length {
        let missing = length - frame.len();
        if frame.len() == frame.capacity() {
            frame.reserve(missing.min(frame.len()));
        }
        let mut rest = (&mut *socket).take(missing as u64);
        if rest.read_buf(&mut frame).await.map_err(ended)? == 0 {
            return Err("closed by the broker in the middle of an answer".to_owned());
        }
    }
    Ok(frame.freeze())
}
