import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** One look at, or one change of, what is in which log directory. Prints one line, or the exception. */
public final class Dirs {
    private static final int RECORD_BYTES = 100_000;

    private final String bootstrap;
    private final Admin admin;

    private Dirs(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        Dirs dirs = new Dirs(args[0]);
        String[] rest = java.util.Arrays.copyOfRange(args, 2, args.length);
        try {
            dirs.run(args[1], rest);
        } catch (ExecutionException e) {
            System.out.println(e.getCause().getClass().getSimpleName() + ": " + e.getCause().getMessage());
        }
        dirs.admin.close(Duration.ofSeconds(1));
    }

    private void run(String command, String[] args) throws Exception {
        switch (command) {
            case "create" -> {
                var topics = List.of(args).stream().map(name -> new NewTopic(name, 1, (short) 1)).toList();
                admin.createTopics(topics).all().get();
                System.out.println("created " + topics.size());
            }
            case "describe" -> describe().forEach((dir, found) ->
                System.out.println(dir + " " + (found.error() == null ? "ok" : found.error().getClass().getSimpleName())));
            case "where" -> System.out.println(where(args[0]));
            case "move" -> move(args[0], args[1]);
            case "produce" -> produce(args[0], Integer.parseInt(args[1]));
            case "count" -> System.out.println(count(args[0]) + " records");
            case "leader" -> {
                var partition = admin.describeTopics(List.of(args[0])).allTopicNames().get().get(args[0]).partitions().get(0);
                Node leader = partition.leader();
                System.out.println(leader == null || leader.isEmpty() ? "no leader" : "leader " + leader.id());
            }
            default -> throw new IllegalArgumentException(command);
        }
    }

    private int brokerId() throws Exception {
        return admin.describeCluster().nodes().get().iterator().next().id();
    }

    private Map<String, LogDirDescription> describe() throws Exception {
        return admin.describeLogDirs(Set.of(brokerId())).allDescriptions().get().get(brokerId());
    }

    /** The directory that has the partition, when it is in one only. */
    private String where(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(topic, 0);
        List<String> found = describe().entrySet().stream()
            .filter(dir -> dir.getValue().replicaInfos().containsKey(partition))
            .map(Map.Entry::getKey).toList();
        return found.size() == 1 ? found.get(0) : found.toString();
    }

    private void move(String topic, String to) throws Exception {
        admin.alterReplicaLogDirs(Map.of(new TopicPartitionReplica(topic, 0, brokerId()), to)).all().get();
        for (int look = 0; look < 200; look++) {
            if (where(topic).equals(to)) {
                System.out.println("moved to " + to);
                return;
            }
            Thread.sleep(50);
        }
        System.out.println("not moved: " + where(topic));
    }

    private void produce(String topic, int count) throws Exception {
        Properties properties = new Properties();
        properties.putAll(Map.of("bootstrap.servers", bootstrap, "acks", "all", "delivery.timeout.ms", "4000",
            "request.timeout.ms", "2000", "linger.ms", "0", "max.block.ms", "4000", "enable.idempotence", "false"));
        var serializer = new ByteArraySerializer();
        int acked = 0;
        int failed = 0;
        String last = "";
        try (var producer = new KafkaProducer<>(properties, serializer, serializer)) {
            for (int sent = 0; sent < count && failed == 0; sent++) {
                Future<RecordMetadata> answer = producer.send(new ProducerRecord<>(topic, 0, null, new byte[RECORD_BYTES]));
                try {
                    answer.get();
                    acked++;
                } catch (ExecutionException e) {
                    failed++;
                    last = ", " + e.getCause().getClass().getSimpleName() + ": " + e.getCause().getMessage();
                }
            }
        }
        System.out.println("acked " + acked + ", failed " + failed + last);
    }

    private int count(String topic) {
        var properties = Map.<String, Object>of("bootstrap.servers", bootstrap, "max.poll.records", "1000");
        var deserializer = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(properties, deserializer, deserializer)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToBeginning(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            int found = 0;
            while (consumer.position(partition) < end) {
                found += consumer.poll(Duration.ofMillis(200)).count();
            }
            return found;
        }
    }
}
