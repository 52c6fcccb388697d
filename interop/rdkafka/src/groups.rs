//! Groups: commits, members that share, die, join and leave.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use interop::{Check, Proxy, Suite, until};
use rdkafka::Offset;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::Message;
use tokio::task::JoinHandle;

use crate::admin::list;
use crate::consumer::{consumer, read, values};
use crate::producer::{produce, produce_times, value};
use crate::{Options, WAIT, topic};

/// What `spread` writes, the same number to each of four partitions.
const SPREAD: usize = 40;

pub fn add(suite: &mut Suite) {
    suite.add("group goes on from manual commits", manual_commits);
    suite.add("group goes on from automatic commits", automatic_commits);
    suite.add("group goes on from stored offsets", stored_offsets);
    for assignor in ["range", "roundrobin", "cooperative-sticky"] {
        suite.add(format!("group of two shares by {assignor}"), async move |check| {
            two_share(check, assignor).await
        });
    }
    suite.add("group of two shares, one joins, one leaves", async |check| {
        two_share(check, "range,roundrobin").await
    });
    suite.add("group of two, one dies", one_dies);
    suite.add("group by a pattern of topics", pattern);
    suite.add("group with a static member", static_member);
}

/// A consumer in a group that takes records as they come, and commits them.
pub struct Member {
    consumer: Arc<StreamConsumer>,
    seen: Arc<Mutex<BTreeMap<(i32, i64), usize>>>,
    task: JoinHandle<()>,
}

impl Member {
    pub fn join(check: &Check, group: &str, topic: &str, options: Options) -> Member {
        let defaults = [
            ("group.id", group),
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "100"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "300"),
        ];
        let options: Vec<_> = defaults.iter().chain(options).copied().collect();
        let consumer = Arc::new(consumer(check, &options));
        consumer.subscribe(&[topic]).unwrap();
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let task = tokio::spawn(take(consumer.clone(), seen.clone()));
        Member { consumer, seen, task }
    }

    fn assigned(&self) -> usize {
        self.consumer.assignment().unwrap().count()
    }

    /// The different records that came.
    pub fn records(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The records that came again.
    fn again(&self) -> usize {
        self.seen.lock().unwrap().values().map(|times| times - 1).sum()
    }

    /// Leaves the group, after committing what came.
    pub async fn leave(self) {
        self.task.abort();
        let _ = self.task.await;
        let consumer = Arc::into_inner(self.consumer).expect("its task has ended");
        tokio::task::spawn_blocking(move || drop(consumer)).await.unwrap();
    }
}

async fn take(consumer: Arc<StreamConsumer>, seen: Arc<Mutex<BTreeMap<(i32, i64), usize>>>) {
    loop {
        // An error may pass, as when the connection breaks.
        if let Ok(record) = consumer.recv().await {
            *seen.lock().unwrap().entry((record.partition(), record.offset())).or_default() += 1;
        }
    }
}

/// Ten records to each of four partitions.
async fn spread(check: &Check, topic: &str) {
    let records = (0..SPREAD).map(|i| value(topic, b"v").partition(i as i32 % 4));
    produce(check, records.collect(), &[]).await.unwrap();
}

async fn two_share(check: Check, assignors: &str) {
    let (topic, group) = (topic(&check, 4, &[]).await, check.name());
    let options = [("partition.assignment.strategy", assignors)];
    let one = Member::join(&check, &group, &topic, &options);
    until("the first has all partitions", async || one.assigned() == 4).await;
    let two = Member::join(&check, &group, &topic, &options);
    until("each has two partitions", async || one.assigned() == 2 && two.assigned() == 2).await;
    spread(&check, &topic).await;
    until("all records came", async || one.records() + two.records() == SPREAD).await;
    assert_eq!((one.records(), two.again()), (SPREAD / 2, 0));
    two.leave().await;
    until("the first has all partitions again", async || one.assigned() == 4).await;
    spread(&check, &topic).await;
    until("the first has all new records", async || one.records() == SPREAD / 2 + SPREAD).await;
    assert_eq!(one.again(), 0);
    one.leave().await;
}

async fn one_dies(check: Check) {
    let (topic, group) = (topic(&check, 4, &[]).await, check.name());
    let proxy = Proxy::new(&check.bootstrap, 0).await;
    let behind = check.at(&proxy.address);
    let one = Member::join(&check, &group, &topic, &[]);
    let two = Member::join(&behind, &group, &topic, &[]);
    until("each has two partitions", async || one.assigned() == 2 && two.assigned() == 2).await;
    proxy.cut_off();
    spread(&check, &topic).await;
    until("the other one has all partitions", async || one.assigned() == 4).await;
    until("the other one has all records", async || one.records() == SPREAD).await;
    assert_eq!(one.again(), 0);
    one.leave().await;
    // It cannot leave; the end of this program is its end.
    std::mem::forget(two);
}

