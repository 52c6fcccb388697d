//! Random leaders over a coordinator that fails to append, forgets and comes back, with a log that is pruned: what was
//! acknowledged is there, nobody who is fenced writes, and what is replayed is what was there.

use std::collections::BTreeMap;

use protocol::LeaderEpoch;
use stdx::Random;

use super::harness::{Shell, key, subject};
use super::*;

const STEPS: usize = 300;

/// What is known of one share-partition: per offset the greatest count and state.
#[derive(Clone, Debug, Default)]
struct Model {
    state_epoch: i32,
    leader_epoch: i32,
    start: i64,
    offsets: BTreeMap<i64, (i16, i8)>,
}

struct Simulation {
    shell: Shell,
    random: Random,
    models: BTreeMap<SharePartitionKey, Model>,
    written: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let config = ShareStateConfig {
            updates_per_snapshot: 3,
            prune_interval_ms: 700,
            cold_snapshot_interval_ms: 5_000,
            max_records_at_once: 2,
        };
        Self {
            shell: Shell::new(config),
            random: Random::from_seed(seed),
            models: BTreeMap::new(),
            written: 0,
        }
    }

    fn below(&mut self, bound: usize) -> i64 {
        self.random.below(bound) as i64
    }

    fn step(&mut self) {
        let key = key(["g", "h"][self.random.below(2)], self.random.below(2) as i32);
        let model = self.models.get(&key).cloned();
        let fails = self.random.below(10) == 0;
        if fails {
            self.shell.fail_next_append();
        }
        match self.random.below(12) {
            0 => {
                let state_epoch = self.below(6) as i32;
                let start = self.below(5) - 1;
                let answer =
                    self.shell.ask(Request::Initialize(subject(&key), state_epoch, Offset(start))).unwrap();
                if model.as_ref().is_some_and(|model| model.state_epoch > state_epoch) {
                    assert_eq!(answer, Response::Refused(ErrorCode::FencedStateEpoch.into()));
                } else if answer == Response::Done {
                    let leader_epoch = model.map_or(0, |model| model.leader_epoch);
                    self.models.insert(key, Model { state_epoch, leader_epoch, start, ..Model::default() });
                }
            }
            1 => {
                let answer = self.shell.ask(Request::Delete(subject(&key)));
                if answer == Some(Response::Done) {
                    self.models.remove(&key);
                }
            }
            2 | 3 => {
                let leader_epoch =
                    self.below(4) as i32 + model.as_ref().map_or(0, |model| model.leader_epoch) - 1;
                let leader_epoch = leader_epoch.max(0);
                let answer = self.shell.ask(Request::Read(subject(&key), LeaderEpoch(leader_epoch))).unwrap();
                match (answer, model) {
                    (Response::State(_), Some(mut model)) => {
                        assert!(leader_epoch >= model.leader_epoch, "{key} is fenced");
                        model.leader_epoch = leader_epoch;
                        self.models.insert(key, model);
                    }
                    (Response::State(state), None) => panic!("{key} is not there: {state:?}"),
                    _ => {}
                }
            }
            4..=8 => self.write(&key, model),
            9 | 10 => {
                let ms = [10, 500, 3_000, 20_000][self.random.below(4)];
                self.shell.pass(ms);
            }
            _ => self.shell.restart(),
        }
        self.check();
    }

    fn write(&mut self, key: &SharePartitionKey, model: Option<Model>) {
        let current = model.clone().unwrap_or_default();
        let leader_epoch = (current.leader_epoch + self.below(3) as i32 - 1).max(0);
        let state_epoch = (current.state_epoch + [0, 0, 0, -1, 1][self.random.below(5)]).max(0);
        let start = if self.random.below(3) == 0 { self.below(30) } else { current.start };
        let batches: Vec<StateBatch> = (0..self.random.below(4))
            .map(|_| {
                let first = self.below(40);
                StateBatch {
                    first_offset: Offset(first),
                    last_offset: Offset(first + self.below(8)),
                    delivery_state: [0, 2, 4][self.random.below(3)],
                    delivery_count: self.below(4) as i16 + 1,
                }
            })
            .collect();
        let write = WriteState {
            state_epoch,
            leader_epoch: LeaderEpoch(leader_epoch),
            start_offset: Offset(start),
            delivery_complete_count: 0,
            batches: &batches,
        };
        match (self.shell.ask(Request::Write(subject(key), write)).unwrap(), model) {
            (Response::Done, Some(mut model)) => {
                assert!(
                    leader_epoch >= model.leader_epoch && state_epoch >= model.state_epoch,
                    "{key} is fenced"
                );
                model.start = model.start.max(start);
                for batch in &batches {
                    for offset in batch.first_offset.get()..=batch.last_offset.get() {
                        let now = (batch.delivery_count, batch.delivery_state);
                        let at = model.offsets.entry(offset).or_insert(now);
                        *at = now.max(*at);
                    }
                }
                model.offsets.retain(|offset, _| *offset >= model.start);
                self.models.insert(key.clone(), model);
                self.written += 1;
            }
            (Response::Done, None) => panic!("{key} was never begun"),
            _ => {}
        }
    }

    fn check(&self) {
        let machine = self.shell.machine();
        assert_eq!(machine.states().count(), self.models.len());
        for (key, model) in &self.models {
            let state = machine.state(key).unwrap();
            assert_eq!(
                (state.state_epoch, state.leader_epoch.get(), state.start_offset.get()),
                (model.state_epoch, model.leader_epoch, model.start),
                "{key}"
            );
            let offsets: BTreeMap<i64, (i16, i8)> = state
                .batches
                .iter()
                .flat_map(|batch| {
                    let known = (batch.delivery_count, batch.delivery_state);
                    (batch.first_offset.get()..=batch.last_offset.get()).map(move |offset| (offset, known))
                })
                .collect();
            assert_eq!(offsets, model.offsets, "{key}");
        }
        // Four share-partitions need no more than four snapshots, the updates to them, and what came since the last pruning.
        assert!(self.shell.log_len() < 250, "the log grows: {}", self.shell.log_len());
    }
}

/// What it replays from its own snapshot records is what it is.
fn check_snapshot(machine: &ShareCoordinator) {
    let mut again = ShareCoordinator::new(machine.config.clone());
    for (offset, record) in machine.snapshot_records().enumerate() {
        again.replay(Offset(offset as i64), &record.unwrap()).unwrap();
    }
    assert!(again.states().eq(machine.states()));
}

#[test]
fn any_schedule_keeps_what_was_acknowledged() {
    let seeds = std::env::var("SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(200);
    let mut written = 0;
    for seed in 0..seeds {
        let result = std::panic::catch_unwind(|| {
            let mut simulation = Simulation::new(seed);
            (0..STEPS).for_each(|_| simulation.step());
            check_snapshot(simulation.shell.machine());
            simulation.written
        });
        match result {
            Ok(more) => written += more,
            Err(panic) => {
                eprintln!("seed {seed} failed");
                std::panic::resume_unwind(panic);
            }
        }
    }
    assert!(written > seeds as usize * 20, "the simulation gets somewhere: {written} writes");
}
