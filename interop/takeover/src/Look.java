import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32C;

import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Everything that a client can read, as lines: one a record. */
final class Look {
    private final Clients clients;
    private final List<String> lines = new ArrayList<>();

    Look(Clients clients) {
        this.clients = clients;
    }

    void write(Path file) throws Exception {
        TreeSet<String> names = new TreeSet<>(Clients.get(clients.admin.listTopics().names()));
        List<TopicPartition> partitions = new ArrayList<>();
        TreeMap<String, TopicDescription> topics = new TreeMap<>(Clients.get(clients.admin.describeTopics(names).allTopicNames()));
        topics.forEach((name, topic) -> {
            lines.add("topic " + name + " " + topic.topicId());
            topic.partitions().forEach(p -> {
                lines.add(name + "-" + p.partition() + " leader " + p.leader().id() + " replicas " + p.replicas().size() + " isr " + p.isr().size());
                partitions.add(new TopicPartition(name, p.partition()));
            });
        });
        configs(names);
        offsets(partitions);
        groups();
        // Offsets, groups and transactions are looked at through their coordinators; an open transaction may end meanwhile.
        partitions.removeIf(partition -> partition.topic().startsWith("__") || partition.topic().equals(Transactions.OPEN));
        for (String isolation : List.of("read_uncommitted", "read_committed")) {
            Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = records(partitions, isolation);
            for (TopicPartition partition : partitions) {
                // What is compacted may be compacted further meanwhile.
                if (isCompacted(partition.topic())) newest(partition, records.get(partition));
                else records.get(partition).forEach(record -> lines.add(partition + " " + isolation + " " + line(record)));
            }
        }
        Files.write(file, lines);
    }

    private void configs(Collection<String> topics) throws Exception {
        List<ConfigResource> resources = new ArrayList<>();
        topics.forEach(topic -> resources.add(new ConfigResource(ConfigResource.Type.TOPIC, topic)));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, ""));
        resources.add(new ConfigResource(ConfigResource.Type.BROKER, "1"));
        Clients.get(clients.admin.describeConfigs(resources).all()).forEach((resource, config) -> {
            for (ConfigEntry entry : config.entries()) {
                boolean set = switch (entry.source()) {
                    case DYNAMIC_TOPIC_CONFIG -> resource.type() == ConfigResource.Type.TOPIC;
                    case DYNAMIC_BROKER_CONFIG -> resource.name().equals("1");
                    case DYNAMIC_DEFAULT_BROKER_CONFIG -> resource.name().isEmpty();
                    default -> false;
                };
                // Of what is not known nobody is told the value.
                if (set && !entry.name().equals(Fill.OLD_PROPERTY)) lines.add("config " + resource.type() + " " + resource.name() + " " + entry.name() + "=" + entry.value());
            }
        });
        lines.sort(Comparator.naturalOrder());
    }

    private void offsets(List<TopicPartition> partitions) throws Exception {
        Map<String, OffsetSpec> specs = new TreeMap<>(Map.of("earliest", OffsetSpec.earliest(), "latest", OffsetSpec.latest(), "max timestamp",
            OffsetSpec.maxTimestamp()));
        for (Map.Entry<String, OffsetSpec> spec : specs.entrySet()) {
            Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
            for (TopicPartition partition : partitions) {
                if (isStable(partition.topic())) asked.put(partition, spec.getValue());
            }
            // Their leader epochs are of whoever leads now.
            Clients.get(clients.admin.listOffsets(asked).all()).forEach((partition, found) -> {
                lines.add("offset " + partition + " " + spec.getKey() + " " + found.offset() + " " + found.timestamp());
            });
        }
        lines.sort(Comparator.naturalOrder());
    }

    private static boolean isStable(String topic) {
        return !topic.startsWith("__") && !isCompacted(topic) && !topic.equals(Transactions.OPEN);
    }

    private static boolean isCompacted(String topic) {
        return topic.equals(Fill.COMPACTED) || topic.equals(Fill.GAPS);
    }

    private void groups() throws Exception {
        for (String group : List.of(Fill.CLASSIC, Fill.MODERN, Fill.SIMPLE, Transactions.GROUP)) {
            Map<TopicPartition, OffsetAndMetadata> offsets =
                Clients.get(clients.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
            Map<String, OffsetAndMetadata> sorted = new TreeMap<>();
            offsets.forEach((partition, offset) -> sorted.put(partition.toString(), offset));
            sorted.forEach((partition, offset) -> lines.add("group " + group + " " + partition + " " + offset));
        }
    }

    private void newest(TopicPartition partition, List<ConsumerRecord<byte[], byte[]>> records) {
        Map<String, String> newest = new TreeMap<>();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            String key = new String(record.key(), java.nio.charset.StandardCharsets.UTF_8);
            if (record.value() == null) newest.remove(key);
            else newest.put(key, line(record));
        }
        newest.forEach((key, line) -> lines.add(partition + " " + key + " " + line));
    }

    private static String line(ConsumerRecord<byte[], byte[]> record) {
        StringBuilder headers = new StringBuilder();
        record.headers().forEach(header -> headers.append(header.key()).append('=').append(digest(header.value())).append(' '));
        return "@" + record.offset() + " " + record.timestampType() + " " + record.timestamp() + " epoch "
            + record.leaderEpoch().map(String::valueOf).orElse("none") + " " + digest(record.key()) + " " + digest(record.value()) + " " + headers;
    }

    private static String digest(byte[] bytes) {
        if (bytes == null) return "null";
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return bytes.length + ":" + Long.toHexString(crc.getValue());
    }

    /** All records of partitions that a reader gets to see, in order. */
    Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records(List<TopicPartition> partitions, String isolation) throws IOException {
        Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> records = new HashMap<>();
        partitions.forEach(partition -> records.put(partition, new ArrayList<>()));
        try (KafkaConsumer<byte[], byte[]> consumer = clients.consumer("isolation.level", isolation, "max.poll.records", "5000")) {
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            Set<TopicPartition> left = new HashSet<>(partitions);
            long deadline = System.nanoTime() + Clients.SECONDS.toNanos();
            while (!left.isEmpty()) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> records.get(new TopicPartition(record.topic(), record.partition())).add(record));
                left.removeIf(partition -> consumer.position(partition) >= ends.get(partition));
                if (System.nanoTime() > deadline) throw new IOException("the ends of " + left + " are not reached");
            }
        }
        records.forEach((partition, each) -> {
            long[] offsets = each.stream().mapToLong(ConsumerRecord::offset).toArray();
            if (!Arrays.equals(offsets, Arrays.stream(offsets).sorted().distinct().toArray())) throw new AssertionError(partition + " is out of order");
        });
        return records;
    }
}
