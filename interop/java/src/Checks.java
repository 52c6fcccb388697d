import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Counts checks, each with a deadline, and makes the clients that they use. */
final class Checks {
    private static final long DEADLINE_MS = Long.getLong("interop.deadline.ms", 60_000);

    interface Check {
        void run() throws Exception;
    }

    final String bootstrap;
    private final String only;
    private final String run = "java-" + Long.toString(System.nanoTime(), 36);
    private int names;
    private int passed;
    private int failed;

    Checks(String bootstrap, String only) {
        this.bootstrap = bootstrap;
        this.only = only;
    }

    boolean wants(String name) {
        return name.contains(only);
    }

    void check(String name, Check check) {
        if (!wants(name)) return;
        Throwable[] trouble = new Throwable[1];
        Thread thread = new Thread(() -> {
            try {
                check.run();
            } catch (Throwable t) {
                trouble[0] = t;
            }
        });
        thread.setDaemon(true);
        long start = System.nanoTime();
        thread.start();
        try {
            thread.join(DEADLINE_MS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        if (thread.isAlive()) {
            trouble[0] = new AssertionError("no end after " + DEADLINE_MS + " ms");
            trouble[0].setStackTrace(thread.getStackTrace());
        }
        if (trouble[0] == null) {
            passed++;
            System.out.printf("ok   %s (%.1f s)%n", name, (System.nanoTime() - start) / 1e9);
        } else {
            failed++;
            System.out.println("FAIL " + name + "\n     | " + trouble[0]);
            for (int i = 0; i < Math.min(8, trouble[0].getStackTrace().length); i++) {
                System.out.println("     |   " + trouble[0].getStackTrace()[i]);
            }
        }
    }

    /** Ends the process, also when a check hangs. */
    void finish() {
        System.out.println(passed + " passed, " + failed + " failed");
        System.out.flush();
        Runtime.getRuntime().halt(failed > 0 || passed == 0 ? 1 : 0);
    }

    synchronized String name() {
        return run + "-" + names++;
    }

    static void that(boolean condition, Object seen) {
        if (!condition) throw new AssertionError(seen);
    }

    static void same(Object wanted, Object seen) {
        if (!wanted.equals(seen)) throw new AssertionError("wanted " + wanted + ", seen " + seen);
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    /** Apache Kafka answers a change before its brokers show it: what was changed is waited for. */
    static void until(Condition condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(40);
        while (!condition.holds()) {
            if (System.nanoTime() > end) throw new AssertionError("it did not happen in time");
            Thread.sleep(20);
        }
    }

    /** The check throws just this, or this as the cause of a failed future. */
    static void raises(Class<? extends Throwable> wanted, Check check) {
        try {
            check.run();
        } catch (Throwable thrown) {
            Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
            if (cause.getClass() == wanted) return;
            throw new AssertionError("wanted " + wanted.getSimpleName() + ", seen " + cause, cause);
        }
        throw new AssertionError("no " + wanted.getSimpleName());
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(30, TimeUnit.SECONDS);
    }

    private static Map<String, Object> with(Map<String, Object> base, Object... more) {
        for (int i = 0; i < more.length; i += 2) base.put((String) more[i], more[i + 1]);
        return base;
    }

    Admin admin() {
        return Admin.create(with(new HashMap<>(), "bootstrap.servers", bootstrap, "request.timeout.ms", 10000, "default.api.timeout.ms", 20000));
    }

    KafkaProducer<String, String> producer(Object... options) {
        Map<String, Object> base = with(new HashMap<>(), "bootstrap.servers", bootstrap, "max.block.ms", 20000, "delivery.timeout.ms", 20000,
            "request.timeout.ms", 10000);
        return new KafkaProducer<>(with(base, options), new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(Object... options) {
        Map<String, Object> base = with(new HashMap<>(), "bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false,
            "default.api.timeout.ms", 20000, "metadata.max.age.ms", 1000);
        return new KafkaConsumer<>(with(base, options), new StringDeserializer(), new StringDeserializer());
    }

    String topic(int partitions, String... configs) throws Exception {
        String name = name();
        create(name, partitions, configs);
        return name;
    }

    void create(String name, int partitions, String... configs) throws Exception {
        Map<String, String> properties = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) properties.put(configs[i], configs[i + 1]);
        try (Admin admin = admin()) {
            get(admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(properties))).all());
            until(() -> {
                try {
                    return get(admin.describeTopics(List.of(name)).allTopicNames()).get(name).partitions().stream().allMatch(p -> p.leader() != null);
                } catch (ExecutionException e) {
                    return false;
                }
            });
            // And its properties are in force a moment later still.
            if (configs.length > 0) Thread.sleep(300);
        }
    }

    List<RecordMetadata> produce(String topic, int partition, int count, Object... options) throws Exception {
        List<RecordMetadata> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = producer(options)) {
            List<java.util.concurrent.Future<RecordMetadata>> futures = new ArrayList<>();
            for (int i = 0; i < count; i++) futures.add(producer.send(new ProducerRecord<>(topic, partition, "key-" + i, "value-" + i)));
            for (java.util.concurrent.Future<RecordMetadata> future : futures) sent.add(future.get(20, TimeUnit.SECONDS));
        }
        return sent;
    }

    static List<ConsumerRecord<String, String>> poll(KafkaConsumer<String, String> consumer, int count) {
        return poll(consumer, count, 20);
    }

    /** The records that come, until there are so many of them. */
    static List<ConsumerRecord<String, String>> poll(KafkaConsumer<String, String> consumer, int count, int seconds) {
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (records.size() < count && System.nanoTime() < end) consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        return records;
    }

    static List<Long> offsets(List<ConsumerRecord<String, String>> records) {
        List<Long> offsets = new ArrayList<>();
        for (ConsumerRecord<String, String> record : records) offsets.add(record.offset());
        return offsets;
    }
}
