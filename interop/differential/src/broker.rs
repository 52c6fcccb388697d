//! Connections to one broker.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any answer takes.
const DEADLINE: Duration = Duration::from_secs(5);

/// How a broker answers one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Without the correlation id, which was right.
    Frame(Vec<u8>),
    Closed,
    Silent,
    Wrong(String),
}

/// A broker, and the connections that a script has to it.
pub(crate) struct Broker {
    pub(crate) address: String,
    connections: BTreeMap<String, TcpStream>,
    /// What a script kept from its answers.
    pub(crate) kept: BTreeMap<String, String>,
}

impl Broker {
    pub(crate) fn new(address: String) -> Self {
        Self { address, connections: BTreeMap::new(), kept: BTreeMap::new() }
    }

    /// Nothing of one script is left for the next.
    pub(crate) fn forget(&mut self) {
        self.connections.clear();
        self.kept.clear();
    }

    pub(crate) fn hang_up(&mut self, connection: &str) {
        self.connections.remove(connection);
    }

    /// A failure shows when the answer is read.
    pub(crate) fn send(&mut self, connection: &str, frame: &[u8]) -> io::Result<()> {
        if !self.connections.contains_key(connection) {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            self.connections.insert(connection.to_owned(), stream);
        }
        let Some(stream) = self.connections.get_mut(connection) else { return Ok(()) };
        let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
        bytes.extend(frame);
        stream.write_all(&bytes)
    }

    pub(crate) fn receive(&mut self, connection: &str, correlation_id: i32) -> Answer {
        let Some(stream) = self.connections.get_mut(connection) else { return Answer::Closed };
        let answer = receive(stream, correlation_id);
        if !matches!(answer, Answer::Frame(_)) {
            self.hang_up(connection);
        }
        answer
    }
}

fn receive(stream: &mut TcpStream, correlation_id: i32) -> Answer {
    let mut read = || -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        Ok(frame)
    };
    match read() {
        Ok(frame) => match frame.split_at_checked(4) {
            Some((id, rest)) if id == correlation_id.to_be_bytes() => Answer::Frame(rest.to_vec()),
            _ => Answer::Wrong("the correlation id of another request".to_owned()),
        },
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Answer::Silent,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Answer::Closed,
            _ => Answer::Wrong(error.to_string()),
        },
    }
}
