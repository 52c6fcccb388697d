import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;

/** The broker ends and starts again while transactions are open. */
final class RestartChecks {
    private final Given given;

    RestartChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("the broker stops and starts under an open transaction", () -> restarted(false, true));
        given.check("the broker is killed under an open transaction, which commits", () -> restarted(true, true));
        given.check("the broker is killed under an open transaction, which aborts", () -> restarted(true, false));
        given.check("the broker is killed just after a commit", this::justCommitted);
    }

    private void restarted(boolean kill, boolean commit) throws Exception {
        String topic = given.checks.topic(2);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic, "delivery.timeout.ms", 40_000, "max.block.ms", 40_000)) {
            producer.beginTransaction();
            Given.send(producer, topic, 0, "aborted");
            producer.abortTransaction();
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(7)), given.group(topic));
            if (kill) Node.kill();
            else Node.stop();
            Node.start();
            Checks.same(List.of(), given.values(Given.COMMITTED, topic));
            Checks.same(2L, given.end(Given.COMMITTED, topic, 0));
            Given.send(producer, topic, 0, "b");
            Given.send(producer, topic, 1, "c");
            if (commit) producer.commitTransaction();
            else producer.abortTransaction();
            Checks.until(() -> Set.copyOf(given.values(Given.COMMITTED, topic)).equals(commit ? Set.of("a", "b", "c") : Set.of()));
        }
        try (KafkaConsumer<String, String> consumer = given.reader(Given.COMMITTED, "group.id", topic)) {
            OffsetAndMetadata seen = consumer.committed(Set.of(partition)).get(partition);
            Checks.that(commit ? seen != null && seen.offset() == 7 : seen == null, seen);
        }
    }

    private void justCommitted() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic, "max.block.ms", 40_000)) {
            for (int i = 0; i < 2; i++) {
                producer.beginTransaction();
                Given.send(producer, topic, 0, "v" + i);
                producer.commitTransaction();
                Node.kill();
                Node.start();
            }
        }
        given.until(Given.COMMITTED, topic, List.of("v0", "v1"));
    }
}
