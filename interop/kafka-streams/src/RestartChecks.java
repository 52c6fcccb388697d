import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.KeyValueStore;

/** An application, or the broker, that ends and comes again: nothing that was written is lost. */
// An application works by being there.
@SuppressWarnings("try")
final class RestartChecks {
    private final Checks checks;

    RestartChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("restart: the store comes back from its changelog", this::restored);
        checks.check("restart: a store that is there still is not restored", this::kept);
        checks.check("restart: a table comes back from its source topic", this::sourceTable);
        checks.check("restart: killed, another instance goes on", this::killed);
        if (!Node.ours()) return;
        checks.check("restart: the broker stops and starts under it", () -> broker(Node::stop));
        checks.check("restart: the broker is killed and starts under it", () -> broker(Node::kill));
    }

    private Application start(String id, Topic input, Topic output, Object... options) throws Exception {
        return new Application(checks.bootstrap, id, WordCount.of(input.name, output.name), options).start();
    }

    /** The newest count of each of these numbers, of which every one was written so many times. */
    private static Map<String, String> counts(Iterable<String> words, int each) {
        Map<String, String> counts = new TreeMap<>();
        for (String word : words) counts.put(word, String.valueOf(each));
        return counts;
    }

    private void restored() throws Exception {
        Topic input = new Topic(checks, 3);
        Topic output = new Topic(checks, 2);
        String id = checks.name();
        List<String> words;
        try (Application application = start(id, input, output)) {
            words = input.putNumbers(0, 300);
            output.becomes(counts(words, 1));
            Checks.same(0L, application.restoredRecords());
        }
        input.putNumbers(0, 300);
        try (Application application = start(id, input, output)) {
            Checks.same(300L, application.restoredRecords());
            output.becomes(counts(words, 2));
            input.putNumbers(0, 300);
            Checks.same(900, output.becomes(counts(words, 3)).size());
        }
    }

    private void kept() throws Exception {
        Topic input = new Topic(checks, 3);
        Topic output = new Topic(checks, 2);
        String id = checks.name();
        String folder = Application.folder();
        List<String> words;
        try (Application application = start(id, input, output, "state.dir", folder)) {
            words = input.putNumbers(0, 300);
            output.becomes(counts(words, 1));
        }
        try (Application application = start(id, input, output, "state.dir", folder)) {
            input.putNumbers(0, 300);
            Checks.same(600, output.becomes(counts(words, 2)).size());
            Checks.same(0L, application.restoredRecords());
        }
    }

    /** With the optimization there is no changelog of what a topic holds already. */
    private void sourceTable() throws Exception {
        Topic users = new Topic(checks, 2, "cleanup.policy", "compact");
        Topic orders = new Topic(checks, 2);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, String> table = builder.table(users.name, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("users"));
        builder.<String, String>stream(orders.name).join(table, (order, user) -> order + " of " + user).to(output.name);
        Properties optimized = new Properties();
        optimized.put("topology.optimization", "all");
        Topology topology = builder.build(optimized);
        users.put("1", "Ada", "2", "Blaise");
        orders.put("1", "apples");
        try (Application application = new Application(checks.bootstrap, id, topology, "topology.optimization", "all").start(); Admin admin = checks.admin()) {
            output.becomes(Map.of("1", "apples of Ada"));
            Checks.that(Checks.get(admin.listTopics().names()).stream().noneMatch(name -> name.startsWith(id + "-")), "internal topics");
        }
        try (Application application = new Application(checks.bootstrap, id, topology, "topology.optimization", "all").start()) {
            Checks.same(2L, application.restoredRecords());
            orders.put("2", "bread");
            output.becomes(Map.of("1", "apples of Ada", "2", "bread of Blaise"));
        }
    }

    private void killed() throws Exception {
        Topic input = new Topic(checks, 4);
        Topic output = new Topic(checks, 2);
        String id = checks.name();
        Set<String> words = new HashSet<>();
        Process child = Child.start(checks.bootstrap, id, input, output);
        try {
            for (int i = 0; i < 20; i++) {
                words.addAll(input.putNumbers(i * 100, 100));
                if (i == 2) output.count(200);
            }
        } finally {
            child.destroyForcibly();
            Checks.that(child.waitFor(10, TimeUnit.SECONDS), "it lives");
        }
        try (Application application = start(id, input, output)) {
            output.records(records -> new HashSet<>(keys(records)).equals(words));
        }
    }

    private static List<String> keys(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::key).toList();
    }

    private void broker(Checks.Check end) throws Exception {
        Topic input = new Topic(checks, 3);
        Topic output = new Topic(checks, 2);
        Set<String> words = new HashSet<>();
        try (Application application = start(checks.name(), input, output)) {
            words.addAll(input.putNumbers(0, 1000));
            // In the middle of its work.
            output.count(1);
            end.run();
            Node.start();
            words.addAll(input.putNumbers(1000, 1000));
            output.records(records -> new HashSet<>(keys(records)).equals(words));
        }
    }
}
