//! The simulator: the pure machines and the log over a simulated disk, on one seeded thread, in virtual time.
//!
//! A world is one node with its log directories on a disk that loses, tears, fills up and fails; a cluster's metadata
//! that the controller decides; and clients that produce, fetch, join groups, commit and administer. A seed says what
//! there is and which of the enabled steps comes next. The node's shells are done again here, step by step, so that
//! whatever other threads may do in between comes in between: `node/` mirrors `crates/broker`. What starts after a
//! crash is the real recovery.
//!
//! | file | what |
//! |---|---|
//! | `plan` | what a seed is about |
//! | `world` | who there is, and which step comes next |
//! | `faults` | crashes, lost power, full disks, failed writes and syncs |
//! | `cluster` | the metadata machine: topics and their configurations |
//! | `node/` | the shells around log and coordinator, in virtual time |
//! | `clients/` | producers, fetchers, group members, admins |
//! | `event`, `history` | what the oracles are told, and what they remember together |
//! | `invariants/` | the oracles, a file each |
//!
//! Not here: sockets, the metadata quorum and its log (their crates have tests of their own), several nodes.

mod clients;
mod cluster;
mod event;
mod faults;
mod history;
mod invariants;
mod node;
mod plan;
mod record;
mod scene;
mod world;

pub use invariants::Violation;
pub use scene::Trace;

/// Runs one seed. The trace grows as it runs, so that it is there after a panic too.
///
/// # Errors
/// The first thing that was wrong.
pub fn run(seed: u64, trace: &Trace) -> Result<(), Violation> {
    world::World::new(seed, trace.clone()).run()
}

/// Like [`run`], with a panic of the node as a [`Violation`].
///
/// # Errors
/// The first thing that was wrong.
pub fn run_caught(seed: u64, trace: &Trace) -> Result<(), Violation> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, trace)));
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation { invariant: "panic".to_owned(), found: text.unwrap_or_default() })
    })
}
