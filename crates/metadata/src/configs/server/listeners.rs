//! `listeners`, `advertised.listeners`, and which of them is for whom.

use super::{BadProperty, bad};
use crate::configs::broker_configs::BrokerConfigs;
use crate::configs::endpoint::Endpoint;
use std::collections::BTreeMap;
use std::net::IpAddr;
use stdx::properties::split_list;

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    /// Neither encryption nor authentication.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL within TLS.
    SaslSsl,
}

impl SecurityProtocol {
    fn parse(name: &str) -> Option<SecurityProtocol> {
        match name.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => Some(SecurityProtocol::Plaintext),
            "SSL" => Some(SecurityProtocol::Ssl),
            "SASL_PLAINTEXT" => Some(SecurityProtocol::SaslPlaintext),
            "SASL_SSL" => Some(SecurityProtocol::SaslSsl),
            _ => None,
        }
    }
}

/// Where the node listens, and what it tells whom about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Name and address. An empty host is every interface.
    pub endpoint: Endpoint,
    /// What clients are told to connect to. `None`, or an empty host: the address that they came in by.
    pub advertised: Option<Endpoint>,
    /// What is spoken on it.
    pub security_protocol: SecurityProtocol,
    /// Whether it serves the controller, and not the broker.
    pub controller: bool,
}

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PROTOCOL_MAP: &str = "listener.security.protocol.map";
const CONTROLLER_NAMES: &str = "controller.listener.names";

pub(super) fn parse(c: &BrokerConfigs) -> Result<Vec<Listener>, BadProperty> {
    let endpoints = parse_endpoints(c, LISTENERS)?;
    check_ports(&endpoints).map_err(|reason| bad(c, LISTENERS, reason))?;
    let mut advertised = parse_endpoints(c, ADVERTISED)?;
    let controllers: Vec<String> = c.list(CONTROLLER_NAMES).iter().map(|name| name.to_uppercase()).collect();
    let protocols = security_protocols(c, &controllers)?;
    if let Some(name) = controllers.iter().find(|name| !endpoints.iter().any(|e| e.name == **name)) {
        return Err(bad(c, CONTROLLER_NAMES, format!("{name} does not appear in {LISTENERS}")));
    }
    let mut listeners = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let told = advertised.iter().position(|a| a.name == endpoint.name).map(|i| advertised.remove(i));
        let Some(&security_protocol) = protocols.get(&endpoint.name) else {
            let reason = format!("No security protocol defined for listener {}", endpoint.name);
            return Err(bad(c, LISTENERS, reason));
        };
        if security_protocol != SecurityProtocol::Plaintext {
            let reason =
                format!("{endpoint} is encrypted or authenticated, which this version of millstream cannot");
            return Err(bad(c, LISTENERS, reason));
        }
        if told.as_ref().is_some_and(|a| !a.host.is_empty() && !a.is_routable()) {
            return Err(bad(
                c,
                ADVERTISED,
                "cannot use the nonroutable meta-address. Use a routable IP address.",
            ));
        }
        let controller = controllers.contains(&endpoint.name);
        listeners.push(Listener { endpoint, advertised: told, security_protocol, controller });
    }
    if let Some(unknown) = advertised.first() {
        return Err(bad(c, ADVERTISED, format!("{} does not appear in {LISTENERS}", unknown.name)));
    }
    if listeners.iter().all(|l| l.controller) {
        return Err(bad(
            c,
            LISTENERS,
            format!("no listener serves the broker: all of them are {CONTROLLER_NAMES}"),
        ));
    }
    Ok(listeners)
}

/// The listener that brokers use among themselves.
pub(super) fn inter_broker(c: &BrokerConfigs, listeners: &[Listener]) -> Result<String, BadProperty> {
    let (by_name, by_protocol) = ("inter.broker.listener.name", "security.inter.broker.protocol");
    let property = match c.text(by_name) {
        Some(_) if c.originals().contains(by_protocol) => {
            return Err(bad(c, by_name, format!("only one of {by_name} and {by_protocol} should be set")));
        }
        Some(_) => by_name,
        None => by_protocol,
    };
    let name = c.text(property).unwrap_or_default().to_uppercase();
    let brokers: Vec<&str> =
        listeners.iter().filter(|l| !l.controller).map(|l| l.endpoint.name.as_str()).collect();
    if brokers.contains(&name.as_str()) {
        return Ok(name);
    }
    let reason =
        format!("must name one of the broker's listeners: {}; {by_name} says which", brokers.join(", "));
    Err(bad(c, property, reason))
}

fn parse_endpoints(c: &BrokerConfigs, property: &str) -> Result<Vec<Endpoint>, BadProperty> {
    let parse = |entry: &String| Endpoint::parse(entry).map_err(|error| bad(c, property, error.to_string()));
    let endpoints: Vec<Endpoint> = c.list(property).iter().map(parse).collect::<Result<_, _>>()?;
    for (i, endpoint) in endpoints.iter().enumerate() {
        if endpoints[..i].iter().any(|other| other.name == endpoint.name) {
            return Err(bad(c, property, "Each listener must have a different name"));
        }
    }
    Ok(endpoints)
}

/// Two listeners share a port only if one is on an IPv4 address and the other on an IPv6 address.
fn check_ports(endpoints: &[Endpoint]) -> Result<(), String> {
    for (i, a) in endpoints.iter().enumerate().filter(|(_, a)| a.port != 0) {
        let sharing: Vec<&Endpoint> = endpoints[..i].iter().filter(|b| b.port == a.port).collect();
        let both = |b: &Endpoint| match (a.host.parse::<IpAddr>(), b.host.parse::<IpAddr>()) {
            (Ok(a), Ok(b)) => a.is_ipv4() != b.is_ipv4(),
            _ => false,
        };
        match sharing.as_slice() {
            [] => {}
            [b] if both(b) => {}
            _ => {
                return Err(format!(
                    "Each listener must have a different port unless exactly one listener has an IPv4 address and the \
                     other IPv6 address, port: {}",
                    a.port
                ));
            }
        }
    }
    Ok(())
}

