import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** What readers of either isolation level see, and where they stand. */
final class IsolationChecks {
    private final Given given;

    IsolationChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("an open transaction holds readers back", this::heldBack);
        given.check("the last stable offset is the first of several open ones", this::severalOpen);
        given.check("aborted transactions within each other, read from every offset", this::everyOffset);
        given.check("offsets by isolation level", this::offsets);
        given.check("aborted over segments", this::segments);
        given.check("records are deleted up to within a transaction", this::deleted);
        given.check("a compacted topic", this::compacted);
    }

    private void heldBack() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> first = given.producer(topic + "-1"); KafkaProducer<String, String> second = given.producer(topic + "-2");
            KafkaConsumer<String, String> reader = given.reader(Given.COMMITTED, "fetch.max.wait.ms", 4000)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            reader.assign(List.of(partition));
            reader.seekToBeginning(List.of(partition));
            given.write(topic, "before");
            first.beginTransaction();
            Given.send(first, topic, 0, "first");
            second.beginTransaction();
            Given.send(second, topic, 0, "second");
            second.commitTransaction();
            Checks.same(List.of("before"), values(Checks.poll(reader, 10, 1)));
            Checks.same(1L, reader.position(partition));
            // A reader that waits is answered when the transaction ends, and not when its time is over.
            first.commitTransaction();
            Checks.same(List.of("first", "second"), values(Checks.poll(reader, 2, 2)));
        }
    }

    private static List<String> values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }

    private void severalOpen() throws Exception {
        String topic = given.checks.topic(1);
        List<KafkaProducer<String, String>> producers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            producers.add(given.producer(topic + i));
            producers.get(i).beginTransaction();
            Given.send(producers.get(i), topic, 0, "v" + i);
        }
        // Offsets 0 to 3 are records, and each end adds a marker.
        end(producers.get(1), topic, false, 0);
        end(producers.get(0), topic, true, 2);
        end(producers.get(3), topic, true, 2);
        Checks.same(List.of("v0"), given.values(Given.COMMITTED, topic));
        end(producers.get(2), topic, true, 8);
        Checks.same(List.of("v0", "v2", "v3"), given.values(Given.COMMITTED, topic));
    }

    private void end(KafkaProducer<String, String> producer, String topic, boolean commit, long stable) throws Exception {
        long before = given.end(Given.UNCOMMITTED, topic, 0);
        if (commit) producer.commitTransaction();
        else producer.abortTransaction();
        producer.close();
        Checks.until(() -> given.end(Given.UNCOMMITTED, topic, 0) == before + 1);
        Checks.same(stable, given.end(Given.COMMITTED, topic, 0));
    }

    private void everyOffset() throws Exception {
        String topic = given.checks.topic(1);
        List<KafkaProducer<String, String>> producers = new ArrayList<>();
        for (int i = 0; i < 5; i++) producers.add(given.producer(topic + i));
        for (int round = 0; round < 4; round++) {
            for (KafkaProducer<String, String> producer : producers) producer.beginTransaction();
            for (int i = 0; i < 15; i++) Given.send(producers.get((i * 7 + round) % 5), topic, 0, (i * 7 + round) % 5 % 2 + "");
            for (int i = 0; i < 5; i++) {
                if (i % 2 == 0) producers.get(i).commitTransaction();
                else producers.get(i).abortTransaction();
            }
        }
        producers.forEach(KafkaProducer::close);
        Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 4 * (15 + 5));
        // Those with odd numbers aborted.
        List<Long> committed = given.records(Given.UNCOMMITTED, topic).stream().filter(each -> each.value().equals("0")).map(ConsumerRecord::offset).toList();
        Checks.same(4 * 9, committed.size());
        try (KafkaConsumer<String, String> reader = given.reader(Given.COMMITTED, "max.partition.fetch.bytes", 200, "fetch.max.wait.ms", 10)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            reader.assign(List.of(partition));
            for (long from = 0; from <= 80; from++) {
                reader.seek(partition, from);
                long start = from;
                Checks.same(committed.stream().filter(offset -> offset >= start).toList(), Checks.offsets(Given.drain(reader)));
            }
        }
    }

    private void offsets() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin()) {
            long first = System.currentTimeMillis() - 1000;
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, first, null, "a")).get(20, TimeUnit.SECONDS);
            producer.commitTransaction();
            Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 2);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, first + 10_000, null, "b")).get(20, TimeUnit.SECONDS);
            Checks.same(2L, offset(admin, partition, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED));
            Checks.same(3L, offset(admin, partition, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED));
            Checks.same(0L, offset(admin, partition, OffsetSpec.earliest(), IsolationLevel.READ_COMMITTED));
            Checks.same(-1L, offset(admin, partition, OffsetSpec.forTimestamp(first + 10_000), IsolationLevel.READ_COMMITTED));
            Checks.same(2L, offset(admin, partition, OffsetSpec.forTimestamp(first + 10_000), IsolationLevel.READ_UNCOMMITTED));
            Checks.same(2L, offset(admin, partition, OffsetSpec.maxTimestamp(), IsolationLevel.READ_UNCOMMITTED));
            try (KafkaConsumer<String, String> reader = given.reader(Given.COMMITTED)) {
                Checks.that(reader.offsetsForTimes(Map.of(partition, first + 10_000)).get(partition) == null, "it is not stable yet");
                Checks.same(0L, reader.offsetsForTimes(Map.of(partition, first)).get(partition).offset());
            }
            producer.abortTransaction();
            Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 4);
            // Of what was aborted is told as of any record.
            Checks.same(2L, offset(admin, partition, OffsetSpec.forTimestamp(first + 10_000), IsolationLevel.READ_COMMITTED));
        }
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec, IsolationLevel level) throws Exception {
        return Checks.get(admin.listOffsets(Map.of(partition, spec), new ListOffsetsOptions(level)).partitionResult(partition)).offset();
    }

    private void segments() throws Exception {
        String topic = given.checks.topic(1, "segment.bytes", "1048576", "index.interval.bytes", "200");
        List<String> wanted = new ArrayList<>();
        String filler = "x".repeat(9000);
        try (KafkaProducer<String, String> aborted = given.producer(topic + "-a"); KafkaProducer<String, String> committed = given.producer(topic + "-c")) {
            for (int transaction = 0; transaction < 5; transaction++) {
                aborted.beginTransaction();
                committed.beginTransaction();
                for (int i = 0; i < 40; i++) {
                    aborted.send(new ProducerRecord<>(topic, 0, null, filler));
                    committed.send(new ProducerRecord<>(topic, 0, null, transaction + "-" + i + filler));
                    wanted.add(transaction + "-" + i + filler);
                }
                aborted.flush();
                aborted.abortTransaction();
                committed.commitTransaction();
            }
        }
        given.until(Given.COMMITTED, topic, wanted);
        Checks.same(400, given.values(Given.UNCOMMITTED, topic).size());
    }

    private void deleted() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin()) {
            for (boolean commit : new boolean[] {false, true}) {
                producer.beginTransaction();
                for (int i = 0; i < 4; i++) Given.send(producer, topic, 0, commit + " " + i);
                if (commit) producer.commitTransaction();
                else producer.abortTransaction();
            }
            Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 10);
            for (long before : new long[] {2, 6}) {
                Checks.get(admin.deleteRecords(Map.of(new TopicPartition(topic, 0), org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(before))).all());
                List<String> wanted = List.of("true 0", "true 1", "true 2", "true 3");
                Checks.same(before == 2 ? wanted : wanted.subList(1, 4), given.values(Given.COMMITTED, topic));
            }
        }
    }

    private void compacted() throws Exception {
        String topic = given.checks.topic(1, "cleanup.policy", "compact", "segment.ms", "1000", "min.cleanable.dirty.ratio", "0.001", "max.compaction.lag.ms", "1000");
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            for (int i = 0; i < 30; i++) {
                producer.beginTransaction();
                for (int key = 0; key < 3; key++) producer.send(new ProducerRecord<>(topic, 0, "k" + key, (i % 3 == 2 ? "aborted" : "v") + i));
                if (i % 3 == 2) producer.abortTransaction();
                else producer.commitTransaction();
                Thread.sleep(40);
            }
            // What comes later is in a segment that is not cleaned.
            Thread.sleep(1100);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, "k9", "last"));
            producer.commitTransaction();
        }
        Checks.until(() -> given.values(Given.COMMITTED, topic).equals(List.of("v28", "v28", "v28", "last")));
    }
}
