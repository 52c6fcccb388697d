//! What happens to the node and its clients, and when: a function of the seed and of how long the load lasts.

use std::time::Duration;

use stdx::Random;

/// Something that a sound node survives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL; it is started again after a while.
    Kill { down: Duration },
    /// SIGKILL, and again while it starts, so many hundredths of the time that a start takes.
    KillStarting { percents: Vec<u32> },
    /// SIGTERM; it is started again after a while.
    Terminate { down: Duration },
    /// SIGSTOP, and SIGCONT after a while.
    Pause { lasts: Duration },
    /// SIGKILL for a client; another takes its place after a while.
    KillClient { client: usize, away: Duration },
    /// A client ends in good order; another takes its place after a while.
    EndClient { client: usize, away: Duration },
    /// SIGSTOP for a client, and SIGCONT after a while, which may be too late for its group.
    PauseClient { client: usize, lasts: Duration },
    /// Files are damaged while the node is down: what no node survives.
    Sabotage,
}

/// A fault, so long after the one before was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) fault: Fault,
}

/// The time without faults at the beginning, so that there is something to lose.
const QUIET: Duration = Duration::from_secs(4);

/// The steps of a seed, as many as fit `load`; `clients` is how many there are.
pub(crate) fn steps(seed: u64, load: Duration, clients: usize) -> Vec<Step> {
    let mut random = Random::from_seed(seed);
    let mut steps = vec![];
    let mut at = QUIET;
    // A pause takes no more than a tenth of the whole.
    let longest_pause = (load.as_millis() as usize / 10).clamp(1000, 15_000);
    loop {
        let after = millis(&mut random, 500, 7000);
        let fault = fault(&mut random, longest_pause, clients);
        let takes = match &fault {
            Fault::Pause { lasts } => *lasts,
            Fault::Kill { down } | Fault::Terminate { down } => *down,
            _ => Duration::ZERO,
        };
        at += after + takes;
        if at > load {
            return steps;
        }
        steps.push(Step { after: if steps.is_empty() { QUIET + after } else { after }, fault });
    }
}

/// One sabotage in the middle.
pub(crate) fn sabotage(load: Duration) -> Vec<Step> {
    vec![Step { after: load / 2, fault: Fault::Sabotage }]
}

fn fault(random: &mut Random, longest_pause: usize, clients: usize) -> Fault {
    let client = random.below(clients);
    match random.below(100) {
        0..30 => Fault::Kill { down: millis(random, 0, 1500) },
        30..42 => {
            let times = 1 + random.below(3);
            Fault::KillStarting { percents: (0..times).map(|_| random.below(150) as u32).collect() }
        }
        42..52 => Fault::Terminate { down: millis(random, 0, 1000) },
        52..62 => {
            // Mostly short.
            let part = random.below(1000) * random.below(1000) / 1000;
            Fault::Pause { lasts: Duration::from_millis(1000.max(longest_pause * part / 1000) as u64) }
        }
        62..78 => Fault::KillClient { client, away: millis(random, 0, 9000) },
        78..88 => Fault::EndClient { client, away: millis(random, 0, 4000) },
        _ => Fault::PauseClient { client, lasts: millis(random, 500, 12_000) },
    }
}

fn millis(random: &mut Random, least: usize, most: usize) -> Duration {
    Duration::from_millis((least + random.below(most - least)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_its_schedule() {
        let hour = Duration::from_secs(3600);
        assert_eq!(steps(7, hour, 10), steps(7, hour, 10));
        assert_ne!(steps(7, hour, 10), steps(8, hour, 10));
        // A longer run begins like a shorter one, but for the length of pauses.
        let minutes = steps(7, Duration::from_secs(300), 10);
        assert_eq!(minutes, steps(7, hour, 10)[..minutes.len()]);
    }

    /// In what `.ci/run` runs.
    #[test]
    fn every_fault_comes_within_two_minutes() {
        let mut kinds: Vec<String> = steps(5, Duration::from_secs(120), crate::fleet::Fleet::len())
            .iter()
            .map(|step| format!("{:?}", step.fault).split(' ').next().unwrap_or_default().to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        let all = ["EndClient", "Kill", "KillClient", "KillStarting", "Pause", "PauseClient", "Terminate"];
        assert_eq!(kinds, all);
    }

    #[test]
    fn a_pause_is_shorter_than_clients_wait_for_an_answer() {
        for step in steps(3, Duration::from_secs(36_000), 10) {
            if let Fault::Pause { lasts } = step.fault {
                assert!((1..=15).contains(&lasts.as_secs()), "{lasts:?}");
            }
        }
    }
}
