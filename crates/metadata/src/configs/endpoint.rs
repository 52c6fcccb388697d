//! Addresses as properties write them: `host:port`, `NAME://host:port`, `id@host:port`.

use std::fmt;

/// `host:port`. An IPv6 address stands in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Host name or address, without brackets. Not empty.
    pub host: String,
    /// The port; 0 lets the system choose one where it is listened on.
    pub port: u16,
}

impl HostPort {
    /// Parses `host:port`.
    pub fn parse(text: &str) -> Option<HostPort> {
        let (host, port) = split_host_port(text)?;
        let port = u16::try_from(port).ok()?;
        if host.is_empty() { None } else { Some(HostPort { host: host.to_owned(), port }) }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(&self.host), self.port)
    }
}

/// One entry of `listeners` or `advertised.listeners`: `NAME://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name in capitals.
    pub name: String,
    /// Host name or address, without brackets. Empty: every interface.
    pub host: String,
    /// The port; 0 lets the system choose one.
    pub port: u16,
}

impl Endpoint {
    /// Parses `NAME://host:port`. The name ends at the last `://`, as in Kafka.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        let unparsable = || EndpointError::Unparsable(text.to_owned());
        let (name, address) = text.rsplit_once("://").ok_or_else(unparsable)?;
        let (host, port) = split_host_port(address).ok_or_else(unparsable)?;
        let port = u16::try_from(port).map_err(|_| EndpointError::Port(text.to_owned()))?;
        if name.is_empty() {
            return Err(unparsable());
        }
        Ok(Endpoint { name: name.to_uppercase(), host: host.to_owned(), port })
    }

    /// Whether clients can be told this address: it names a host.
    pub fn is_routable(&self) -> bool {
        !matches!(self.host.as_str(), "" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.name, bracketed(&self.host), self.port)
    }
}

/// One entry of `controller.quorum.voters`: `id@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// The node's id.
    pub id: i32,
    /// Where its controller listens.
    pub address: HostPort,
}

impl Voter {
    /// Parses `id@host:port`.
    pub fn parse(text: &str) -> Option<Voter> {
        let (id, address) = text.split_once('@')?;
        Some(Voter { id: id.parse().ok()?, address: HostPort::parse(address)? })
    }
}

/// Why an endpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not of the form.
    #[error("Unable to parse {0} to a broker endpoint")]
    Unparsable(String),
    /// The port is no port.
    #[error("the port of {0} is not between 0 and 65535")]
    Port(String),
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Host and port around the last colon; the brackets of an IPv6 address are dropped. The characters of the host are
/// those that Kafka lets pass: no underscore-free purism, but nothing that could be a path.
fn split_host_port(text: &str) -> Option<(&str, i64)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = port.strip_prefix('-').unwrap_or(port);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => host,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-%._:".contains(c);
    host.chars().all(allowed).then_some(())?;
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<(&str, &str, u16), &str>) {
        let got = Endpoint::parse(text).map_err(|e| e.to_string());
        let expect = expect
            .map(|(name, host, port)| Endpoint { name: name.to_owned(), host: host.to_owned(), port })
            .map_err(str::to_owned);
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn endpoints() {
        check("PLAINTEXT://127.0.0.1:9092", Ok(("PLAINTEXT", "127.0.0.1", 9092)));
        check("plaintext://:9092", Ok(("PLAINTEXT", "", 9092)));
        check("A_b://[::1]:0", Ok(("A_B", "::1", 0)));
        check("A://::1:9092", Ok(("A", "::1", 9092)));
        check("A://[fe80::1%eth0]:9092", Ok(("A", "fe80::1%eth0", 9092)));
        check("A://my_host.example-1.com:65535", Ok(("A", "my_host.example-1.com", 65535)));
        check("A://h", Err("Unable to parse A://h to a broker endpoint"));
        check("h:9092", Err("Unable to parse h:9092 to a broker endpoint"));
        check("A://[::1:9092", Err("Unable to parse A://[::1:9092 to a broker endpoint"));
        check("A://h/x:9092", Err("Unable to parse A://h/x:9092 to a broker endpoint"));
        check("A://h:x", Err("Unable to parse A://h:x to a broker endpoint"));
        check("://h:1", Err("Unable to parse ://h:1 to a broker endpoint"));
        check("A://h:65536", Err("the port of A://h:65536 is not between 0 and 65535"));
        check("A://h:-1", Err("the port of A://h:-1 is not between 0 and 65535"));
    }

    #[test]
    fn prints_what_it_parsed() {
        for text in ["A://h:1", "A://:9092", "A://[::1]:0"] {
            assert_eq!(Endpoint::parse(text).expect("parses").to_string(), text);
        }
        assert_eq!(HostPort::parse("[::1]:9644").expect("parses").to_string(), "[::1]:9644");
    }

    #[test]
    fn host_ports_and_voters() {
        assert_eq!(HostPort::parse("h:1"), Some(HostPort { host: "h".to_owned(), port: 1 }));
        for text in ["", "h", ":1", "h:", "h:65536", "h:-1", "a b:1"] {
            assert_eq!(HostPort::parse(text), None, "{text:?}");
        }
        let voter = Voter::parse("3@h:9093").expect("parses");
        assert_eq!((voter.id, voter.address.to_string().as_str()), (3, "h:9093"));
    }

    #[test]
    fn routable_addresses() {
        for (text, expect) in
            [("A://:1", false), ("A://0.0.0.0:1", false), ("A://[::]:1", false), ("A://h:1", true)]
        {
            assert_eq!(Endpoint::parse(text).expect("parses").is_routable(), expect, "{text}");
        }
    }
}
