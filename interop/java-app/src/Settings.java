import java.util.HashMap;
import java.util.Map;

import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;

/** The settings of at-least-once processing, as every guide has them; only what takes time is shorter. */
final class Settings {
    static final int MAX_POLL_RECORDS = 50;
    static final int MAX_POLL_INTERVAL_MS = 10_000;

    private Settings() {
    }

    static Map<String, Object> producer(String bootstrap) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("enable.idempotence", true);
        settings.put("retries", Integer.MAX_VALUE);
        settings.put("max.in.flight.requests.per.connection", 5);
        settings.put("linger.ms", 5);
        settings.put("compression.type", "lz4");
        settings.put("reconnect.backoff.max.ms", 500);
        return settings;
    }

    static Map<String, Object> consumer(String bootstrap, String group) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", group);
        settings.put("enable.auto.commit", false);
        settings.put("auto.offset.reset", "earliest");
        settings.put("max.poll.records", MAX_POLL_RECORDS);
        settings.put("max.poll.interval.ms", MAX_POLL_INTERVAL_MS);
        settings.put("session.timeout.ms", 6_000);
        settings.put("heartbeat.interval.ms", 500);
        settings.put("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        settings.put("reconnect.backoff.max.ms", 500);
        return settings;
    }
}
