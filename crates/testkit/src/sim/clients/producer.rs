//! A producer: idempotent, with up to five batches in flight that it sends again until they are acknowledged; or plain,
//! that sends and forgets.

use std::collections::{BTreeMap, VecDeque};

use protocol::compression::Codec;
use protocol::{ErrorCode, ProducerEpoch, ProducerId};

use crate::sim::event::{Acks, Incarnation};
use crate::sim::node::Node;
use crate::sim::record::{self, Content, Rec, Source};
use crate::sim::scene::{Scene, Token};
use crate::sim::world::{Pending, What, Who};

/// How many batches an idempotent producer has in flight.
const MAX_IN_FLIGHT: usize = 5;

#[derive(Debug)]
pub(crate) struct Producer {
    index: usize,
    idempotent: bool,
    acks: Acks,
    /// Changes when the producer starts anew.
    id: i64,
    streams: BTreeMap<Incarnation, Stream>,
}

/// What goes to one partition.
#[derive(Debug, Default)]
struct Stream {
    /// The number of the next record.
    next: u64,
    /// What is not acknowledged, the oldest first.
    unacknowledged: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    content: Content,
    /// While it is in flight.
    token: Option<Token>,
}

impl Producer {
    pub(crate) fn new(scene: &mut Scene, index: usize) -> Self {
        let idempotent = scene.random.below(3) > 0;
        let acks = if idempotent { Acks::All } else { scene.pick(&[Acks::None, Acks::Leader, Acks::All]) };
        Self { index, idempotent, acks, id: index as i64 * 1_000, streams: BTreeMap::new() }
    }

    /// Sends something to some partition.
    pub(crate) fn act(
        &mut self,
        scene: &mut Scene,
        node: Option<&mut Node>,
        pending: &mut BTreeMap<Token, Pending>,
        ids: &[Incarnation],
    ) {
        if ids.is_empty() {
            return;
        }
        // Topics that are gone.
        self.streams.retain(|id, _| ids.contains(id));
        let id = scene.pick(ids);
        if self.idempotent && scene.once_in(60) {
            scene.trace(format_args!("producer {} starts anew", self.index));
            pending.retain(|_, pending| pending.who != Who::Producer(self.index));
            self.id += 1;
            self.streams.clear();
        }
        let stream = self.streams.entry(id.clone()).or_default();
        let unsent = stream.unacknowledged.iter().any(|batch| batch.token.is_none());
        if !unsent {
            if stream.unacknowledged.len() >= MAX_IN_FLIGHT {
                return;
            }
            let content = content(scene, self.id, self.idempotent, stream.next);
            stream.next += content.records.len() as u64;
            stream.unacknowledged.push_back(Batch { content, token: None });
        }
        self.send(scene, node, pending, &id);
    }

    /// Sends what has to be sent again, of every stream whose partition is there.
    pub(crate) fn retry(
        &mut self,
        scene: &mut Scene,
        mut node: Option<&mut Node>,
        pending: &mut BTreeMap<Token, Pending>,
        ids: &[Incarnation],
    ) {
        self.streams.retain(|id, _| ids.contains(id));
        for id in self.streams.keys().cloned().collect::<Vec<_>>() {
            for _ in 0..MAX_IN_FLIGHT {
                self.send(scene, node.as_deref_mut(), pending, &id);
            }
        }
    }

    /// Sends the oldest batch that is not in flight.
    fn send(
        &mut self,
        scene: &mut Scene,
        node: Option<&mut Node>,
        pending: &mut BTreeMap<Token, Pending>,
        id: &Incarnation,
    ) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        let unsent = stream.unacknowledged.iter().position(|batch| batch.token.is_none());
        let (Some(at), Some(node)) = (unsent, node) else { return };
        let batch = &mut stream.unacknowledged[at];
        let mut bytes = batch.content.encode();
        let read = record::read(&bytes).expect("what was just encoded can be read");
        let records: Vec<Rec> = read.into_iter().flat_map(|batch| batch.records).collect();
        let token = scene.token();
        scene.trace(format_args!(
            "producer {} sends {token} to {id}: {:?} of {} records, {:?}, {} bytes, {:?}",
            self.index,
            batch.content.producer,
            records.len(),
            batch.content.compression,
            bytes.len(),
            self.acks,
        ));
        batch.token = Some(token);
        if !self.idempotent {
            // Whatever comes of it.
            stream.unacknowledged.clear();
        }
        let what = What::Produce { id: id.clone(), acks: self.acks, records: records.clone() };
        pending.insert(token, Pending { who: Who::Producer(self.index), what });
        node.produce(scene, id, &mut bytes, &records, self.acks, token);
    }

    pub(crate) fn answered(
        &mut self,
        scene: &mut Scene,
        token: Token,
        what: &What,
        answer: Result<i64, ErrorCode>,
    ) {
        let What::Produce { id, .. } = what else { return };
        let Some(stream) = self.streams.get_mut(id) else { return };
        match answer {
            Ok(_) => stream.unacknowledged.retain(|batch| batch.token != Some(token)),
            // What was acknowledged from the page cache went with the power: a real client begins a new epoch.
            Err(ErrorCode::OutOfOrderSequenceNumber)
                if !scene.plan.acks_all_fsync
                    && stream.unacknowledged.front().is_some_and(|batch| batch.token == Some(token)) =>
            {
                self.id += 1;
                self.streams.clear();
            }
            Err(error) => {
                scene.trace(format_args!("producer {} was told {error:?} for {token}", self.index));
                // All that is in flight goes again, in order.
                stream.unacknowledged.iter_mut().for_each(|batch| batch.token = None);
            }
        }
    }

    /// Answers that have not come will not come.
    pub(crate) fn disconnect(&mut self) {
        for stream in self.streams.values_mut() {
            stream.unacknowledged.iter_mut().for_each(|batch| batch.token = None);
        }
    }

    /// Whether everything is acknowledged.
    pub(crate) fn is_done(&self) -> bool {
        self.streams.values().all(|stream| stream.unacknowledged.is_empty())
    }
}

/// What the next batch holds.
fn content(scene: &mut Scene, id: i64, idempotent: bool, next: u64) -> Content {
    // What an idempotent producer sends fits into the smallest segment: a refusal would end its stream.
    let (most_records, most_padding) = if idempotent { (4, 40) } else { (10, 150) };
    let count = 1 + scene.random.below(most_records) as u64;
    let records = (0..count).map(|at| {
        let source = Source { stream: id as u64, number: next + at, exactly_once: idempotent };
        let timestamp = scene.now.unix_ms + scene.between(-5_000, 1_000);
        (source, timestamp, scene.random.below(most_padding))
    });
    let records = records.collect();
    let codecs = [Codec::None, Codec::None, Codec::Lz4, Codec::Snappy, Codec::Zstd, Codec::Gzip];
    Content {
        records,
        compression: scene.pick(&codecs).into(),
        producer: idempotent.then_some((ProducerId(id), ProducerEpoch(0), next as i32)),
    }
}
