import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.internals.RecordHeader;

/** A cluster as people have it. */
final class Fill {
    /** Every codec, a partition each; headers, keys and values that are null; small segments. */
    static final String PLAIN = "plain";
    static final String COMPACTED = "compacted";
    /** A cleaning leaves gaps at the ends of its segments. */
    static final String GAPS = "gaps";
    /** Its first records are deleted. */
    static final String TRIMMED = "trimmed";
    /** Stamped by the broker. */
    static final String STAMPED = "stamped";
    static final String MANY = "many";
    /** Kafka 4 does not know it any more. */
    static final String OLD_PROPERTY = "message.downconversion.enable";
    static final String CLASSIC = "classic";
    static final String MODERN = "modern";
    static final String SIMPLE = "simple";
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private final Clients clients;

    Fill(Clients clients) {
        this.clients = clients;
    }

    void run() throws Exception {
        create(PLAIN, CODECS.size(), Map.of("segment.bytes", "1048576", "retention.ms", "-1", "max.message.bytes", "2000000"));
        create(COMPACTED, 2, Map.of("cleanup.policy", "compact", "segment.ms", "200", "min.cleanable.dirty.ratio", "0.01"));
        create(GAPS, 1, Map.of("cleanup.policy", "compact", "segment.ms", "200", "min.cleanable.dirty.ratio", "0.01", "segment.bytes", "1048576"));
        create(TRIMMED, 2, Map.of("segment.bytes", "1048576"));
        create(STAMPED, 1, Map.of("message.timestamp.type", "LogAppendTime"));
        create(MANY, 40, Map.of());
        create("gone", 2, Map.of());
        Clients.get(clients.admin.createPartitions(Map.of(MANY, NewPartitions.increaseTo(50))).all());
        for (int partition = 0; partition < CODECS.size(); partition++) plain(clients, partition, 700, 1);
        compacted(clients, 0);
        gaps(clients, 0);
        try (KafkaProducer<byte[], byte[]> producer = clients.producer()) {
            for (int i = 0; i < 3_000; i++) {
                producer.send(new ProducerRecord<>(TRIMMED, i % 2, null, null, noise(i, 1_000)));
                producer.send(new ProducerRecord<>(STAMPED, 0, null, null, bytes("s" + i)));
                producer.send(new ProducerRecord<>(MANY, i % 50, null, bytes("m" + i)));
            }
        }
        trim(clients, 1_203);
        Transactions.write(clients, 0);
        More.goOn(clients, CLASSIC, "classic", 1_000);
        if (hasNewGroups()) More.goOn(clients, MODERN, "consumer", 900);
        simple(clients, 0);
        // A topic that was deleted, and one of its name.
        Clients.get(clients.admin.deleteTopics(List.of("gone")).all());
        Clients.await("the deletion of a topic", () -> !Clients.get(clients.admin.listTopics().names()).contains("gone"));
        create("gone", 1, Map.of("compression.type", "zstd"));
        if (!hasNewGroups()) configure(clients, ConfigResource.Type.TOPIC, STAMPED, OLD_PROPERTY, "false");
        configure(clients, ConfigResource.Type.BROKER, "", "log.cleaner.delete.retention.ms", "86400001");
        configure(clients, ConfigResource.Type.BROKER, "1", "message.max.bytes", "1048999");
        awaitCleaning();
    }

    private boolean hasNewGroups() throws Exception {
        return Clients.get(clients.admin.describeFeatures().featureMetadata()).finalizedFeatures().containsKey("group.version");
    }

    private void create(String topic, int partitions, Map<String, String> configs) throws Exception {
        Clients.get(clients.admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all());
    }

    /** Records into one partition, in the partition's codec. */
    static void plain(Clients clients, int partition, int count, int seed) {
        Random random = new Random(seed * 31L + partition);
        long now = System.currentTimeMillis() - 3_600_000;
        try (KafkaProducer<byte[], byte[]> producer = clients.producer("compression.type", CODECS.get(partition))) {
            for (int i = 0; i < count; i++) {
                byte[] key = random.nextInt(4) == 0 ? null : bytes("k" + i);
                byte[] value = random.nextInt(10) == 0 ? null : noise(i, random.nextInt(6_000));
                ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(PLAIN, partition, now + i * 10L + random.nextInt(300), key, value);
                for (int h = random.nextInt(3); h > 0; h--) {
                    record.headers().add(new RecordHeader("h" + h, h == 2 ? null : bytes("é" + i)));
                }
                producer.send(record);
            }
        }
    }

    /** A few keys many times, in many segments; tombstones too. No idempotence: nothing keeps the last batch of a segment. */
    static void compacted(Clients clients, int round) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = clients.producer("enable.idempotence", "false", "linger.ms", "0")) {
            for (int segment = 0; segment < 6; segment++) {
                for (int i = 0; i < 200; i++) {
                    byte[] value = i % 19 == 7 ? null : bytes("v" + round + "." + segment + "." + i);
                    producer.send(new ProducerRecord<>(COMPACTED, i % 2, bytes("key" + i % (segment == 0 ? 90 : 40)), value));
                }
                producer.flush();
                Thread.sleep(250);
            }
        }
    }

    /** Segments that are nearly full, and too large to be put together; each ends with a record that the next one has again. */
    static void gaps(Clients clients, int round) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = clients.producer("enable.idempotence", "false", "linger.ms", "0", "batch.size", "0")) {
            for (int segment = 0; segment < 4; segment++) {
                for (int i = 0; i < 24; i++) {
                    producer.send(new ProducerRecord<>(GAPS, 0, bytes("key" + round + "." + segment + "." + i), noise(i, 40_000)));
                }
                for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>(GAPS, 0, bytes("again"), bytes(round + "." + segment + "." + i)));
                producer.flush();
                Thread.sleep(250);
            }
        }
    }

    static void trim(Clients clients, long before) throws Exception {
        TopicPartition partition = new TopicPartition(TRIMMED, 1);
        Clients.get(clients.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(before))).all());
    }

    /** Offsets that an admin sets, with their metadata. */
    static void simple(Clients clients, int round) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(
            new TopicPartition(PLAIN, 0), new OffsetAndMetadata(100 + round, Optional.of(0), "by hand, ü"),
            new TopicPartition(PLAIN, 3), new OffsetAndMetadata(7, "again " + round));
        Clients.get(clients.admin.alterConsumerGroupOffsets(SIMPLE, offsets).all());
    }

    static void configure(Clients clients, ConfigResource.Type type, String name, String key, String value) throws Exception {
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
        Clients.get(clients.admin.incrementalAlterConfigs(Map.of(new ConfigResource(type, name), List.of(set))).all());
    }

    /** The cleaner has been over the compacted topic: most of what was written is not read any more. */
    private void awaitCleaning() throws Exception {
        Clients.await("a cleaning", () -> {
            TopicPartition compacted = new TopicPartition(COMPACTED, 0);
            TopicPartition gaps = new TopicPartition(GAPS, 0);
            var records = new Look(clients).records(List.of(compacted, gaps), "read_uncommitted");
            return records.get(compacted).size() < 250 && records.get(gaps).size() < 108;
        });
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Half of it is noise, so that codecs have something to do. */
    private static byte[] noise(int seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        for (int i = 0; i < length / 2; i++) bytes[i] = (byte) ('a' + i % 7);
        return bytes;
    }
}
