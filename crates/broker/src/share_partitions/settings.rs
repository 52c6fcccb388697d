//! What holds for one share group: what is set on it, else on the brokers.

use coordinator::share_partition::SharePartitionConfig;
use metadata::configs::{BrokerConfigs, ResourceType};
use metadata::{ClusterImage, ConfigResource};

use crate::partition::Isolation;

/// Where a group begins that has no state yet (`share.auto.offset.reset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    Latest,
    Earliest,
    /// At what is so many milliseconds old.
    Ago(u64),
}

/// The properties of one share group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareSettings {
    pub(crate) partition: SharePartitionConfig,
    pub(crate) isolation: Isolation,
    pub(crate) reset: Reset,
}

impl ShareSettings {
    pub(crate) fn of(broker: &BrokerConfigs, image: &ClusterImage, group: &str) -> Self {
        let set = image.configs(&ConfigResource::new(ResourceType::Group, group));
        let own = |name: &str| set.and_then(|set| set.get(name)).map(|value| value.trim());
        let number = |name: &str| {
            let set = own(name).and_then(|text| text.parse().ok());
            set.unwrap_or_else(|| broker.int(&format!("group.{name}")))
        };
        Self {
            partition: SharePartitionConfig {
                record_lock_duration_ms: u32::try_from(number("share.record.lock.duration.ms"))
                    .unwrap_or(u32::MAX),
                delivery_count_limit: i16::try_from(number("share.delivery.count.limit")).unwrap_or(i16::MAX),
                max_record_locks: i32::try_from(number("share.partition.max.record.locks"))
                    .unwrap_or(i32::MAX),
                renew_enabled: own("share.renew.acknowledge.enable") != Some("false"),
                dead_letters: false,
            },
            isolation: match own("share.isolation.level") {
                Some("read_committed") => Isolation::ReadCommitted,
                _ => Isolation::ReadUncommitted,
            },
            reset: own("share.auto.offset.reset").map_or(Reset::Latest, Reset::parse),
        }
    }
}

impl Reset {
    /// The value of the property, which is valid: `by_duration:` and an ISO 8601 duration of days and less.
    fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((_, duration)) => duration_ms(duration).map_or(Self::Latest, Self::Ago),
            None if text.eq_ignore_ascii_case("earliest") => Self::Earliest,
            None => Self::Latest,
        }
    }
}

/// `PnDTnHnMn.nS`, as far as `java.time.Duration` has no sign in it.
fn duration_ms(text: &str) -> Option<u64> {
    let text = text.to_ascii_uppercase();
    let mut rest = text.strip_prefix('P')?;
    let mut of_time = false;
    let mut total_ms = 0.0;
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            of_time = true;
            rest = time;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let unit_ms = match (unit.chars().next()?, of_time) {
            ('D', false) => 86_400_000.0,
            ('H', true) => 3_600_000.0,
            ('M', true) => 60_000.0,
            ('S', true) => 1_000.0,
            _ => return None,
        };
        total_ms += number.parse::<f64>().ok()? * unit_ms;
        rest = unit.get(1..)?;
    }
    Some(total_ms as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_what_the_property_says() {
        for (text, expect) in [
            ("latest", Reset::Latest),
            ("EARLIEST", Reset::Earliest),
            ("by_duration:PT1H", Reset::Ago(3_600_000)),
            ("by_duration:P2DT3H4M5.5S", Reset::Ago(183_845_500)),
            ("by_duration:P1D", Reset::Ago(86_400_000)),
        ] {
            assert_eq!(Reset::parse(text), expect, "{text}");
        }
        assert_eq!(duration_ms("1H"), None);
        assert_eq!(duration_ms("P1H"), None);
        assert_eq!(duration_ms("PT1"), None);
    }
}
