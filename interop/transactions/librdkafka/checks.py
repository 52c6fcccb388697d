"""Transactions of librdkafka, by confluent-kafka-python."""
import threading

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from harness import BOOTSTRAP, a_name, check, main, until

COMMON = {"bootstrap.servers": BOOTSTRAP, "log_level": 0, "retry.backoff.ms": 10, "topic.metadata.refresh.interval.ms": 1000}
COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"
SECONDS = 15
ADMIN = AdminClient(COMMON)


def a_topic(partitions=1):
    name = a_name("librdkafka")
    ADMIN.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])[name].result(20)
    return name


def a_producer(transactional_id, **options):
    options = {name.replace("_", "."): value for name, value in options.items()}
    producer = Producer({**COMMON, "transactional.id": transactional_id, "linger.ms": 0, **options})
    producer.init_transactions(SECONDS)
    return producer


def a_consumer(isolation=COMMITTED, group="nobody"):
    return Consumer({**COMMON, "group.id": group, "isolation.level": isolation, "enable.auto.commit": False, "enable.partition.eof": True,
                     "auto.offset.reset": "earliest", "fetch.wait.max.ms": 10, "session.timeout.ms": 6000})


def records(topic, partitions=1, isolation=COMMITTED):
    consumer, found, ended = a_consumer(isolation), [], set()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    while len(ended) < partitions:
        for record in consumer.consume(1000, 0.1):
            if not record.error():
                found.append(record)
            elif record.error().code() == KafkaError._PARTITION_EOF:
                ended.add(record.partition())
    consumer.close()
    return found


def values(*arguments, **options):
    return [record.value().decode() for record in records(*arguments, **options)]


def write(producer, topic, *contents, partition=0):
    for content in contents:
        producer.produce(topic, partition=partition, value=content)
    assert producer.flush(SECONDS) == 0


def transaction(producer, topic, *contents, commit=True):
    producer.begin_transaction()
    write(producer, topic, *contents)
    end(producer, commit)


def end(producer, commit):
    if commit:
        producer.commit_transaction(SECONDS)
    else:
        producer.abort_transaction(SECONDS)


def refused(call):
    """The error that a call raises."""
    try:
        call()
    except KafkaException as e:
        return e.args[0]
    raise AssertionError("it was not refused")


@check
def commit_and_abort():
    topic = a_topic()
    producer = a_producer(topic)
    for commit in (True, False):
        producer.begin_transaction()
        write(producer, topic, f"{commit}")
        assert values(topic) == ([] if commit else ["True"])
        end(producer, commit)
    until(lambda: values(topic, isolation=UNCOMMITTED) == ["True", "False"])
    until(lambda: a_consumer().get_watermark_offsets(TopicPartition(topic, 0)) == (0, 4))
    assert values(topic) == ["True"]


@check
def empty_transactions():
    topic = a_topic()
    producer = a_producer(topic)
    for turn in range(6):
        producer.begin_transaction()
        end(producer, turn % 2 == 0)
    transaction(producer, topic, "a")
    until(lambda: values(topic) == ["a"])


@check
def many_transactions_of_many_partitions():
    topic = a_topic(10)
    producer = a_producer(topic)
    for turn in range(60):
        producer.begin_transaction()
        for partition in range(10):
            producer.produce(topic, partition=partition, value=f"{turn}")
        if turn % 3 == 0:
            producer.flush(SECONDS)
        end(producer, turn % 3 != 0)
    wanted = sorted(f"{turn}" for turn in range(60) if turn % 3 for _ in range(10))
    until(lambda: sorted(values(topic, 10)) == wanted)
    for partition in range(10):
        assert [int(record.value()) for record in records(topic, 10) if record.partition() == partition] == [turn for turn in range(60) if turn % 3]


@check
def abort_drops_what_was_not_sent():
    topic = a_topic()
    producer = a_producer(topic, linger_ms=5000)
    producer.begin_transaction()
    for _ in range(100):
        producer.produce(topic, partition=0, value="dropped")
    producer.abort_transaction(SECONDS)
    producer.begin_transaction()
    producer.produce(topic, partition=0, value="kept")
    producer.commit_transaction(SECONDS)
    until(lambda: values(topic) == ["kept"])


@check
def second_producer_fences_the_first():
    topic = a_topic()
    first = a_producer(topic)
    first.begin_transaction()
    write(first, topic, "first")
    second = a_producer(topic)
    second.begin_transaction()
    write(second, topic, "second")
    error = refused(lambda: first.commit_transaction(SECONDS))
    assert error.fatal() and error.code() == KafkaError._FENCED, error
    second.commit_transaction(SECONDS)
    until(lambda: values(topic) == ["second"])


