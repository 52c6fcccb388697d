import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** What the checks start from: transactional producers, and readers of either isolation level. */
final class Given {
    static final String COMMITTED = "read_committed";
    static final String UNCOMMITTED = "read_uncommitted";

    final Checks checks;
    private final String prefix;

    Given(Checks checks, String prefix) {
        this.checks = checks;
        this.prefix = prefix;
    }

    void check(String name, Checks.Check check) {
        checks.check(prefix + name, check);
    }

    /** Clients before 4.0 know of no transactions v2: their epoch stays from one transaction to the next. */
    static boolean bumpsEpochs() {
        return Integer.getInteger("interop.transactions.version") >= 2;
    }

    KafkaProducer<String, String> producer(String transactionalId, Object... options) {
        List<Object> all = new ArrayList<>(List.of("transactional.id", transactionalId, "linger.ms", 0, "retry.backoff.ms", 10));
        all.addAll(List.of(options));
        KafkaProducer<String, String> producer = checks.producer(all.toArray());
        producer.initTransactions();
        return producer;
    }

    /** What no transaction writes. */
    void write(String topic, String... values) throws Exception {
        try (KafkaProducer<String, String> producer = checks.producer("linger.ms", 0, "enable.idempotence", false)) {
            send(producer, topic, 0, values);
        }
    }

    static void send(KafkaProducer<String, String> producer, String topic, int partition, String... values) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (String value : values) sent.add(producer.send(new ProducerRecord<>(topic, partition, null, value)));
        for (Future<RecordMetadata> each : sent) each.get(20, TimeUnit.SECONDS);
    }

    /** A group without members. */
    ConsumerGroupMetadata group(String id) {
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", id)) {
            return consumer.groupMetadata();
        }
    }

    KafkaConsumer<String, String> reader(String isolation, Object... options) {
        List<Object> all = new ArrayList<>(List.of("isolation.level", isolation));
        all.addAll(List.of(options));
        return checks.consumer(all.toArray());
    }

    /** The values that there are for such a reader, from the start of every partition to what is its end now. */
    List<String> values(String isolation, String topic) {
        return records(isolation, topic).stream().map(ConsumerRecord::value).toList();
    }

    List<ConsumerRecord<String, String>> records(String isolation, String topic) {
        try (KafkaConsumer<String, String> consumer = reader(isolation, "fetch.max.wait.ms", 10)) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream().map(each -> new TopicPartition(topic, each.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            return drain(consumer);
        }
    }

    /** What comes until the consumer stands at the ends of all that it has. */
    static List<ConsumerRecord<String, String>> drain(KafkaConsumer<String, String> consumer) {
        Map<TopicPartition, Long> ends = consumer.endOffsets(consumer.assignment());
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!ends.entrySet().stream().allMatch(each -> consumer.position(each.getKey()) >= each.getValue())) {
            if (System.nanoTime() > deadline) throw new AssertionError("not at " + ends + " in time, after " + records.size() + " records");
            consumer.poll(Duration.ofMillis(50)).forEach(records::add);
        }
        return records;
    }

    /** The broker writes the markers after it has answered. */
    void until(String isolation, String topic, List<String> wanted) throws Exception {
        List<String> seen = List.of();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (!(seen = values(isolation, topic)).equals(wanted)) {
            if (System.nanoTime() > end) Checks.same(wanted, seen);
            Thread.sleep(25);
        }
    }

    long end(String isolation, String topic, int partition) {
        try (KafkaConsumer<String, String> consumer = reader(isolation)) {
            TopicPartition at = new TopicPartition(topic, partition);
            return consumer.endOffsets(List.of(at)).get(at);
        }
    }

    static TransactionDescription described(Admin admin, String transactionalId) throws Exception {
        return Checks.get(admin.describeTransactions(List.of(transactionalId)).description(transactionalId));
    }

    static int epoch(Admin admin, String transactionalId) throws Exception {
        return described(admin, transactionalId).producerEpoch();
    }

    /** With whatever error of the client. */
    static void refused(Checks.Check check) throws Exception {
        try {
            check.run();
        } catch (KafkaException e) {
            return;
        }
        throw new AssertionError("it was not refused");
    }
}
