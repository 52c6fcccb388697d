import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Copies a topic to another exactly once, from partition to partition, and tells of each transaction. What it cannot go on from ends it:
 * the next one goes on. Usage: Copier HOST:PORT INPUT OUTPUT GROUP INSTANCE
 */
public final class Copier {
    private Copier() {
    }

    public static void main(String[] args) {
        String input = args[1];
        String output = args[2];
        Map<String, Object> common = Map.of("bootstrap.servers", args[0], "reconnect.backoff.ms", 10, "reconnect.backoff.max.ms", 100, "retry.backoff.ms", 10,
            "retry.backoff.max.ms", 100, "metadata.max.age.ms", 2000);
        Map<String, Object> consuming = new HashMap<>(common);
        // A member that comes back under its name, and takes what it had.
        consuming.putAll(Map.of("group.id", args[3], "group.instance.id", args[4], "isolation.level", "read_committed", "enable.auto.commit", false,
            "auto.offset.reset", "earliest", "session.timeout.ms", 3000, "heartbeat.interval.ms", 300, "max.poll.records", 50));
        Map<String, Object> producing = new HashMap<>(common);
        producing.putAll(Map.of("transactional.id", args[3] + "-" + args[4], "transaction.timeout.ms", 5000, "linger.ms", 0, "max.block.ms", 15_000,
            "delivery.timeout.ms", 15_000, "request.timeout.ms", 5000));
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consuming, new StringDeserializer(), new StringDeserializer());
            KafkaProducer<String, String> producer = new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer())) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            while (true) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                producer.beginTransaction();
                for (ConsumerRecord<String, String> record : records) {
                    producer.send(new ProducerRecord<>(output, record.partition(), Long.toString(record.offset()), "copied " + record.value()));
                    offsets.put(new TopicPartition(input, record.partition()), new OffsetAndMetadata(record.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                producer.commitTransaction();
                System.out.println("copied " + records.count());
            }
        } catch (RuntimeException e) {
            System.out.println("ended: " + e);
            Runtime.getRuntime().halt(3);
        }
    }
}
