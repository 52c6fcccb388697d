import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Clients of one broker, and an admin client that lives as long as this. */
final class Clients implements AutoCloseable {
    static final Duration SECONDS = Duration.ofSeconds(60);

    private final String bootstrap;
    final Admin admin;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    KafkaProducer<byte[], byte[]> producer(String... settings) {
        return new KafkaProducer<>(with(settings, "acks", "all", "linger.ms", "5"), new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer(String... settings) {
        return new KafkaConsumer<>(with(settings, "auto.offset.reset", "earliest", "enable.auto.commit", "false"), new ByteArrayDeserializer(),
            new ByteArrayDeserializer());
    }

    private Map<String, Object> with(String[] settings, String... defaults) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        for (int i = 0; i < defaults.length; i += 2) all.put(defaults[i], defaults[i + 1]);
        for (int i = 0; i < settings.length; i += 2) all.put(settings[i], settings[i + 1]);
        return all;
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        try {
            return future.get(SECONDS.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        }
    }

    /** Until something holds that a broker does in its own time. */
    static void await(String what, java.util.concurrent.Callable<Boolean> holds) throws Exception {
        long end = System.nanoTime() + SECONDS.toNanos();
        while (!holds.call()) {
            if (System.nanoTime() > end) throw new AssertionError(what + " did not come");
            Thread.sleep(100);
        }
    }

    @Override
    public void close() {
        admin.close(Duration.ofSeconds(5));
    }
}
