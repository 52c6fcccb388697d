import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Offsets of groups that are committed by transactions. */
final class OffsetChecks {
    private final Given given;

    OffsetChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("offsets are committed with the transaction", this::committed);
        given.check("offsets of an open transaction are unstable", this::unstable);
        given.check("offsets of a member, with its group's metadata", this::member);
        given.check("offsets of a stale generation are fenced", this::staleGeneration);
        given.check("offsets of a member that was removed are fenced", this::unknownMember);
        given.check("offsets and records of one transaction, many groups", this::manyGroups);
        given.check("a plain commit while a transaction is open", this::plainCommit);
        given.check("a group is not deleted under an open transaction's offsets", this::groupDeleted);
    }

    private void committed() throws Exception {
        String topic = given.checks.topic(2);
        TopicPartition partition = new TopicPartition(topic, 0);
        TopicPartition other = new TopicPartition(topic, 1);
        try (KafkaProducer<String, String> producer = given.producer(topic); KafkaConsumer<String, String> consumer = given.reader(Given.UNCOMMITTED, "group.id", topic)) {
            offsets(producer, topic, partition, 5);
            producer.abortTransaction();
            until(consumer, partition, null);
            offsets(producer, topic, partition, 6);
            producer.sendOffsetsToTransaction(Map.of(other, new OffsetAndMetadata(9, Optional.of(3), "noted")), given.group(topic));
            producer.commitTransaction();
            until(consumer, partition, 6L);
            OffsetAndMetadata noted = consumer.committed(Set.of(other)).get(other);
            Checks.same("9 3 noted", noted.offset() + " " + noted.leaderEpoch().get() + " " + noted.metadata());
            offsets(producer, topic, partition, 7);
            producer.abortTransaction();
            Checks.same(6L, consumer.committed(Set.of(partition)).get(partition).offset());
            offsets(producer, topic, partition, 7);
            offsets(producer, topic, partition, 8, false);
            producer.commitTransaction();
            until(consumer, partition, 8L);
        }
    }

    private void offsets(KafkaProducer<String, String> producer, String group, TopicPartition partition, long offset) {
        offsets(producer, group, partition, offset, true);
    }

    private void offsets(KafkaProducer<String, String> producer, String group, TopicPartition partition, long offset, boolean begin) {
        if (begin) producer.beginTransaction();
        producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(offset)), given.group(group));
    }

    private static void until(KafkaConsumer<String, String> consumer, TopicPartition partition, Long wanted) throws Exception {
        Checks.until(() -> {
            OffsetAndMetadata seen = consumer.committed(Set.of(partition)).get(partition);
            return wanted == null ? seen == null : seen != null && seen.offset() == wanted;
        });
    }

    private void unstable() throws Exception {
        String topic = given.checks.topic(2);
        TopicPartition partition = new TopicPartition(topic, 0);
        TopicPartition other = new TopicPartition(topic, 1);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin();
            KafkaConsumer<String, String> stable = given.reader(Given.COMMITTED, "group.id", topic)) {
            for (boolean commit : new boolean[] {true, false}) {
                offsets(producer, topic, partition, commit ? 5 : 6);
                // The consumer asks for stable offsets, and is told to ask again.
                Checks.raises(TimeoutException.class, () -> stable.committed(Set.of(partition), Duration.ofMillis(500)));
                Checks.that(stable.committed(Set.of(other)).get(other) == null, "another partition is free");
                Map<TopicPartition, OffsetAndMetadata> loose = loose(admin, topic);
                Checks.that(commit ? loose.get(partition) == null : loose.get(partition).offset() == 5, loose);
                if (commit) producer.commitTransaction();
                else producer.abortTransaction();
                Checks.same(5L, stable.committed(Set.of(partition)).get(partition).offset());
            }
        }
    }

    /** What is committed, whatever is under way. */
    private static Map<TopicPartition, OffsetAndMetadata> loose(Admin admin, String group) throws Exception {
        return Checks.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    }

    private void member() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic);
            KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "group.id", topic, "group.instance.id", "instance")) {
            given.write(topic, "a", "b", "c");
            consumer.subscribe(List.of(topic));
            Checks.same(3, Checks.poll(consumer, 3).size());
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(3)), consumer.groupMetadata());
            producer.commitTransaction();
            until(consumer, partition, 3L);
        }
        // The next member begins there.
        given.write(topic, "d");
        try (KafkaConsumer<String, String> next = given.reader(Given.COMMITTED, "group.id", topic, "group.instance.id", "instance")) {
            next.subscribe(List.of(topic));
            Checks.same("d", Checks.poll(next, 1).get(0).value());
        }
    }

    private void staleGeneration() throws Exception {
        String topic = given.checks.topic(2);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic); KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "group.id", topic);
            KafkaConsumer<String, String> second = given.reader(Given.COMMITTED, "group.id", topic)) {
            consumer.subscribe(List.of(topic));
            Checks.until(() -> {
                consumer.poll(Duration.ofMillis(20));
                return consumer.assignment().size() == 2;
            });
            ConsumerGroupMetadata stale = consumer.groupMetadata();
            second.subscribe(List.of(topic));
            Checks.until(() -> {
                consumer.poll(Duration.ofMillis(20));
                second.poll(Duration.ofMillis(20));
                return consumer.assignment().size() == 1 && second.assignment().size() == 1;
            });
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            Checks.raises(CommitFailedException.class, () -> producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1)), stale));
            // That can be aborted, and no more.
            Given.refused(producer::commitTransaction);
            producer.abortTransaction();
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(2)), consumer.groupMetadata());
            producer.commitTransaction();
            until(consumer, partition, 2L);
        }
    }

    private void unknownMember() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        ConsumerGroupMetadata gone;
        try (KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "group.id", topic)) {
            consumer.subscribe(List.of(topic));
            Checks.until(() -> {
                consumer.poll(Duration.ofMillis(20));
                return !consumer.assignment().isEmpty();
            });
            gone = consumer.groupMetadata();
        }
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            producer.beginTransaction();
            Checks.raises(CommitFailedException.class, () -> producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(1)), gone));
            producer.abortTransaction();
        }
    }

    private void manyGroups() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            for (boolean commit : new boolean[] {true, false}) {
                producer.beginTransaction();
                Given.send(producer, topic, 0, "v" + commit);
                for (int i = 0; i < 10; i++) offsets(producer, topic + "-" + i, partition, commit ? i : 100, false);
                if (commit) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        for (int i = 0; i < 10; i++) {
            try (KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "group.id", topic + "-" + i)) {
                until(consumer, partition, (long) i);
            }
        }
        given.until(Given.COMMITTED, topic, List.of("vtrue"));
    }

    private void plainCommit() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin();
            KafkaConsumer<String, String> consumer = given.reader(Given.UNCOMMITTED, "group.id", topic)) {
            consumer.assign(List.of(partition));
            offsets(producer, topic, partition, 5);
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(3)));
            Checks.same(3L, loose(admin, topic).get(partition).offset());
            producer.abortTransaction();
            until(consumer, partition, 3L);
            // Of two commits the one that came later holds, whichever way it came.
            offsets(producer, topic, partition, 7);
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(4)));
            producer.commitTransaction();
            try (KafkaConsumer<String, String> stable = given.reader(Given.COMMITTED, "group.id", topic)) {
                Checks.same(4L, stable.committed(Set.of(partition)).get(partition).offset());
            }
        }
    }

    private void groupDeleted() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin();
            KafkaConsumer<String, String> consumer = given.reader(Given.UNCOMMITTED, "group.id", topic)) {
            offsets(producer, topic, partition, 5);
            producer.commitTransaction();
            until(consumer, partition, 5L);
            offsets(producer, topic, partition, 6);
            Checks.get(admin.deleteConsumerGroups(List.of(topic)).all());
            Checks.that(consumer.committed(Set.of(partition)).get(partition) == null, "deleted");
            producer.commitTransaction();
            // The deletion ends the pending offsets of the group too.
            try (KafkaConsumer<String, String> stable = given.reader(Given.COMMITTED, "group.id", topic)) {
                OffsetAndMetadata seen = stable.committed(Set.of(partition)).get(partition);
                Checks.that(seen == null, seen);
            }
        }
    }
}
