//! Random schedules of producers, old and new, over a coordinator that fails to append, forgets and comes back: a
//! transaction ends once and one way, whoever is fenced changes nothing, and what is replayed is what was there.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::{ProducerEpoch, ProducerId};
use stdx::Random;

use super::harness::Shell;
use super::*;

const IDS: [&str; 3] = ["t", "u", "v"];
const STEPS: usize = 400;

type State = BTreeMap<Arc<str>, Transaction>;

struct Simulation {
    shell: Shell,
    random: Random,
    /// Who has ever been told that it is a producer of an id: the last is the newest.
    known: BTreeMap<&'static str, Vec<String>>,
    /// Markers that were handed out: they may be told of late, or twice.
    markers: Vec<WriteMarkers>,
    completed: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        Self {
            shell: Shell::new(TransactionConfig {
                id_expiration_ms: 300_000,
                ..TransactionConfig::default()
            }),
            random: Random::from_seed(seed),
            known: BTreeMap::new(),
            markers: Vec::new(),
            completed: 0,
        }
    }

    fn state(&self) -> State {
        self.shell.machine().transactions.clone()
    }

    /// A producer of the id, most often the newest.
    fn producer(&mut self, id: &str) -> Option<String> {
        let known = self.known.get(id).filter(|known| !known.is_empty())?;
        let back = if self.random.below(4) == 0 { self.random.below(known.len()) } else { 0 };
        known.get(known.len() - 1 - back).cloned()
    }

    fn step(&mut self) {
        let id = IDS[self.random.below(IDS.len())];
        let before = self.state();
        let version = self.random.below(2) * 2;
        match self.random.below(12) {
            0 => {
                let answer = self.shell.run(&format!("init {id} timeout=60000"));
                self.learn(id, &answer);
            }
            1 => {
                let Some(expected) = self.producer(id) else { return };
                let answer = self.shell.run(&format!("init {id} timeout=60000 expect={expected}"));
                self.learn(id, &answer);
            }
            2..=5 => {
                let Some(producer) = self.producer(id) else { return };
                let partition = self.random.below(3);
                let answer = self.shell.run(&format!("add {id} {producer} a-{partition} v={version}"));
                if answer == "ok" {
                    assert!(is_current(&before, id, &producer), "{producer} is fenced");
                    assert!(self.state()[id].has("a", partition as i32));
                }
            }
            6 | 7 => {
                let Some(producer) = self.producer(id) else { return };
                let verb = if self.random.below(2) == 0 { "commit" } else { "abort" };
                let answer = self.shell.run(&format!("{verb} {id} {producer} v={version}"));
                if self.state() != before {
                    assert!(is_current(&before, id, &producer), "{producer} is fenced");
                }
                self.learn(id, &answer);
            }
            8 | 9 => {
                self.markers.append(&mut self.shell.markers);
                if self.markers.is_empty() {
                    return;
                }
                let at = self.random.below(self.markers.len());
                let markers = self.markers[at].clone();
                if self.random.below(3) > 0 {
                    self.markers.swap_remove(at);
                }
                self.shell.written(&markers);
            }
            10 => {
                let ms = [10, 1_000, 30_000, 200_000][self.random.below(4)];
                self.shell.run(&format!("pass {ms}"));
            }
            _ if self.random.below(2) == 0 => {
                self.shell.run("restart");
                assert_eq!(self.state(), before, "what is replayed is what was there");
                // What it must be told again, it asks for again.
                self.markers.clear();
                self.markers.append(&mut self.shell.markers);
                let decided = before.values().filter(|it| it.state.is_prepared()).count();
                assert_eq!(self.markers.len(), decided);
            }
            _ => drop(self.shell.run("fail-append")),
        }
        self.check(&before, &self.state());
    }

    fn learn(&mut self, id: &'static str, answer: &str) {
        let known = self.known.entry(id).or_default();
        if answer.contains(':') && known.last().map(String::as_str) != Some(answer) {
            known.push(answer.to_owned());
        }
    }

    fn check(&mut self, before: &State, after: &State) {
        use TransactionState::{CompleteAbort, CompleteCommit, Ongoing, PrepareAbort, PrepareCommit};
        for (id, now) in after {
            let Some(then) = before.get(id).filter(|then| *then != now) else { continue };
            let (old, new) = (identity(then), identity(now));
            assert!(new >= old, "{id}: from {old:?} back to {new:?}");
            match (then.state, now.state) {
                (PrepareCommit, CompleteCommit) | (PrepareAbort, CompleteAbort) => self.completed += 1,
                // A timer may do more than one step at once, but not these.
                (PrepareCommit | PrepareAbort, _) => panic!("{id}: {then:?} became {now:?}"),
                (Ongoing, CompleteCommit | CompleteAbort) => panic!("{id}: no markers were written"),
                (Ongoing, Ongoing) => {
                    assert_eq!((then.start_ms, old), (now.start_ms, new));
                    assert!(
                        then.partitions.values().map(|p| p.len()).sum::<usize>()
                            < now.partitions.values().map(|p| p.len()).sum()
                    );
                }
                _ => {}
            }
        }
        for (id, gone) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
            assert!(!gone.state.is_prepared() && gone.state != Ongoing, "{id}: {gone:?} is forgotten");
        }
    }
}

fn identity(transaction: &Transaction) -> (ProducerId, ProducerEpoch) {
    (transaction.producer_id, transaction.producer_epoch)
}

fn is_current(state: &State, id: &str, producer: &str) -> bool {
    state.get(id).is_some_and(|it| format!("{}:{}", it.producer_id, it.producer_epoch) == producer)
}

#[test]
fn any_schedule_keeps_what_was_promised() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    let mut completed = 0;
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            (0..STEPS).for_each(|_| simulation.step());
            simulation.completed
        });
        match result {
            Ok(ended) => completed += ended,
            Err(panic) => {
                eprintln!("seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(completed > seeds as usize * 5, "the simulation gets somewhere: {completed} transactions");
}
