//! Which APIs and versions each broker advertises.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::Broker;
use crate::encode;
use crate::run::lines;
use crate::schema::Api;
use crate::value::Value;

type Range = (i16, i16);

/// What both advertise, by API.
#[derive(Debug)]
pub(crate) struct Versions {
    pub(crate) kafka: BTreeMap<String, Range>,
    pub(crate) millstream: BTreeMap<String, Range>,
}

impl Versions {
    pub(crate) fn ask(
        apis: &BTreeMap<String, std::rc::Rc<Api>>,
        kafka: &mut Broker,
        millstream: &mut Broker,
    ) -> Result<Self, String> {
        let api = apis.get("ApiVersions").ok_or("no ApiVersions")?;
        let names: BTreeMap<i16, &str> = apis.values().map(|api| (api.key, api.name.as_str())).collect();
        let ask = |broker: &mut Broker| -> Result<BTreeMap<String, Range>, String> {
            let mut frame = encode::header(api.key, 0, 1, 1);
            frame.append(encode::message(&api.request, 0, &Value::Struct(vec![]))?);
            broker.send("versions", &frame.bytes).map_err(|error| format!("{}: {error}", broker.address))?;
            let answer = lines(api, 0, &broker.receive("versions", 1));
            let number = |key: i16, field: &str| {
                let path = format!("apiKeys[{key}].{field}");
                answer.iter().find(|(known, _)| *known == path).and_then(|(_, value)| value.parse().ok())
            };
            let range = |key| Some((number(key, "minVersion")?, number(key, "maxVersion")?));
            Ok(names.iter().filter_map(|(key, name)| Some(((*name).to_owned(), range(*key)?))).collect())
        };
        Ok(Self { kafka: ask(kafka)?, millstream: ask(millstream)? })
    }

    /// The versions of an API that both have.
    pub(crate) fn both(&self, api: &str) -> Result<Range, String> {
        let absent = |who: &str| format!("{who} does not serve {api}");
        let (low, high) = self.kafka.get(api).ok_or_else(|| absent("Apache Kafka"))?;
        let (our_low, our_high) = self.millstream.get(api).ok_or_else(|| absent("millstream"))?;
        Ok((*low.max(our_low), *high.min(our_high)))
    }

    /// The newest version that either has.
    pub(crate) fn highest(&self, api: &str) -> i16 {
        let high = |of: &BTreeMap<String, Range>| of.get(api).map_or(0, |(_, high)| *high);
        high(&self.kafka).max(high(&self.millstream))
    }

    /// Every API and version that both have. Produce before 3 is advertised for old clients that look for it, and not served
    /// (KIP-896).
    pub(crate) fn all(&self) -> BTreeSet<(String, i16)> {
        let first = |api: &str, low: i16| if api == "Produce" { low.max(3) } else { low };
        let ranges = self.millstream.keys().filter_map(|api| Some((api, self.both(api).ok()?)));
        ranges
            .flat_map(|(api, (low, high))| (first(api, low)..=high).map(|version| (api.clone(), version)))
            .collect()
    }
}
