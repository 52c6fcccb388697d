//! One connection, one task: reads frames, starts each request in the order of arrival, sends answers in that order.
//!
//! A handler is polled once as soon as its frame is read: what it does up to its first wait (append, enqueue) is
//! done in the order of the requests. Waiting happens afterwards, while the connection reads on.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use protocol::frame::{FrameBuffer, Next, RequestHead, read_header};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant as Deadline;

use super::limits::{Place, RequestMemory};
use super::send::send;
use crate::apis;
use crate::node::Node;
use crate::request::{Answer, Malformed, Peer, Request};

/// How many requests of one connection may be under way; a client that sends more waits for answers first.
const MAX_PIPELINED: usize = 64;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("closed by the client")]
    ByClient,
    #[error("closed by the client in the middle of a request")]
    Truncated,
    #[error("idle for longer than connections.max.idle.ms")]
    Idle,
    #[error("the node is stopping")]
    Stopping,
    #[error("a frame of {0} bytes: larger than socket.request.max.bytes")]
    FrameTooLarge(i32),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("produce with acks=0 failed: {0}")]
    ProduceWithoutAcks(protocol::ErrorCode),
    #[error("{0}")]
    Io(#[from] io::Error),
}

type Answering =
    Pin<Box<dyn Future<Output = (Result<Answer, Malformed>, Option<OwnedSemaphorePermit>)> + Send>>;

pub(super) struct Settings {
    pub(super) max_frame_bytes: usize,
    pub(super) max_idle: Duration,
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) node: Arc<Node>,
    pub(super) peer: Arc<Peer>,
    pub(super) memory: RequestMemory,
    pub(super) settings: Arc<Settings>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) _place: Place,
}

/// What happened first.
enum Event {
    Answered((Result<Answer, Malformed>, Option<OwnedSemaphorePermit>)),
    Readable,
    IdleCheck,
    Stop,
}

impl Connection {
    pub(super) async fn run(mut self) -> Ended {
        let mut buffer = FrameBuffer::default();
        let mut under_way: FuturesOrdered<Answering> = FuturesOrdered::new();
        let mut last_active = Instant::now();
        let idle = tokio::time::sleep(self.settings.max_idle);
        tokio::pin!(idle);
        loop {
            while under_way.len() < MAX_PIPELINED {
                match buffer.next(self.settings.max_frame_bytes) {
                    Next::Complete(length) => {
                        let permit = match self.room_for(length, &mut under_way).await {
                            Ok(Some(permit)) => permit,
                            Ok(None) => return Ended::Stopping,
                            Err(ended) => return ended,
                        };
                        let frame = buffer.take(length);
                        match self.begin(frame, permit).await {
                            Ok(answering) => under_way.push_back(answering),
                            Err(malformed) => return self.drain(under_way).await.unwrap_or(malformed.into()),
                        }
                    }
                    Next::TooLarge(length) => return Ended::FrameTooLarge(length),
                    Next::Partial(_) | Next::Nothing => break,
                }
            }
            let may_read = under_way.len() < MAX_PIPELINED;
            let event = tokio::select! {
                biased;
                Some(answered) = under_way.next(), if !under_way.is_empty() => Event::Answered(answered),
                _ = self.stop.changed() => Event::Stop,
                readable = self.stream.readable(), if may_read => match readable {
                    Ok(()) => Event::Readable,
                    Err(error) => return error.into(),
                },
                () = &mut idle => Event::IdleCheck,
            };
            match event {
                Event::Answered((answer, permit)) => {
                    if let Some(ended) = self.deliver(answer).await {
                        return ended;
                    }
                    drop(permit);
                    last_active = Instant::now();
                }
                Event::Readable => {
                    let bytes = buffer.reserve(self.settings.max_frame_bytes);
                    match self.stream.try_read_buf(bytes) {
                        Ok(0) if buffer.is_empty() => return Ended::ByClient,
                        Ok(0) => return Ended::Truncated,
                        Ok(_) => last_active = Instant::now(),
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => buffer.release_if_empty(),
                        Err(error) => return error.into(),
                    }
                }
                Event::IdleCheck => {
                    let quiet = last_active.elapsed();
                    if under_way.is_empty() && quiet >= self.settings.max_idle {
                        return Ended::Idle;
                    }
                    let from = if under_way.is_empty() { last_active } else { Instant::now() };
                    idle.as_mut().reset(Deadline::from_std(from + self.settings.max_idle));
                }
                Event::Stop => return Ended::Stopping,
            }
        }
    }

