"""Copies a topic to another exactly once, from partition to partition, and tells of each transaction. What it cannot go on from ends
it: the next one goes on. Usage: copier.py HOST:PORT INPUT OUTPUT GROUP INSTANCE
"""
import os
import sys
import threading

from confluent_kafka import Consumer, KafkaException, Producer

RETRIES_S = 15
HANGS_S = 40


def retried(call):
    """Some errors of librdkafka say that the same call may be made again."""
    while True:
        try:
            return call()
        except KafkaException as e:
            if not e.args[0].retriable():
                raise
            print("again:", e, flush=True)


def hangs():
    # Seldom, after a broker was killed, librdkafka does not return from send_offsets_to_transaction, whatever its time-out.
    print("ended: a call that does not return", flush=True)
    os._exit(3)


def transaction(consumer, producer, output, records):
    producer.begin_transaction()
    for record in records:
        producer.produce(output, partition=record.partition(), key=str(record.offset()), value=b"copied " + record.value())
    positions = [position for position in consumer.position(consumer.assignment()) if position.offset >= 0]
    retried(lambda: producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), RETRIES_S))
    retried(lambda: producer.commit_transaction(RETRIES_S))


def main():
    bootstrap, source, output, group, instance = sys.argv[1:]
    common = {"bootstrap.servers": bootstrap, "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 10, "log_level": 0,
              "topic.metadata.refresh.interval.ms": 2000}
    consumer = Consumer({**common, "group.id": group, "isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "earliest",
                         "session.timeout.ms": 3000, "heartbeat.interval.ms": 300, "fetch.wait.max.ms": 100})
    producer = Producer({**common, "transactional.id": f"{group}-{instance}", "transaction.timeout.ms": 5000, "linger.ms": 0})
    retried(lambda: producer.init_transactions(RETRIES_S))
    consumer.subscribe([source])
    while True:
        records = consumer.consume(50, 0.2)
        for record in records:
            if record.error() and not record.error().retriable():
                raise KafkaException(record.error())
        records = [record for record in records if not record.error()]
        if records:
            watchdog = threading.Timer(HANGS_S, hangs)
            watchdog.start()
            transaction(consumer, producer, output, records)
            watchdog.cancel()
            print("copied", len(records), flush=True)


try:
    main()
except Exception as e:
    print("ended:", e, flush=True)
    os._exit(3)
