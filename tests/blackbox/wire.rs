//! Raw requests: what no well-behaved client would send, and what one would, byte by byte.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use protocol::ApiKey;
use protocol::messages::{RequestHeader, ResponseHeader};
use protocol::wire::{Message, Reader, Writer};

use crate::node::DEADLINE;

pub(crate) struct Wire {
    stream: TcpStream,
    correlation_id: i32,
}

/// A received answer: the frame after its length.
#[derive(Debug)]
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, correlation_id: 0 }
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends as much as the other side takes before it closes.
    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Tells the other side that nothing more comes.
    pub(crate) fn end_sending(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// A whole request, length first.
    pub(crate) fn request<'m>(
        api: ApiKey,
        version: i16,
        correlation_id: i32,
        body: &impl Message<'m>,
    ) -> Vec<u8> {
        let mut w = Writer::new();
        let header = RequestHeader {
            request_api_key: api.key(),
            request_api_version: version,
            correlation_id,
            client_id: Some("blackbox".into()),
            ..RequestHeader::default()
        };
        header.encode(&mut w, api.request_header_version(version)).unwrap();
        body.encode(&mut w, version).unwrap();
        let body = w.into_bytes();
        [&(body.len() as u32).to_be_bytes()[..], &body].concat()
    }

    /// Sends without waiting; the correlation id.
    pub(crate) fn send<'m>(&mut self, api: ApiKey, version: i16, body: &impl Message<'m>) -> i32 {
        self.correlation_id += 1;
        let bytes = Self::request(api, version, self.correlation_id, body);
        self.send_bytes(&bytes);
        self.correlation_id
    }

    pub(crate) fn receive(&mut self) -> io::Result<Frame> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(Frame(frame))
    }

    /// Whether the other side closes without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Sends and decodes the answer.
    pub(crate) fn ask<'m, R: Message<'static>>(
        &mut self,
        api: ApiKey,
        version: i16,
        body: &impl Message<'m>,
    ) -> R {
        let id = self.send(api, version, body);
        let frame = self.receive().unwrap_or_else(|error| panic!("no answer to {api} {version}: {error}"));
        assert_eq!(frame.correlation_id(), id);
        frame.body(api, version)
    }
}

impl Frame {
    pub(crate) fn correlation_id(&self) -> i32 {
        i32::from_be_bytes(self.0[..4].try_into().unwrap())
    }

    /// The message, all of the frame. Borrows a frame that lives as long as the test run: tests are short.
    pub(crate) fn body<R: Message<'static>>(self, api: ApiKey, version: i16) -> R {
        let mut reader = Reader::new(self.0.leak());
        ResponseHeader::decode(&mut reader, api.response_header_version(version)).unwrap();
        let body = R::decode(&mut reader, version).unwrap();
        assert!(reader.remaining().is_empty(), "{api} {version}: bytes after the answer");
        body
    }
}
