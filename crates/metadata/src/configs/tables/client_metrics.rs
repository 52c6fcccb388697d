//! Client metrics subscriptions (KIP-714).

use stdx::properties::Importance::Medium;
use stdx::properties::{Property, any_list};

/// Client metrics subscriptions (KIP-714).
#[rustfmt::skip]
pub(super) static CLIENT_METRICS: &[Property] = &[
    Property::list("metrics", Medium).default("").valid(any_list())
        .doc("Prefixes of the metric names that matching clients push; `*` means all. Empty: none."),
    Property::int("interval.ms", Medium).default("300000")
        .doc("How often matching clients push their metrics."),
    Property::list("match", Medium).default("").valid(any_list())
        .doc("Which clients are meant, as `selector=pattern` pairs. Empty: all."),
];
