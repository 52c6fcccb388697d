//! The validators that only Kafka's own properties have.

use super::endpoint::HostPort;
use stdx::properties::{Error, Validator, Value, custom};

/// A gzip level, or -1 for the library's default.
pub(super) const GZIP_LEVEL: Validator = custom(check_gzip_level, "[1,...,9] or -1");

/// `host:port` entries.
pub(super) const BOOTSTRAP_SERVERS: Validator = custom(check_bootstrap_servers, "list of host:port");

/// `id@host:port` entries.
pub(super) const QUORUM_VOTERS: Validator = custom(check_quorum_voters, "list of id@host:port");

/// `earliest`, `latest` or `by_duration:` and a duration (KIP-1106).
pub(super) const SHARE_OFFSET_RESET: Validator =
    custom(check_share_offset_reset, "[latest, earliest, by_duration:PnDTnHnMn.nS]");

/// `*` or `partition:broker` pairs.
pub(super) const THROTTLED_REPLICAS: Validator =
    custom(check_throttled_replicas, "[partitionId]:[brokerId],[partitionId]:[brokerId],...");

/// `host:port`, or nothing.
pub(super) const ADDRESS_OR_EMPTY: Validator = custom(check_address_or_empty, "host:port, or empty");

fn invalid(name: &str, value: Option<&Value>, reason: String) -> Error {
    let value = value.map_or_else(|| "null".to_owned(), Value::shown);
    Error::InvalidValue { name: name.to_owned(), value, reason }
}

fn check_gzip_level(name: &str, value: Option<&Value>) -> Result<(), Error> {
    match value.and_then(Value::as_i64) {
        Some(-1 | 1..=9) => Ok(()),
        Some(_) => Err(invalid(name, value, "Value must be between 1 and 9 or equal to -1".to_owned())),
        None => Err(invalid(name, value, "Value must be non-null".to_owned())),
    }
}

fn check_bootstrap_servers(name: &str, value: Option<&Value>) -> Result<(), Error> {
    for entry in value.and_then(Value::as_list).unwrap_or_default() {
        if HostPort::parse(entry).is_none() {
            let reason = format!("{entry:?} is not of the form `{{host}}:{{port}}`.");
            return Err(invalid(name, value, reason));
        }
    }
    Ok(())
}

fn check_quorum_voters(name: &str, value: Option<&Value>) -> Result<(), Error> {
    for entry in value.and_then(Value::as_list).unwrap_or_default() {
        if super::endpoint::Voter::parse(entry).is_none() {
            let reason = format!("{entry:?} is not of the form `{{id}}@{{host}}:{{port}}`.");
            return Err(invalid(name, value, reason));
        }
    }
    Ok(())
}

fn check_address_or_empty(name: &str, value: Option<&Value>) -> Result<(), Error> {
    match value.and_then(Value::as_str) {
        Some(text) if !text.is_empty() && HostPort::parse(text).is_none() => {
            Err(invalid(name, value, "not of the form `{host}:{port}`".to_owned()))
        }
        _ => Ok(()),
    }
}

fn check_share_offset_reset(name: &str, value: Option<&Value>) -> Result<(), Error> {
    let text = value.and_then(Value::as_str).unwrap_or("null");
    let valid = match text.strip_prefix("by_duration:") {
        Some(duration) => parse_duration_seconds(duration).is_some_and(|seconds| seconds >= 0.0),
        None => matches!(text, "earliest" | "latest"),
    };
    if valid {
        return Ok(());
    }
    let reason = format!(
        "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of the \
         format 'by_duration:<PnDTnHnMn.nS>'."
    );
    Err(invalid(name, value, reason))
}

/// An ISO 8601 duration as `java.time.Duration` reads it: days, hours, minutes, seconds, each with a sign of its own
/// and in this order, only the seconds with a fraction.
fn parse_duration_seconds(text: &str) -> Option<f64> {
    let text = text.to_ascii_uppercase();
    let (sign, rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, &text[..]),
    };
    let rest = rest.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    if !days.is_empty() {
        seconds += days.strip_suffix('D')?.parse::<i64>().ok()? as f64 * 86_400.0;
    }
    let mut time = time;
    for (unit, factor) in [('H', 3_600.0), ('M', 60.0)] {
        if let Some((number, rest)) = time.split_once(unit) {
            seconds += number.parse::<i64>().ok()? as f64 * factor;
            time = rest;
        }
    }
    if !time.is_empty() {
        let number = time.strip_suffix('S')?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if fraction.len() > 9 || !digits(fraction) || whole.parse::<i64>().is_err() {
            return None;
        }
        seconds += number.parse::<f64>().ok()?;
    }
    Some(sign * seconds)
}

fn check_throttled_replicas(name: &str, value: Option<&Value>) -> Result<(), Error> {
    let elements = value.and_then(Value::as_list).unwrap_or_default();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pair = |e: &String| e.is_empty() || e.split_once(':').is_some_and(|(p, b)| number(p) && number(b));
    if elements.iter().all(is_pair) || elements.concat() == "*" {
        return Ok(());
    }
    let reason = format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err(invalid(name, value, reason))
}

#[cfg(test)]
mod tests {
    use crate::configs::tables;

    #[track_caller]
    fn check(table: &stdx::properties::Table, name: &str, text: &str, expect: bool) {
        let property = table.get(name).expect("in the table");
        assert_eq!(property.parse(text).is_ok(), expect, "{name}={text}");
    }

    /// The verdicts of Kafka 4.4's own definitions on the same values.
    #[test]
    fn agrees_with_kafka() {
        for (text, expect) in
            [("-2", false), ("-1", true), ("0", false), ("1", true), ("9", true), ("10", false)]
        {
            check(&tables::TOPIC, "compression.gzip.level", text, expect);
        }
        for (text, expect) in [
            ("", true),
            ("*", true),
            (" * ", true),
            ("1:2", true),
            ("1:2,3:4", true),
            ("1:2,", true),
            ("1:x", false),
            ("*,1:2", false),
            ("a", false),
        ] {
            check(&tables::TOPIC, "leader.replication.throttled.replicas", text, expect);
        }
        for (text, expect) in [
            ("earliest", true),
            ("LATEST", false),
            ("none", false),
            ("by_duration:PT1H", true),
            ("by_duration:P1DT2H3M4.5S", true),
            ("by_duration:-PT1H", false),
            ("by_duration:PT-1H", false),
            ("by_duration:PT1H-30M", true),
            ("by_duration:P1Y", false),
            ("by_duration:", false),
            ("by_duration", false),
            ("by_duration:pt5m", true),
            ("by_duration:PT0S", true),
            ("BY_DURATION:PT1H", false),
            ("by_duration:PT", false),
            ("by_duration:P", false),
            ("by_duration:P1D", true),
            ("by_duration:PT1.5H", false),
        ] {
            check(&tables::GROUP, "share.auto.offset.reset", text, expect);
        }
        for (text, expect) in [
            ("", true),
            ("1@h:9093", true),
            ("1@h:9093,2@[::1]:9093", true),
            ("h:9093", false),
            ("x@h:9093", false),
            ("1@h", false),
            ("1@@h:1", false),
        ] {
            check(&tables::BROKER, "controller.quorum.voters", text, expect);
        }
    }
}
