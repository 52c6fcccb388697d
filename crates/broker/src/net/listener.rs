//! Accepting connections within the limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::connection::{Connection, Ended, Settings};
use super::limits::{ConnectionLimits, Refused, RequestMemory};
use crate::node::Node;
use crate::request::Peer;

/// A bound listener: the name people gave it and the socket.
pub(crate) struct Listener {
    pub(crate) name: Arc<str>,
    pub(crate) socket: TcpListener,
}

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Shared {
    limits: Arc<ConnectionLimits>,
    memory: RequestMemory,
    settings: Arc<Settings>,
}

impl Shared {
    pub(crate) fn new(
        limits: Arc<ConnectionLimits>,
        memory: RequestMemory,
        max_frame_bytes: usize,
        max_idle: Duration,
    ) -> Self {
        let settings = Arc::new(Settings { max_frame_bytes, max_idle });
        Self { limits, memory, settings }
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.limits.open()
    }
}

/// Accepts until the node stops.
pub(crate) async fn serve(
    listener: Listener,
    node: Arc<Node>,
    shared: Shared,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.socket.accept() => accepted,
            _ = stop.changed() => return,
        };
        match accepted {
            Ok((stream, remote)) => {
                let remote = canonical(remote);
                let place = match shared.limits.admit(remote.ip()) {
                    Ok(place) => place,
                    Err(refused) => {
                        let property = match refused {
                            Refused::Total => "max.connections",
                            Refused::PerIp => "max.connections.per.ip",
                        };
                        node.metrics().connections_refused.add(1);
                        tracing::warn!(%remote, listener = %listener.name, property, "connection refused: limit reached");
                        continue;
                    }
                };
                let Ok(local) = stream.local_addr().map(canonical) else { continue };
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%remote, %error, "connection ended before it began");
                    continue;
                }
                node.metrics().connections_opened.add(1);
                let peer = Arc::new(Peer::new(Arc::clone(&listener.name), local, remote));
                let connection = Connection {
                    stream,
                    node: Arc::clone(&node),
                    peer: Arc::clone(&peer),
                    memory: shared.memory.clone(),
                    settings: Arc::clone(&shared.settings),
                    stop: stop.clone(),
                    _place: place,
                };
                tokio::spawn(async move {
                    let node = Arc::clone(&connection.node);
                    let ended = connection.run().await;
                    node.share_partitions.disconnected(&node, peer.connection);
                    note_end(&peer, &ended);
                });
            }
            Err(error) => {
                // Out of file descriptors and the like: the listener stays, and tries again when there may be room.
                tracing::error!(listener = %listener.name, %error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// IPv4 clients of an IPv6 socket are known by their IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn note_end(peer: &Peer, ended: &Ended) {
    let (remote, listener) = (peer.remote, &peer.listener);
    match ended {
        Ended::ByClient | Ended::Stopping | Ended::Idle => {
            tracing::debug!(%remote, %listener, "connection ended: {ended}");
        }
        Ended::Io(error) if is_disconnect(error) => {
            tracing::debug!(%remote, %listener, "connection ended: {error}");
        }
        _ => tracing::warn!(%remote, %listener, "connection closed: {ended}"),
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | TimedOut)
}
