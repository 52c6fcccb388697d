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

    pub(crate) fn request<'m>(api: ApiKey, version: i16, correlation_id: i32, body: &impl Message<'m>) -> Vec<u8> {
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
    pub(crate) fn ask<'m, R: for<'a> Message<'a>>(&mut self, api: ApiKey, version: i16, body: &impl Message<'m>) -> R {
        let id = self.send(api, version, body);
        let frame = self.receive().unwrap();
        assert_eq!(frame.correlation_id(), id);
        frame.body(api, version)
    }
}

impl Frame {
    pub(crate) fn correlation_id(&self) -> i32 {
        i32::from_be_bytes(self.0[..4].try_into().unwrap())
    }

    pub(crate) fn body<R: for<'a> Message<'a>>(&self, api: ApiKey, version: i16) -> R {
        let mut reader = Reader::new(&self.0);
        ResponseHeader::decode(&mut reader, api.response_header_version(version)).unwrap();
        R::decode(&mut reader, version).unwrap()
    }
}
