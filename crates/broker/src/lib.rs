//! The node: sockets, dispatch, one handler an API, purgatory, and the shells around the machines.
//!
//! | module | what |
//! |---|---|
//! | `server` | starting and stopping |
//! | `net` | sockets: one task a connection, answers in the order of requests |
//! | `apis`, `handlers` | the table of APIs; one file an API |
//! | `node` | what handlers reach |
//! | `cluster`, `controller`, `follow` | the image from the metadata log; decisions; carrying them out |
//! | `partition`, `partitions`, `flusher`, `purgatory` | logs, group commit, waiting |
//! | `directory`, `placement`, `homes`, `offline` | log directories: what is where, and what becomes of those that fail |
//! | `moving`, `moves` | partitions that move to another log directory |
//! | `groups` | the shell of the group coordinators |
//! | `housekeeping`, `cleaner`, `doomed` | retention, checkpoints, compaction, files that wait to be removed |
//! | `admin`, `metrics` | what people look at |
//! | `operations` | what a client may do, as bits |
//! | `loggers` | their levels, changed while the node runs |
//! | `error` | the map from failures to Kafka's codes |

mod admin;
mod apis;
mod cleaner;
mod clock;
mod cluster;
mod cold;
mod config;
mod configs;
mod controller;
mod coordinators;
mod directory;
mod doomed;
mod error;
mod fetch_session;
mod flusher;
mod follow;
mod gather;
mod group_topics;
mod groups;
mod handlers;
mod homes;
mod housekeeping;
mod loggers;
mod metrics;
mod moves;
mod moving;
mod net;
mod node;
mod offline;
mod operations;
mod partition;
mod partitions;
mod placement;
mod producer_ids;
mod purgatory;
mod request;
mod server;
mod share_partitions;
mod shares;
mod takeover;
mod throttle;
mod topics;
mod transactions;

pub use loggers::{Levels, Loggers};
pub use server::{Running, StartError, start};
pub use takeover::Refused;
