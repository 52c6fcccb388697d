import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;

/** The topics that an application makes for itself. */
// An application works by being there.
@SuppressWarnings("try")
final class InternalTopicChecks {
    private final Checks checks;

    InternalTopicChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("internal topics: repartition and changelog", this::wordCount);
        checks.check("internal topics: changelog of windows", this::windows);
        checks.check("internal topics: what was repartitioned is deleted", this::purge);
        checks.check("internal topics: changelog holds what the store holds", this::changelog);
        checks.check("internal topics: of another shape are refused", this::otherShape);
    }

    private Application start(String id, Topic input, Topic output, Object... options) throws Exception {
        return new Application(checks.bootstrap, id, WordCount.of(input.name, output.name), options).start();
    }

    private static void configs(Admin admin, String topic, String... wanted) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        Config config = Checks.get(admin.describeConfigs(List.of(resource)).all()).get(resource);
        for (int i = 0; i < wanted.length; i += 2) {
            String seen = config.get(wanted[i]).value();
            Checks.that(wanted[i + 1].equals(seen), topic + ": " + wanted[i] + "=" + seen + ", not " + wanted[i + 1]);
        }
    }

    private void wordCount() throws Exception {
        Topic input = new Topic(checks, 3);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        try (Application application = start(id, input, output, "topic.segment.ms", 7_200_000); Admin admin = checks.admin()) {
            input.put("1", "a");
            output.count(1);
            Set<String> topics = Checks.get(admin.listTopics().names()).stream().filter(name -> name.startsWith(id + "-")).collect(Collectors.toSet());
            Checks.same(Set.of(WordCount.repartition(id), WordCount.changelog(id)), topics);
            Checks.get(admin.describeTopics(topics).allTopicNames()).forEach((name, topic) -> Checks.same(3, topic.partitions().size()));
            configs(admin, WordCount.repartition(id), "cleanup.policy", "delete", "retention.ms", "-1", "segment.bytes", "52428800",
                "message.timestamp.type", "CreateTime", "segment.ms", "7200000");
            configs(admin, WordCount.changelog(id), "cleanup.policy", "compact", "message.timestamp.type", "CreateTime", "segment.ms", "7200000");
        }
    }

    private void windows() throws Exception {
        Topic input = new Topic(checks, 2);
        String id = checks.name();
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> stream = builder.stream(input.name);
        stream.groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofMinutes(5)))
            .count(Materialized.as("windows"));
        try (Application application = new Application(checks.bootstrap, id, builder.build()).start(); Admin admin = checks.admin()) {
            // What the store keeps, and a day more.
            configs(admin, id + "-windows-changelog", "cleanup.policy", "compact,delete", "retention.ms", String.valueOf(360_000 + 86_400_000),
                "message.timestamp.type", "CreateTime");
        }
    }

    private void purge() throws Exception {
        Topic input = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        try (Application application = start(id, input, output, "repartition.purge.interval.ms", 200); Admin admin = checks.admin()) {
            TopicPartition partition = new TopicPartition(WordCount.repartition(id), 0);
            input.put("1", "a b c a");
            output.becomes(Map.of("a", "2", "b", "1", "c", "1"));
            Checks.until(() -> Checks.get(admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).all()).get(partition).offset() == 4);
            input.put("1", "a");
            output.becomes(Map.of("a", "3", "b", "1", "c", "1"));
        }
    }

    private void changelog() throws Exception {
        Topic input = new Topic(checks, 2);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        try (Application application = start(id, input, output)) {
            input.put("1", "a b", "2", "a");
            output.becomes(Map.of("a", "2", "b", "1"));
        }
        List<String> seen = new ArrayList<>();
        // As its values are numbers of eight bytes, the last one is compared.
        for (ConsumerRecord<String, String> record : new Topic(checks, WordCount.changelog(id)).count(3)) {
            seen.add(record.key() + (int) record.value().charAt(7));
        }
        Checks.same(new TreeSet<>(List.of("a1", "a2", "b1")), new TreeSet<>(seen));
    }

    private void otherShape() throws Exception {
        Topic input = new Topic(checks, 2);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        try (Admin admin = checks.admin()) {
            Checks.get(admin.createTopics(List.of(new NewTopic(WordCount.changelog(id), 5, (short) 1))).all());
        }
        Application application = new Application(checks.bootstrap, id, WordCount.of(input.name, output.name));
        application.streams.start();
        Checks.until(() -> application.trouble != null);
        Checks.that(String.valueOf(application.trouble).contains("has invalid partitions"), application.trouble);
        application.streams.close(Duration.ofSeconds(20));
    }
}
