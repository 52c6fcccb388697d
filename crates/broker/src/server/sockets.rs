//! The sockets that the configuration asks for.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};

use super::StartError;
use crate::config::Config;

/// A listener for clients that is bound, and does not accept yet.
pub(super) struct Bound {
    pub(super) name: Arc<str>,
    pub(super) address: SocketAddr,
    pub(super) socket: TcpListener,
}

/// Binds what `listeners` says, but for those of controllers.
pub(super) fn bind_listeners(config: &Config) -> Result<Vec<Bound>, StartError> {
    let backlog = config.network.socket_listen_backlog_size;
    let for_clients = config.listeners.iter().filter(|listener| !listener.controller);
    for_clients
        .map(|listener| {
            let endpoint = &listener.endpoint;
            let bound = bind(&endpoint.host, endpoint.port, backlog);
            let bound = bound.and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (address, socket) = bound.map_err(|source| StartError::Bind {
                property: "listeners",
                value: endpoint.to_string(),
                source,
            })?;
            Ok(Bound { name: endpoint.name.as_str().into(), address, socket })
        })
        .collect()
}

/// Binds `admin.listener`, unless it is off.
pub(super) fn bind_admin(config: &Config) -> Result<Option<TcpListener>, StartError> {
    let Some(address) = &config.admin_listener else { return Ok(None) };
    let bound = bind(&address.host, address.port, 128);
    let value = format!("{}:{}", address.host, address.port);
    bound.map(Some).map_err(|source| StartError::Bind { property: "admin.listener", value, source })
}

/// An empty host is every address.
fn bind(host: &str, port: u16, backlog: u32) -> io::Result<TcpListener> {
    use std::net::ToSocketAddrs as _;
    let addresses: Vec<SocketAddr> = match host {
        "" => vec![SocketAddr::from(([0u16; 8], port)), SocketAddr::from(([0u8; 4], port))],
        host => (host, port).to_socket_addrs()?.collect(),
    };
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the host has no address");
    for address in addresses {
        let listen = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(backlog.max(1))
        };
        match listen() {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}