async fn manual_commits(check: Check) {
    let (topic, group) = (topic(&check, 1, &[]).await, check.name());
    produce_times(&check, &topic, &[1000, 2000, 3000, 4000]).await;
    let subscribed = || {
        let consumer = consumer(&check, &[("group.id", &group)]);
        consumer.subscribe(&[&topic]).unwrap();
        consumer
    };
    let first = subscribed();
    assert_eq!(read(&first, 4).await.len(), 4);
    first.commit(&list(&topic, 0, Offset::Offset(2)), CommitMode::Sync).unwrap();
    assert_eq!(first.committed(WAIT).unwrap().elements()[0].offset(), Offset::Offset(2));
    drop(first);
    let second = subscribed();
    assert_eq!(values(&read(&second, 2).await), ["2", "3"]);
    second.commit_consumer_state(CommitMode::Sync).unwrap();
    assert_eq!(second.committed(WAIT).unwrap().elements()[0].offset(), Offset::Offset(4));
}

async fn automatic_commits(check: Check) {
    let (topic, group) = (topic(&check, 1, &[]).await, check.name());
    produce_times(&check, &topic, &[1000, 2000]).await;
    let member = Member::join(&check, &group, &topic, &[]);
    let observer = consumer(&check, &[("group.id", &group)]);
    until("it is committed", async || {
        let committed = observer.committed_offsets(list(&topic, 0, Offset::Invalid), WAIT).unwrap();
        committed.elements()[0].offset() == Offset::Offset(2)
    })
    .await;
    member.leave().await;
    produce_times(&check, &topic, &[3000]).await;
    let next = Member::join(&check, &group, &topic, &[]);
    until("the next record", async || next.records() == 1).await;
    assert_eq!(next.seen.lock().unwrap().keys().next(), Some(&(0, 2)));
    next.leave().await;
}

async fn stored_offsets(check: Check) {
    let (topic, group) = (topic(&check, 1, &[]).await, check.name());
    produce_times(&check, &topic, &[1000, 2000, 3000]).await;
    let options =
        [("group.id", group.as_str()), ("enable.auto.commit", "true"), ("enable.auto.offset.store", "false")];
    let first = consumer(&check, &options);
    first.subscribe(&[&topic]).unwrap();
    read(&first, 3).await;
    first.store_offset(&topic, 0, 0).unwrap();
    // Its end commits what was stored: the record 0 is done.
    drop(first);
    let second = consumer(&check, &options);
    second.subscribe(&[&topic]).unwrap();
    assert_eq!(values(&read(&second, 2).await), ["1", "2"]);
}

async fn pattern(check: Check) {
    let (first, second) = (topic(&check, 1, &[]).await, topic(&check, 1, &[]).await);
    let prefix = first.trim_end_matches(|c: char| c.is_ascii_digit());
    for name in [&first, &second] {
        produce_times(&check, name, &[1000]).await;
    }
    let consumer = consumer(&check, &[]);
    consumer.subscribe(&[&format!("^{prefix}[0-9]+$")]).unwrap();
    let records = read(&consumer, 2).await;
    let mut topics: Vec<&str> = records.iter().map(Message::topic).collect();
    topics.sort();
    assert_eq!(topics, [&first, &second]);
}

async fn static_member(check: Check) {
    let (topic, group) = (topic(&check, 4, &[]).await, check.name());
    let proxy = Proxy::new(&check.bootstrap, 0).await;
    let instance = |id| [("group.instance.id", id), ("session.timeout.ms", "30000")];
    let one = Member::join(&check, &group, &topic, &instance("one"));
    let two = Member::join(&check.at(&proxy.address), &group, &topic, &instance("two"));
    until("each has two partitions", async || one.assigned() == 2 && two.assigned() == 2).await;
    // It dies, and another one comes in its place within its session: nobody else notices.
    proxy.cut_off();
    let heir = Member::join(&check, &group, &topic, &instance("two"));
    until("it has two partitions", async || heir.assigned() == 2).await;
    assert_eq!(
        heir.consumer.assignment().unwrap().to_topic_map(),
        two.consumer.assignment().unwrap().to_topic_map()
    );
    assert_eq!(one.assigned(), 2);
    spread(&check, &topic).await;
    until("all records came", async || one.records() + heir.records() == SPREAD).await;
    assert_eq!((one.records(), two.records()), (SPREAD / 2, 0));
    // The end of this program is their end: a static member does not leave.
    std::mem::forget((one, two, heir));
}
