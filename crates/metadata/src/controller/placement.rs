//! Where the replicas of new partitions go: in stripes over racks, and over brokers within a rack, from a random
//! start, so that leaders and replicas spread evenly and no two replicas share a rack while another rack has room.

use std::collections::BTreeMap;

use protocol::BrokerId;
use stdx::Random;

use crate::ClusterImage;

/// The brokers of a rack: those that can lead are taken first.
#[derive(Default)]
struct Rack {
    unfenced: Stripe,
    fenced: Stripe,
}

/// A list to be drawn from in a circle; each round starts one further.
#[derive(Default)]
struct Stripe {
    brokers: Vec<BrokerId>,
    start: usize,
    drawn: usize,
}

impl Stripe {
    fn next(&mut self) -> Option<BrokerId> {
        if self.drawn == self.brokers.len() {
            return None;
        }
        let broker = self.brokers[(self.start + self.drawn) % self.brokers.len()];
        self.drawn += 1;
        Some(broker)
    }

    fn next_round(&mut self) {
        self.drawn = 0;
        self.start = (self.start + 1) % self.brokers.len().max(1);
    }
}

impl Rack {
    fn next(&mut self) -> Option<BrokerId> {
        self.unfenced.next().or_else(|| self.fenced.next())
    }

    fn stripes(&mut self) -> [&mut Stripe; 2] {
        [&mut self.unfenced, &mut self.fenced]
    }
}

/// The replicas of `partitions` new partitions. The first of each is a broker that is not fenced. The error is the
/// end of Kafka's sentence "Unable to replicate the partition N time(s): ".
pub(super) fn place(
    image: &ClusterImage,
    partitions: usize,
    replication_factor: i16,
    random: &mut Random,
) -> Result<Vec<Vec<BrokerId>>, String> {
    let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
    let (mut usable, mut unfenced) = (0, 0);
    for broker in image.brokers().values().filter(|broker| broker.takes_replicas()) {
        let rack = racks.entry(broker.rack.as_deref()).or_default();
        let stripe = if broker.fenced { &mut rack.fenced } else { &mut rack.unfenced };
        stripe.brokers.push(broker.id);
        usable += 1;
        unfenced += usize::from(!broker.fenced);
    }
    let replicas = usize::try_from(replication_factor).unwrap_or(0);
    if replicas == 0 {
        return Err(format!(
            "Invalid replication factor {replication_factor}: the replication factor must be positive."
        ));
    }
    if unfenced == 0 {
        return Err("All brokers are currently fenced.".to_owned());
    }
    if replicas > usable {
        return Err(format!(
            "The target replication factor of {replicas} cannot be reached because only {usable} broker(s) are \
             registered or some brokers have all their log directories cordoned."
        ));
    }
    let mut racks: Vec<Rack> = racks.into_values().collect();
    for stripe in racks.iter_mut().flat_map(Rack::stripes) {
        stripe.start = random.below(stripe.brokers.len());
    }
    let mut start = random.below(racks.len());
    let mut placed = Vec::with_capacity(partitions);
    for round in 0..partitions {
        // Every broker has led once: another order, lest the same sets of replicas repeat.
        if round > 0 && round % unfenced == 0 && unfenced > 1 {
            random.shuffle(&mut racks);
            for stripe in racks.iter_mut().flat_map(Rack::stripes) {
                random.shuffle(&mut stripe.brokers);
            }
        }
        placed.push(place_one(&mut racks, start, replicas));
        racks.iter_mut().flat_map(Rack::stripes).for_each(Stripe::next_round);
        start = (start + 1) % racks.len();
    }
    Ok(placed)
}

/// The replicas of one partition, beginning at rack `start`. There are as many brokers, and one that is not fenced.
fn place_one(racks: &mut [Rack], start: usize, replicas: usize) -> Vec<BrokerId> {
    let mut chosen = Vec::with_capacity(replicas);
    let count = racks.len();
    let mut first_rack = None;
    for rack in (start..start + count).map(|i| i % count) {
        if let Some(leader) = racks[rack].unfenced.next() {
            chosen.push(leader);
            first_rack = Some(rack);
            break;
        }
    }
    let mut rack = start;
    while chosen.len() < replicas {
        // The leader's rack has had its turn of the first round.
        if first_rack == Some(rack) {
            first_rack = None;
        } else if let Some(broker) = racks[rack].next() {
            chosen.push(broker);
        }
        rack = (rack + 1) % count;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::super::testing::{World, registration};
    use super::*;

    fn placed(world: &World, partitions: usize, replicas: i16) -> Vec<Vec<i32>> {
        let placed = place(world.image(), partitions, replicas, &mut Random::from_seed(11)).unwrap();
        placed.into_iter().map(|replicas| replicas.into_iter().map(BrokerId::get).collect()).collect()
    }

    #[test]
    fn leaders_and_replicas_spread_evenly() {
        let world = World::of(5);
        let (mut led, mut held) = ([0; 6], [0; 6]);
        for replicas in placed(&world, 50, 3) {
            led[replicas[0] as usize] += 1;
            replicas.iter().for_each(|id| held[*id as usize] += 1);
        }
        assert_eq!(led[1..], [10; 5]);
        assert!(held[1..].iter().all(|count| (27..=33).contains(count)), "{held:?}");
    }

    #[test]
    fn no_two_replicas_share_a_rack_while_another_has_room() {
        let mut world = World::empty();
        for id in 1..=6 {
            let mut request = registration(id, 50 + id as u128);
            request.rack = Some(format!("rack-{}", id % 3).into());
            let outcome = world.controller.register_broker(world.image(), &request, world.next_offset);
            let epoch = world.commit(outcome).broker_epoch;
            let unfence = world.controller.unfence_broker(world.image(), BrokerId(id), epoch);
            world.commit(unfence).unwrap();
        }
        for replicas in placed(&world, 40, 3) {
            let racks: std::collections::BTreeSet<i32> = replicas.iter().map(|id| id % 3).collect();
            assert_eq!(racks.len(), 3, "{replicas:?}");
        }
        for replicas in placed(&world, 40, 6) {
            let brokers: std::collections::BTreeSet<i32> = replicas.iter().copied().collect();
            assert_eq!(brokers.len(), 6, "{replicas:?}");
        }
    }

    #[test]
    fn one_broker_takes_all() {
        assert_eq!(placed(&World::of(1), 3, 1), [[1], [1], [1]]);
    }
}