    /// Waits for request memory, answering meanwhile what this connection already asked: it may hold that memory.
    async fn room_for(
        &mut self,
        bytes: usize,
        under_way: &mut FuturesOrdered<Answering>,
    ) -> Result<Option<OwnedSemaphorePermit>, Ended> {
        if let Some(permit) = self.memory.try_reserve(bytes) {
            return Ok(Some(permit));
        }
        let memory = self.memory.clone();
        let reserve = memory.reserve(bytes);
        tokio::pin!(reserve);
        loop {
            tokio::select! {
                biased;
                permit = &mut reserve => return Ok(permit),
                Some((answer, permit)) = under_way.next(), if !under_way.is_empty() => {
                    if let Some(ended) = self.deliver(answer).await {
                        return Err(ended);
                    }
                    drop(permit);
                }
                _ = self.stop.changed() => return Ok(None),
            }
        }
    }

    /// Decodes the header, finds the API and runs its handler up to its first wait.
    async fn begin(&self, frame: BytesMut, memory: OwnedSemaphorePermit) -> Result<Answering, Malformed> {
        let head = RequestHead::read(&frame)?;
        let row = match apis::find(head.api_key, head.version) {
            Ok(row) => row,
            Err(apis::NotServed::ApiVersionsVersion) => {
                let answer = crate::handlers::api_versions::unsupported_version(head.correlation_id);
                return Ok(Box::pin(async move { (answer, None) }));
            }
            Err(apis::NotServed::Malformed(malformed)) => return Err(malformed),
        };
        let (body_at, client_id) = read_header(&frame, row.api, head.version)?;
        let request = Request {
            api: row.api,
            version: head.version,
            correlation_id: head.correlation_id,
            client_id,
            peer: Arc::clone(&self.peer),
            received: Instant::now(),
            frame,
            body_at,
            memory: Some(memory),
        };
        let mut answering: Answering = Box::pin((row.serve)(Arc::clone(&self.node), request));
        // The first poll fixes the order. A handler that is done already is kept as its result.
        let first = poll_fn(|context| Poll::Ready(answering.as_mut().poll(context))).await;
        Ok(match first {
            Poll::Ready(answered) => Box::pin(std::future::ready(answered)),
            Poll::Pending => answering,
        })
    }

    /// Sends one answer; `Some` where the connection ends with it.
    async fn deliver(&self, answer: Result<Answer, Malformed>) -> Option<Ended> {
        match answer {
            Ok(Answer::Frame(segments)) => {
                let mut stop = self.stop.clone();
                tokio::select! {
                    sent = send(&self.stream, segments) => sent.err().map(Ended::from),
                    () = tokio::time::sleep(self.settings.max_idle) => Some(Ended::Idle),
                    _ = stop.changed() => Some(Ended::Stopping),
                }
            }
            Ok(Answer::Nothing) => None,
            Ok(Answer::Close(error)) => Some(Ended::ProduceWithoutAcks(error)),
            Err(malformed) => Some(malformed.into()),
        }
    }

    /// Answers what was well formed before the connection closes on what was not.
    async fn drain(&self, mut under_way: FuturesOrdered<Answering>) -> Option<Ended> {
        while let Some((answer, _permit)) = under_way.next().await {
            if let Some(ended) = self.deliver(answer).await {
                return Some(ended);
            }
        }
        None
    }
}
