import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Transactions, which only Apache Kafka coordinates. */
final class Transactions {
    static final String TOPIC = "transactional";
    /** Offsets that were committed in transactions. */
    static final String GROUP = "exactly-once";
    /** A transaction in it has no end. */
    static final String OPEN = "open";
    private static final int BEFORE_IT = 20;

    private Transactions() {
    }

    /** Transactions of two producers between each other, every third aborted, and records of none. */
    static void write(Clients clients, int round) throws Exception {
        if (round == 0) {
            Clients.get(clients.admin.createTopics(List.of(new NewTopic(TOPIC, 2, (short) 1).configs(Map.of("segment.bytes", "1048576")))).all());
        }
        try (KafkaProducer<byte[], byte[]> one = clients.producer("transactional.id", "one");
            KafkaProducer<byte[], byte[]> other = clients.producer("transactional.id", "other", "compression.type", "lz4");
            KafkaProducer<byte[], byte[]> plain = clients.producer()) {
            ConsumerGroupMetadata group = group(clients);
            one.initTransactions();
            other.initTransactions();
            for (int i = 0; i < 30; i++) {
                one.beginTransaction();
                other.beginTransaction();
                for (int j = 0; j < 10; j++) {
                    one.send(new ProducerRecord<>(TOPIC, j % 2, Fill.bytes("one" + i), new byte[j * 500]));
                    other.send(new ProducerRecord<>(TOPIC, j % 2, Fill.bytes("other" + i), new byte[j * 500]));
                    plain.send(new ProducerRecord<>(TOPIC, j % 2, Fill.bytes("plain" + i), new byte[100]));
                }
                one.sendOffsetsToTransaction(offset(0, 1000L * round + i), group);
                other.sendOffsetsToTransaction(offset(1, 1000L * round + i), group);
                // The last ones of both are aborted: the offsets before them stand.
                if (i % 3 == 2) one.abortTransaction();
                else one.commitTransaction();
                if (i % 3 == 2 || i % 5 == 0) other.abortTransaction();
                else other.commitTransaction();
            }
        }
    }

    /** That of a consumer that is in no generation. */
    private static ConsumerGroupMetadata group(Clients clients) {
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer("group.id", GROUP)) {
            return consumer.groupMetadata();
        }
    }

    private static Map<TopicPartition, OffsetAndMetadata> offset(int partition, long offset) {
        return Map.of(new TopicPartition(Fill.PLAIN, partition), new OffsetAndMetadata(offset, "in a transaction"));
    }

    static void leaveOpen(Clients clients) throws Exception {
        Clients.get(clients.admin.createTopics(List.of(new NewTopic(OPEN, 1, (short) 1))).all());
        try (KafkaProducer<byte[], byte[]> plain = clients.producer()) {
            for (int i = 0; i < BEFORE_IT; i++) plain.send(new ProducerRecord<>(OPEN, 0, null, Fill.bytes("before" + i)));
        }
        KafkaProducer<byte[], byte[]> producer = clients.producer("transactional.id", "open", "transaction.timeout.ms", "600000");
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(OPEN, 0, null, Fill.bytes("undecided")));
        producer.sendOffsetsToTransaction(offset(4, 4), group(clients));
        producer.flush();
        // Closing it would end the transaction; its process is about to find no broker any more.
    }

    static void checkOpenEnd(Clients clients) throws Exception {
        TopicPartition partition = new TopicPartition(OPEN, 0);
        int committed = new Look(clients).records(List.of(partition), "read_committed").get(partition).size();
        int all = new Look(clients).records(List.of(partition), "read_uncommitted").get(partition).size();
        if (committed != BEFORE_IT || all != BEFORE_IT + 1) throw new AssertionError("read_committed has " + committed + ", read_uncommitted " + all);
    }
}