/// What is spoken by listener name. Where the map is not set, the controllers' listeners are plain.
fn security_protocols(
    c: &BrokerConfigs,
    controllers: &[String],
) -> Result<BTreeMap<String, SecurityProtocol>, BadProperty> {
    let mut protocols = BTreeMap::new();
    for entry in split_list(c.text(PROTOCOL_MAP).unwrap_or_default()) {
        let pair = entry.rsplit_once(':').and_then(|(name, protocol)| {
            Some((name.trim().to_uppercase(), SecurityProtocol::parse(protocol.trim())?))
        });
        let Some((name, protocol)) = pair else {
            return Err(bad(c, PROTOCOL_MAP, format!("{entry:?} is not of the form NAME:PROTOCOL")));
        };
        protocols.insert(name, protocol);
    }
    if !c.originals().contains(PROTOCOL_MAP) {
        for name in controllers {
            protocols.entry(name.clone()).or_insert(SecurityProtocol::Plaintext);
        }
    }
    Ok(protocols)
}

#[cfg(test)]
mod tests {
    use crate::configs::ServerConfig;

    fn describe(file: &[(&str, &str)]) -> Result<String, String> {
        let config =
            ServerConfig::from_properties(file.iter().copied().collect()).map_err(|e| e.to_string())?;
        let listener = |l: &super::Listener| {
            let advertised = l.advertised.as_ref().map(|a| format!(" as {a}")).unwrap_or_default();
            format!("{}{advertised}{}", l.endpoint, if l.controller { " controller" } else { "" })
        };
        let listeners: Vec<String> = config.listeners.iter().map(listener).collect();
        Ok(format!("{}; inter {}", listeners.join(", "), config.inter_broker_listener_name))
    }

    #[track_caller]
    fn check(file: &[(&str, &str)], expect: Result<&str, &str>) {
        let got = describe(file);
        assert_eq!(got.as_deref().map_err(String::as_str), expect, "{file:?}");
    }

    #[test]
    fn listeners() {
        check(
            &[
                ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
                ("advertised.listeners", "PLAINTEXT://h:9092,CONTROLLER://h:9093"),
                ("controller.listener.names", "CONTROLLER"),
            ],
            Ok(
                "PLAINTEXT://:9092 as PLAINTEXT://h:9092, CONTROLLER://:9093 as CONTROLLER://h:9093 controller; inter \
                PLAINTEXT",
            ),
        );
        check(
            &[
                ("listeners", "in://[::1]:9092,out://0.0.0.0:0"),
                ("listener.security.protocol.map", "IN:PLAINTEXT,OUT:plaintext"),
                ("inter.broker.listener.name", "IN"),
            ],
            Ok("IN://[::1]:9092, OUT://0.0.0.0:0; inter IN"),
        );
        check(
            &[
                ("listeners", "A://127.0.0.1:9092,B://[::1]:9092"),
                ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT"),
                ("inter.broker.listener.name", "A"),
            ],
            Ok("A://127.0.0.1:9092, B://[::1]:9092; inter A"),
        );
    }

    #[test]
    fn refused() {
        let plain = ("listener.security.protocol.map", "A:PLAINTEXT,B:PLAINTEXT");
        check(
            &[("listeners", "h:9092")],
            Err("listeners=h:9092: Unable to parse h:9092 to a broker endpoint"),
        );
        check(
            &[("listeners", "SSL://h:1")],
            Err(
                "listeners=SSL://h:1: SSL://h:1 is encrypted or authenticated, which this version of millstream cannot",
            ),
        );
        check(
            &[("listeners", "X://h:1")],
            Err("listeners=X://h:1: No security protocol defined for listener X"),
        );
        check(
            &[("listeners", "A://:1,A://:2"), plain],
            Err("listeners=A://:1,A://:2: Each listener must have a different name"),
        );
        check(
            &[("listeners", "A://:1,B://:1"), plain],
            Err(
                "listeners=A://:1,B://:1: Each listener must have a different port unless exactly one listener has \
                 an IPv4 address and the other IPv6 address, port: 1",
            ),
        );
        check(
            &[("listeners", "A://:1"), plain],
            Err("security.inter.broker.protocol=PLAINTEXT: must name one of the broker's listeners: A; \
                 inter.broker.listener.name says which"),
        );
        check(
            &[("advertised.listeners", "PLAINTEXT://0.0.0.0:1")],
            Err(
                "advertised.listeners=PLAINTEXT://0.0.0.0:1: cannot use the nonroutable meta-address. Use a routable \
                 IP address.",
            ),
        );
        check(
            &[("advertised.listeners", "X://h:1")],
            Err("advertised.listeners=X://h:1: X does not appear in listeners"),
        );
        check(
            &[("controller.listener.names", "C")],
            Err("controller.listener.names=C: C does not appear in listeners"),
        );
        check(
            &[("controller.listener.names", "PLAINTEXT")],
            Err("listeners=PLAINTEXT://127.0.0.1:9092: no listener serves the broker: all of them are \
                 controller.listener.names"),
        );
        check(
            &[("listener.security.protocol.map", "PLAINTEXT:TLS")],
            Err(
                "listener.security.protocol.map=PLAINTEXT:TLS: \"PLAINTEXT:TLS\" is not of the form NAME:PROTOCOL",
            ),
        );
    }
}
