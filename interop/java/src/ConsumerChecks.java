import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTopicException;

final class ConsumerChecks {
    private final Checks checks;

    ConsumerChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("assign, seek, position, lag", this::assign);
        checks.check("pause and resume", this::pause);
        checks.check("offsets for times", this::times);
        checks.check("subscribe to a pattern, to a topic that comes later", this::pattern);
        checks.check("a consumer that is there first reads at once", this::follow);
        checks.check("many partitions, small fetches", this::manyPartitions);
        checks.check("read_committed", this::readCommitted);
        checks.check("an offset out of range, with and without a reset", this::outOfRange);
        checks.check("the start moves under a reader", this::startMoves);
        checks.check("no offset and no reset", this::noOffset);
        checks.check("a topic name that is not allowed", this::badTopic);
        checks.check("list topics", this::listTopics);
        checks.check("a poll without records takes its time", this::emptyPoll);
    }

    private void assign() throws Exception {
        String topic = checks.topic(2);
        checks.produce(topic, 0, 10);
        checks.produce(topic, 1, 4);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            consumer.assign(List.of(first, second));
            Checks.same(14, Checks.poll(consumer, 14).size());
            Checks.same(10L, consumer.position(first));
            Checks.same(4L, consumer.position(second));
            Checks.same(0L, consumer.currentLag(first).getAsLong());
            Checks.same(Map.of(first, 0L, second, 0L), consumer.beginningOffsets(List.of(first, second)));
            Checks.same(Map.of(first, 10L, second, 4L), consumer.endOffsets(List.of(first, second)));
            consumer.seek(first, 7);
            Checks.same(List.of(7L, 8L, 9L), Checks.offsets(Checks.poll(consumer, 3)));
            consumer.seekToBeginning(List.of(second));
            Checks.same(List.of(0L, 1L, 2L, 3L), Checks.offsets(Checks.poll(consumer, 4)));
            consumer.seekToEnd(List.of(first));
            Checks.same(10L, consumer.position(first));
            consumer.seek(first, 3);
            Checks.same(3L, Checks.poll(consumer, 1).get(0).offset());
        }
    }

    private void pause() throws Exception {
        String topic = checks.topic(2);
        TopicPartition first = new TopicPartition(topic, 0);
        TopicPartition second = new TopicPartition(topic, 1);
        checks.produce(topic, 0, 3);
        checks.produce(topic, 1, 3);
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            consumer.assign(List.of(first, second));
            consumer.pause(List.of(first));
            Checks.same(Set.of(first), consumer.paused());
            for (ConsumerRecord<String, String> record : Checks.poll(consumer, 6, 2)) Checks.same(1, record.partition());
            consumer.resume(List.of(first));
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 3);
            Checks.same(3, records.size());
            for (ConsumerRecord<String, String> record : records) Checks.same(0, record.partition());
        }
    }

    private void times() throws Exception {
        String topic = checks.topic(1, "message.timestamp.before.max.ms", "" + Long.MAX_VALUE, "retention.ms", "-1");
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = checks.producer()) {
            // The second batch has a time before the first one's last.
            for (long stamp : new long[] {1000, 5000, 2000, 9000}) producer.send(new ProducerRecord<>(topic, 0, stamp, "k", "v")).get(20, TimeUnit.SECONDS);
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            Map<Long, Long> wanted = Map.of(0L, 0L, 1000L, 0L, 1001L, 1L, 5000L, 1L, 5001L, 3L, 9000L, 3L);
            for (Map.Entry<Long, Long> entry : wanted.entrySet()) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, entry.getKey())).get(partition);
                Checks.same(entry.getValue(), found.offset());
                Checks.that(found.timestamp() >= entry.getKey() && found.leaderEpoch().isPresent(), found);
            }
            Checks.that(consumer.offsetsForTimes(Map.of(partition, 9001L)).get(partition) == null, "an offset after all");
        }
    }

    private void pattern() throws Exception {
        String base = checks.topic(1);
        checks.produce(base, 0, 1);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", base)) {
            consumer.subscribe(Pattern.compile(base + "(|-later)"));
            Checks.same(base, Checks.poll(consumer, 1).get(0).topic());
            consumer.commitSync();
            checks.produce(base + "-later", 0, 1);
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 1);
            Checks.same(base + "-later", records.get(0).topic());
        }
    }

    private void follow() throws Exception {
        String topic = checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer("fetch.max.wait.ms", 4000, "fetch.min.bytes", 1);
             KafkaProducer<String, String> producer = checks.producer("linger.ms", 0)) {
            consumer.assign(List.of(partition));
            Checks.poll(consumer, 1, 1);
            for (int i = 0; i < 20; i++) {
                long start = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, "v" + i)).get(10, TimeUnit.SECONDS);
                Checks.same((long) i, Checks.poll(consumer, 1).get(0).offset());
                Checks.that(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(3), "a long poll was not woken");
            }
        }
    }

    private void manyPartitions() throws Exception {
        String topic = checks.topic(40, "segment.bytes", "1048576");
        try (KafkaProducer<String, String> producer = checks.producer("linger.ms", 5)) {
            for (int i = 0; i < 4000; i++) producer.send(new ProducerRecord<>(topic, i % 40, null, "v" + i));
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic, "fetch.max.bytes", 2000, "max.partition.fetch.bytes", 500,
            "max.poll.records", 37)) {
            consumer.subscribe(List.of(topic));
            long[] next = new long[40];
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 4000, 40);
            for (ConsumerRecord<String, String> record : records) Checks.same(next[record.partition()]++, record.offset());
            Checks.same(4000, records.size());
        }
    }

    private void readCommitted() throws Exception {
        String topic = checks.topic(1);
        checks.produce(topic, 0, 5);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer("isolation.level", "read_committed")) {
            consumer.assign(List.of(partition));
            Checks.same(5, Checks.poll(consumer, 5).size());
            Checks.same(Map.of(partition, 5L), consumer.endOffsets(List.of(partition)));
        }
    }

    private void outOfRange() throws Exception {
        String topic = checks.topic(1);
        checks.produce(topic, 0, 3);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 1000);
            Checks.same(List.of(0L, 1L, 2L), Checks.offsets(Checks.poll(consumer, 3)));
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer("auto.offset.reset", "none")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 1000);
            Checks.raises(OffsetOutOfRangeException.class, () -> Checks.poll(consumer, 1));
        }
    }

    private void startMoves() throws Exception {
        String topic = checks.topic(1);
        checks.produce(topic, 0, 10);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer(); Admin admin = checks.admin()) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 2);
            Checks.get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(6))).all());
            Checks.same(List.of(6L, 7L, 8L, 9L), Checks.offsets(Checks.poll(consumer, 4)));
            Checks.same(Map.of(partition, 6L), consumer.beginningOffsets(List.of(partition)));
        }
    }

    private void noOffset() throws Exception {
        String topic = checks.topic(1);
        try (KafkaConsumer<String, String> consumer = checks.consumer("auto.offset.reset", "none", "group.id", topic)) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Checks.raises(NoOffsetForPartitionException.class, () -> Checks.poll(consumer, 1));
        }
    }

    private void badTopic() throws Exception {
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", checks.name())) {
            consumer.subscribe(List.of("not/allowed"));
            Checks.raises(InvalidTopicException.class, () -> Checks.poll(consumer, 1));
        }
    }

    private void listTopics() throws Exception {
        String topic = checks.topic(3);
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            Checks.same(3, consumer.listTopics().get(topic).size());
            Checks.same(3, new ArrayList<>(consumer.partitionsFor(topic)).size());
        }
    }

    private void emptyPoll() throws Exception {
        String topic = checks.topic(1);
        try (KafkaConsumer<String, String> consumer = checks.consumer("fetch.max.wait.ms", 400)) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            long start = System.nanoTime();
            Checks.same(0, Checks.poll(consumer, 1, 2).size());
            Checks.that(System.nanoTime() - start >= TimeUnit.MILLISECONDS.toNanos(1900), "it came back early");
            double fetches = 0;
            for (var entry : consumer.metrics().entrySet()) {
                if (entry.getKey().name().equals("fetch-total") && entry.getKey().group().equals("consumer-fetch-manager-metrics")) fetches = (double) entry.getValue().metricValue();
            }
            // It waits in the broker, and does not ask again and again.
            Checks.that(fetches > 0 && fetches < 12, fetches + " fetches");
        }
    }
}
