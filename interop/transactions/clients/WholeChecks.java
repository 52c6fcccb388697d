import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** A transaction is seen whole or not at all. */
final class WholeChecks {
    private final Given given;

    WholeChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("commit", () -> ended(true));
        given.check("abort", () -> ended(false));
        given.check("empty transactions", this::empty);
        given.check("many transactions of one producer", this::many);
        given.check("many partitions of several topics", this::manyPartitions);
        given.check("aborted by what may be aborted: a record too large for the topic", this::abortable);
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) given.check("compressed, " + codec, () -> compressed(codec));
        given.check("a producer without transactions writes beside", this::beside);
        given.check("a topic is deleted under a transaction", this::topicDeleted);
        given.check("read while they are written: whole transactions only", this::concurrent);
    }

    private void ended(boolean commit) throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a", "b");
            Checks.same(List.of(), given.values(Given.COMMITTED, topic));
            Checks.same(List.of("a", "b"), given.values(Given.UNCOMMITTED, topic));
            if (commit) producer.commitTransaction();
            else producer.abortTransaction();
            given.until(Given.COMMITTED, topic, commit ? List.of("a", "b") : List.of());
            Checks.same(List.of("a", "b"), given.values(Given.UNCOMMITTED, topic));
            // Two records and a marker.
            Checks.that(given.end(Given.COMMITTED, topic, 0) == 3, given.end(Given.COMMITTED, topic, 0));
            Checks.same(3L, given.end(Given.UNCOMMITTED, topic, 0));
        }
    }

    private void empty() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            for (int i = 0; i < 4; i++) {
                producer.beginTransaction();
                if (i % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
            }
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            producer.commitTransaction();
            for (int i = 0; i < 4; i++) {
                producer.beginTransaction();
                if (i % 2 == 0) producer.abortTransaction();
                else producer.commitTransaction();
            }
            given.until(Given.COMMITTED, topic, List.of("a"));
            // Nothing is written for what is empty.
            Checks.same(2L, given.end(Given.UNCOMMITTED, topic, 0));
        }
    }

    private void many() throws Exception {
        String topic = given.checks.topic(2);
        List<String> wanted = new ArrayList<>();
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            for (int i = 0; i < 200; i++) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(topic, i % 2, null, "v" + i));
                if (i % 5 == 3) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    wanted.add("v" + i);
                }
            }
        }
        Checks.until(() -> new HashSet<>(given.values(Given.COMMITTED, topic)).equals(new HashSet<>(wanted)));
        List<String> seen = given.records(Given.COMMITTED, topic).stream().filter(each -> each.partition() == 0).map(ConsumerRecord::value).toList();
        Checks.same(wanted.stream().filter(each -> Integer.parseInt(each.substring(1)) % 2 == 0).toList(), seen);
    }

    private void manyPartitions() throws Exception {
        List<String> topics = List.of(given.checks.topic(20), given.checks.topic(20), given.checks.topic(1));
        try (KafkaProducer<String, String> producer = given.producer(topics.get(0), "linger.ms", 5)) {
            for (boolean commit : new boolean[] {true, false, true}) {
                producer.beginTransaction();
                for (String topic : topics) {
                    int partitions = topic.equals(topics.get(2)) ? 1 : 20;
                    for (int i = 0; i < partitions; i++) producer.send(new ProducerRecord<>(topic, i, null, "v" + commit));
                }
                // What is not sent yet, an abort drops.
                producer.flush();
                if (commit) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        for (String topic : topics) {
            int partitions = topic.equals(topics.get(2)) ? 1 : 20;
            Checks.until(() -> given.values(Given.COMMITTED, topic).size() == 2 * partitions);
            Checks.same(Set.of("vtrue"), Set.copyOf(given.values(Given.COMMITTED, topic)));
            Checks.same(3 * partitions, given.values(Given.UNCOMMITTED, topic).size());
        }
    }

    private void abortable() throws Exception {
        String topic = given.checks.topic(1, "max.message.bytes", "1000");
        try (KafkaProducer<String, String> producer = given.producer(topic)) {
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            Checks.raises(RecordTooLargeException.class, () -> Given.send(producer, topic, 0, "x".repeat(5000)));
            Given.refused(producer::commitTransaction);
            producer.abortTransaction();
            producer.beginTransaction();
            Given.send(producer, topic, 0, "b");
            producer.commitTransaction();
        }
        given.until(Given.COMMITTED, topic, List.of("b"));
    }

    private void compressed(String codec) throws Exception {
        String topic = given.checks.topic(1);
        List<String> wanted = new ArrayList<>();
        try (KafkaProducer<String, String> producer = given.producer(topic, "compression.type", codec, "linger.ms", 5)) {
            for (int transaction = 0; transaction < 4; transaction++) {
                producer.beginTransaction();
                for (int i = 0; i < 100; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, null, transaction + " " + i));
                    if (transaction % 2 == 0) wanted.add(transaction + " " + i);
                }
                if (transaction % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        given.until(Given.COMMITTED, topic, wanted);
    }

    private void beside() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic);
            KafkaProducer<String, String> idempotent = given.checks.producer("linger.ms", 0);
            KafkaProducer<String, String> plain = given.checks.producer("linger.ms", 0, "enable.idempotence", false)) {
            for (boolean commit : new boolean[] {true, false}) {
                producer.beginTransaction();
                Given.send(producer, topic, 0, "t1" + commit);
                Given.send(idempotent, topic, 0, "i" + commit);
                Given.send(plain, topic, 0, "p" + commit);
                Given.send(producer, topic, 0, "t2" + commit);
                if (commit) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        given.until(Given.COMMITTED, topic, List.of("t1true", "itrue", "ptrue", "t2true", "ifalse", "pfalse"));
    }

    private void topicDeleted() throws Exception {
        String kept = given.checks.topic(1);
        String deleted = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(kept); Admin admin = given.checks.admin()) {
            producer.beginTransaction();
            Given.send(producer, kept, 0, "a");
            Given.send(producer, deleted, 0, "a");
            Checks.get(admin.deleteTopics(List.of(deleted)).all());
            Checks.until(() -> !Checks.get(admin.listTopics().names()).contains(deleted));
            producer.commitTransaction();
            given.until(Given.COMMITTED, kept, List.of("a"));
            producer.beginTransaction();
            Given.send(producer, kept, 0, "b");
            producer.commitTransaction();
        }
        given.until(Given.COMMITTED, kept, List.of("a", "b"));
    }

    private static final int WRITERS = 4;
    private static final int TRANSACTIONS = 60;
    private static final int PARTITIONS = 3;

    /** Writers commit and abort; what readers see is checked while it comes, and all of it at the end. */
    private void concurrent() throws Exception {
        String topic = given.checks.topic(PARTITIONS);
        Map<String, Integer> committed = new ConcurrentHashMap<>();
        ExecutorService pool = Executors.newFixedThreadPool(WRITERS);
        List<Future<?>> writers = new ArrayList<>();
        for (int number = 0; number < WRITERS; number++) writers.add(pool.submit(writer(topic, number, committed)));
        List<ConsumerRecord<String, String>> seen = new ArrayList<>();
        // Small answers, so that they end in the middle of transactions.
        try (KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "max.partition.fetch.bytes", 700, "fetch.max.bytes", 2000)) {
            consumer.assign(consumer.partitionsFor(topic).stream().map(each -> new TopicPartition(topic, each.partition())).toList());
            consumer.seekToBeginning(consumer.assignment());
            while (!writers.stream().allMatch(Future::isDone)) consumer.poll(Duration.ofMillis(20)).forEach(seen::add);
            for (Future<?> writer : writers) writer.get();
            int wanted = committed.values().stream().mapToInt(Integer::intValue).sum();
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (seen.size() < wanted && System.nanoTime() < end) consumer.poll(Duration.ofMillis(50)).forEach(seen::add);
        } finally {
            pool.shutdownNow();
        }
        Map<String, Integer> read = new HashMap<>();
        for (ConsumerRecord<String, String> record : seen) read.merge(record.key(), 1, Integer::sum);
        Checks.same(committed, read);
        inOrder(seen);
    }

    /** Of one writer in one partition, by the numbers in the values. */
    private static void inOrder(List<ConsumerRecord<String, String>> records) {
        Map<String, Integer> last = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            int number = Integer.parseInt(record.value());
            Integer before = last.put(record.key().split("/")[0] + "@" + record.partition(), number);
            Checks.that(before == null || before < number, record);
        }
    }

    private Callable<Void> writer(String topic, int number, Map<String, Integer> committed) {
        return () -> {
            Random random = new Random(number);
            int next = 0;
            try (KafkaProducer<String, String> producer = given.producer(topic + "-" + number, "batch.size", 200)) {
                for (int transaction = 0; transaction < TRANSACTIONS; transaction++) {
                    String key = number + "/" + transaction;
                    int count = 1 + random.nextInt(30);
                    producer.beginTransaction();
                    for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, random.nextInt(PARTITIONS), key, Integer.toString(next++)));
                    if (random.nextInt(3) == 0) {
                        producer.abortTransaction();
                    } else {
                        producer.commitTransaction();
                        committed.put(key, count);
                    }
                }
            } catch (RuntimeException e) {
                throw new ExecutionException(e);
            }
            return null;
        };
    }
}
