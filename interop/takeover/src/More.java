import java.time.Duration;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;

/** What goes on in a cluster that has moved. */
final class More {
    private final Clients clients;
    private final int round;

    More(Clients clients, int round) {
        this.clients = clients;
        this.round = round;
    }

    void run() throws Exception {
        for (int partition = 0; partition < Fill.CODECS.size(); partition++) Fill.plain(clients, partition, 200, 100 + round);
        Fill.compacted(clients, round);
        Fill.gaps(clients, round);
        String made = "made" + round;
        NewTopic topic = new NewTopic(made, 3, (short) 1).configs(Map.of("retention.bytes", "123456789"));
        Clients.get(clients.admin.createTopics(List.of(topic)).all());
        try (KafkaProducer<byte[], byte[]> producer = clients.producer()) {
            for (int i = 0; i < 500; i++) {
                for (String each : List.of(made, Fill.TRIMMED, Transactions.TOPIC, "gone")) {
                    producer.send(new ProducerRecord<>(each, Fill.bytes("k" + i), Fill.bytes("round " + round)));
                }
            }
        }
        Fill.trim(clients, 1_203 + round * 37L);
        // With a topic's deletion Kafka writes down where logs start, which it else does after a while only.
        Clients.get(clients.admin.createTopics(List.of(new NewTopic("passing", 1, (short) 1))).all());
        Clients.get(clients.admin.deleteTopics(List.of("passing")).all());
        Clients.await("the deletion of a topic", () -> !Clients.get(clients.admin.listTopics().names()).contains("passing"));
        Fill.configure(clients, ConfigResource.Type.TOPIC, Fill.PLAIN, "retention.ms", Long.toString(10_000_000_000L + round));
        Fill.configure(clients, ConfigResource.Type.BROKER, "1", "message.max.bytes", Integer.toString(1_049_000 + round));
        Clients.get(clients.admin.createPartitions(Map.of("many", NewPartitions.increaseTo(50 + round))).all());
        goOn(clients, Fill.CLASSIC, "classic", 150);
        goOn(clients, Fill.MODERN, "classic", 150);
        Fill.simple(clients, round);
    }

    /** A member of a group reads on from where the group stands, and commits. */
    static void goOn(Clients clients, String group, String protocol, int count) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer("group.id", group, "group.protocol", protocol, "max.poll.records", "50")) {
            consumer.subscribe(List.of(Fill.PLAIN));
            int read = 0;
            long end = System.nanoTime() + Clients.SECONDS.toNanos();
            while (read < count) {
                read += consumer.poll(Duration.ofMillis(500)).count();
                if (System.nanoTime() > end) throw new AssertionError(group + " got " + read + " records");
            }
            consumer.commitSync();
        }
    }
}