@check
def transaction_that_takes_too_long_is_aborted():
    topic = a_topic()
    producer = a_producer(topic, transaction_timeout_ms=1000, message_timeout_ms=900)
    producer.begin_transaction()
    write(producer, topic, "late")
    # It has its marker.
    until(lambda: a_consumer().get_watermark_offsets(TopicPartition(topic, 0)) == (0, 2))
    refused(lambda: producer.commit_transaction(SECONDS))
    assert values(topic) == []
    transaction(a_producer(topic), topic, "next")
    until(lambda: values(topic) == ["next"])


def a_member(topic, group):
    consumer = a_consumer(group=group)
    consumer.subscribe([topic])
    return consumer


@check
def offsets_are_committed_with_the_transaction():
    topic = a_topic()
    producer, consumer = a_producer(topic), a_consumer(group=topic)
    partition = TopicPartition(topic, 0)
    for commit, offset, wanted in ((False, 5, -1001), (True, 6, 6), (False, 7, 6)):
        producer.begin_transaction()
        producer.send_offsets_to_transaction([TopicPartition(topic, 0, offset)], consumer.consumer_group_metadata(), SECONDS)
        error = refused(lambda: consumer.committed([partition], 0.5))
        assert error.code() in (KafkaError.UNSTABLE_OFFSET_COMMIT, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE), error
        end(producer, commit)
        seen = consumer.committed([partition], SECONDS)[0].offset
        assert seen == wanted, (seen, wanted)


@check
def offsets_of_a_stale_generation_are_fenced():
    topic = a_topic(2)
    producer, first = a_producer(topic), a_member(topic, topic)
    until(lambda: first.poll(0.02) or len(first.assignment()) == 2)
    stale = first.consumer_group_metadata()
    second = a_member(topic, topic)
    until(lambda: first.poll(0.02) and second.poll(0.02) or len(first.assignment()) == 1 and (second.poll(0.02) or len(second.assignment()) == 1))
    producer.begin_transaction()
    write(producer, topic, "a")
    error = refused(lambda: producer.send_offsets_to_transaction([TopicPartition(topic, 0, 1)], stale, SECONDS))
    assert error.txn_requires_abort() and not error.fatal(), error
    producer.abort_transaction(SECONDS)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 2)], first.consumer_group_metadata(), SECONDS)
    producer.commit_transaction(SECONDS)
    assert first.committed([TopicPartition(topic, 0)], SECONDS)[0].offset == 2


@check
def offsets_by_isolation():
    topic = a_topic()
    producer, partition = a_producer(topic), TopicPartition(topic, 0)
    transaction(producer, topic, "a")
    producer.begin_transaction()
    write(producer, topic, "b")

    def latest(level):
        return ADMIN.list_offsets({partition: OffsetSpec.latest()}, isolation_level=level)[partition].result(20).offset
    assert (latest(IsolationLevel.READ_COMMITTED), latest(IsolationLevel.READ_UNCOMMITTED)) == (2, 3)
    producer.abort_transaction(SECONDS)
    until(lambda: (latest(IsolationLevel.READ_COMMITTED), latest(IsolationLevel.READ_UNCOMMITTED)) == (4, 4))


@check
def whole_transactions_while_they_are_written():
    topic, writers, committed = a_topic(3), [], {}

    def writer(number):
        producer = a_producer(f"{topic}-{number}")
        for turn in range(40):
            count = (turn * 7 + number) % 20 + 1
            producer.begin_transaction()
            for place in range(count):
                producer.produce(topic, partition=place % 3, key=f"{number}/{turn}", value=f"{place}")
            if turn % 4 == 3:
                producer.flush(SECONDS)
            else:
                committed[f"{number}/{turn}"] = count
            end(producer, turn % 4 != 3)
    for number in range(3):
        writers.append(threading.Thread(target=writer, args=[number], daemon=True))
        writers[-1].start()
    consumer, seen = a_consumer(), {}
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(3)])

    def read():
        for record in consumer.consume(50, 0.05):
            if not record.error():
                key = record.key().decode()
                seen[key] = seen.get(key, 0) + 1
        return not any(writer.is_alive() for writer in writers) and sum(seen.values()) >= sum(committed.values())
    until(read)
    assert len(committed) == 90 and seen == committed


main()
