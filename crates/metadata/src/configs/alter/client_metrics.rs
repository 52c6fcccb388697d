//! Changes of a client metrics subscription (KIP-714).
//!
//! The patterns of `match` are Java regular expressions; their syntax is not checked here.

use super::super::change::{Change, list_row};
use super::super::error::{Error, Reason};
use super::super::tables::CLIENT_METRICS;
use super::{Altered, parse_all};
use stdx::properties::{Properties, Value};

const SELECTORS: &[&str] = &[
    "client_instance_id",
    "client_id",
    "client_software_name",
    "client_software_version",
    "client_source_address",
    "client_source_port",
];

/// Changes what the subscription `name` sets.
pub fn alter_client_metrics(name: &str, current: &Properties, change: &Change) -> Result<Altered, Error> {
    let all = change.apply(current, |operation, name| list_row(None, operation, name))?;
    if name.is_empty() {
        return Err(Error::InvalidRequest(Reason::NoSubscriptionName));
    }
    if let Some((name, _)) = all.iter().find(|(name, _)| CLIENT_METRICS.get(name).is_none()) {
        return Err(Error::InvalidRequest(Reason::UnknownClientMetrics(name.to_owned())));
    }
    let values = parse_all(&CLIENT_METRICS, &all)?;
    let value = |name: &str| values.get(name).and_then(Option::as_ref);
    if let Some(interval) = value("interval.ms").and_then(Value::as_i64)
        && !(100..=3_600_000).contains(&interval)
    {
        return Err(Error::InvalidRequest(Reason::PushInterval(interval)));
    }
    for pattern in value("match").and_then(Value::as_list).unwrap_or_default() {
        let pair = pattern.split_once('=').filter(|(_, p)| !p.is_empty() && !p.contains('='));
        if !pair.is_some_and(|(selector, _)| SELECTORS.contains(&selector.trim())) {
            return Err(Reason::MatchPattern(pattern.clone()).into());
        }
    }
    Ok(Altered::new(current, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: &[(&str, &str)], expect: Result<(), &str>) {
        let change = Change::incremental(set.iter().map(|&(n, v)| (n, 0, Some(v)))).expect("well formed");
        let got =
            alter_client_metrics("m", &Properties::default(), &change).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(got, expect.map_err(str::to_owned), "{set:?}");
    }

    #[test]
    fn agrees_with_kafka() {
        check(&[("interval.ms", "1000"), ("match", "client_id=a.*"), ("metrics", "*")], Ok(()));
        check(
            &[("interval.ms", "5")],
            Err("Invalid value 5 for interval.ms, interval must be between 100 and 3600000 (1 hour)"),
        );
        check(&[("match", "x")], Err("Illegal client matching pattern: x"));
        check(&[("match", "foo=a")], Err("Illegal client matching pattern: foo=a"));
        check(&[("nope", "1")], Err("Unknown client metrics configuration: nope"));
    }
}
