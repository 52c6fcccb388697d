//! What the Rust clients' checks share: the scenarios' names, counting with deadlines, and a proxy that breaks connections. It knows
//! no client.

mod proxy;
mod scenarios;
mod suite;

pub use proxy::Proxy;
pub use scenarios::{CODECS, Sample, large_record_returns, large_value, record_returns, sample};
pub use suite::{Check, Suite, refused, until};
