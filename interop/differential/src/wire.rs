//! One connection to one broker, and what it answers, as text: a line a field.

use std::fmt::Debug;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use protocol::ApiKey;
use protocol::messages::{RequestHeader, ResponseHeader};
use protocol::wire::{Message, Reader, Writer};

/// Longer than any answer takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A broker; each request has a connection of its own, so that one which closes it disturbs no other.
pub(crate) struct Broker {
    pub(crate) address: String,
}

impl Broker {
    fn exchange(&self, frame: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.write_all(&(frame.len() as u32).to_be_bytes())?;
        stream.write_all(frame)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// Asks, and decodes the answer; an error is how the broker refused to answer at all.
    pub(crate) fn ask<'q, R: Message<'static>>(
        &self,
        api: ApiKey,
        version: i16,
        request: &impl Message<'q>,
    ) -> Result<R, String> {
        let mut writer = Writer::new();
        let header = RequestHeader {
            request_api_key: api.key(),
            request_api_version: version,
            correlation_id: 1,
            client_id: Some("differential".into()),
            ..RequestHeader::default()
        };
        header
            .encode(&mut writer, api.request_header_version(version))
            .map_err(|e| format!("not sent: {e}"))?;
        request.encode(&mut writer, version).map_err(|e| format!("not sent: {e}"))?;
        let answer = self.exchange(&writer.into_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "closed".to_owned(),
            _ => format!("no answer: {error}"),
        })?;
        // Borrowed for as long as the program runs, which is short.
        let mut reader = Reader::new(answer.leak());
        ResponseHeader::decode(&mut reader, api.response_header_version(version))
            .and_then(|_| R::decode(&mut reader, version))
            .map_err(|error| format!("not decoded: {error}"))
    }
}

/// An answer as lines, one a field, without what is another at each broker.
pub(crate) fn lines(answer: &Result<impl Debug, String>) -> Vec<String> {
    let text = match answer {
        Ok(message) => format!("{message:#?}"),
        Err(refused) => refused.clone(),
    };
    let mut lines: Vec<String> = vec![];
    for line in text.lines().filter(|line| !line.contains("unknown_tagged_fields")) {
        // `Some(`, its value and `)` stand on lines of their own.
        match lines.last_mut() {
            Some(last)
                if last.ends_with("Some(") || last.ends_with("Borrowed(") || last.ends_with("Owned(") =>
            {
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    let own = |line: &String| OWN.iter().any(|name| line.trim_start().starts_with(&format!("{name}: ")));
    lines.retain(|line| !own(line));
    lines
}

/// Fields whose values belong to the broker that answers.
const OWN: &[&str] = &[
    "throttle_time_ms",
    "cluster_id",
    "port",
    "topic_id",
    "member_id",
    "finalized_features_epoch",
    "producer_id",
    "total_bytes",
    "usable_bytes",
    "log_dir",
];
