import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/** What applications compute, from what they were given to what they wrote. */
// An application works by being there.
@SuppressWarnings("try")
final class TopologyChecks {
    private final Checks checks;

    TopologyChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("topology: map, filter and branch", this::stateless);
        checks.check("topology: topics by a pattern, one that comes later", this::pattern);
        checks.check("topology: word count", this::wordCount);
        checks.check("topology: counts of windows, once each is closed", this::windows);
        checks.check("topology: sessions", this::sessions);
        checks.check("topology: stream joined with a table", this::streamTable);
        checks.check("topology: stream joined with a stream", this::streamStream);
        checks.check("topology: table joined with a table", this::tableTable);
        checks.check("topology: table joined with a table by a foreign key", this::foreignKey);
        checks.check("topology: stream joined with a global table", this::globalTable);
    }

    private Application start(StreamsBuilder builder) throws Exception {
        return new Application(checks.bootstrap, checks.name(), builder.build()).start();
    }

    /** A moment of which no record is deleted for its age, at the start of a window. */
    private static long base() {
        return (System.currentTimeMillis() - 3_600_000) / 60_000 * 60_000;
    }

    private void stateless() throws Exception {
        Topic input = new Topic(checks, 4);
        Topic even = new Topic(checks, 4);
        Topic odd = new Topic(checks, 2);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input.name)
            .filter((key, value) -> Integer.parseInt(value) < 900)
            .map((key, value) -> new KeyValue<>(key.toUpperCase(Locale.ROOT), Integer.parseInt(value)))
            .split()
            .branch((key, value) -> value % 2 == 0, Branched.withConsumer(branch -> branch.mapValues(String::valueOf).to(even.name)))
            .defaultBranch(Branched.withConsumer(branch -> branch.mapValues(String::valueOf).to(odd.name)));
        long timestamp = base();
        input.put(List.of(new ProducerRecord<>(input.name, 0, timestamp, "first", "0", new RecordHeaders().add("trace", new byte[] {0, -1}))));
        try (Application application = start(builder)) {
            input.putNumbers(1, 999);
            List<ConsumerRecord<String, String>> evens = even.count(450);
            List<ConsumerRecord<String, String>> odds = odd.count(450);
            Checks.same(900, evens.size() + odds.size());
            Checks.that(evens.stream().allMatch(record -> Integer.parseInt(record.value()) % 2 == 0), "an odd one");
            inOrder(evens);
            inOrder(odds);
            ConsumerRecord<String, String> first = evens.stream().filter(record -> record.key().equals("FIRST")).findFirst().orElseThrow();
            Checks.same(timestamp, first.timestamp());
            Checks.same(-1, (int) first.headers().lastHeader("trace").value()[1]);
        }
    }

    private static void inOrder(List<ConsumerRecord<String, String>> records) {
        Map<String, Integer> last = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
            Integer before = last.put(record.key(), Integer.valueOf(record.value()));
            Checks.that(before == null || before < Integer.parseInt(record.value()), record.key() + ": " + before + ", then " + record.value());
        }
    }

    private void pattern() throws Exception {
        Topic output = new Topic(checks, 1);
        Topic first = new Topic(checks, 2);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(Pattern.compile(first.name + "|" + first.name.replaceAll("-\\d+$", "-") + "\\d+-later")).to(output.name);
        try (Application application = start(builder)) {
            first.put("a", "1");
            output.count(1);
            String later = checks.name() + "-later";
            try (Admin admin = checks.admin()) {
                Checks.get(admin.createTopics(List.of(new NewTopic(later, 3, (short) 1))).all());
            }
            checks.produce(later, 2, 5);
            Checks.same(new TreeSet<>(List.of("1", "value-0", "value-1", "value-2", "value-3", "value-4")), new TreeSet<>(Topic.values(output.count(6))));
        }
    }

    private void wordCount() throws Exception {
        Topic input = new Topic(checks, 3);
        Topic output = new Topic(checks, 2);
        input.put("1", "to be or not to be", "2", "that is", "3", "the question");
        try (Application application = new Application(checks.bootstrap, checks.name(), WordCount.of(input.name, output.name)).start()) {
            output.becomes(Map.of("to", "2", "be", "2", "or", "1", "not", "1", "that", "1", "is", "1", "the", "1", "question", "1"));
            input.put("1", "to be", null, "to be");
            List<ConsumerRecord<String, String>> records =
                output.becomes(Map.of("to", "4", "be", "4", "or", "1", "not", "1", "that", "1", "is", "1", "the", "1", "question", "1"));
            Checks.same(14, records.size());
            inOrder(records);
        }
    }

    private void windows() throws Exception {
        Topic input = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        long base = base();
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input.name)
            .groupByKey()
            .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofSeconds(5)))
            .count(Materialized.with(Serdes.String(), Serdes.Long()))
            .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
            .toStream((window, count) -> window.key() + "@" + (window.window().start() - base))
            .mapValues(String::valueOf)
            .to(output.name);
        try (Application application = start(builder)) {
            for (int second : new int[] {0, 9, 10, 1, 14, 3, 15, 2}) input.putAt(base + second * 1000, second == 14 ? "b" : "a", "x");
            input.putAt(base + 60_000, "end", "x");
            // The last one came after the end of its window and its grace.
            Map<String, String> wanted = Map.of("a@0", "4", "a@10000", "2", "b@10000", "1");
            Checks.same(3, output.becomes(wanted).size());
        }
    }

    private void sessions() throws Exception {
        Topic input = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        long base = base();
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input.name)
            .groupByKey()
            .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofSeconds(5), Duration.ofMinutes(1)))
            .reduce((one, other) -> one + other)
            .toStream((window, value) -> window.key() + "@" + (window.window().start() - base) + "-" + (window.window().end() - base))
            .to(output.name);
        try (Application application = start(builder)) {
            input.putAt(base, "k", "a");
            input.putAt(base + 8_000, "k", "b");
            // It joins both.
            input.putAt(base + 4_000, "k", "c");
            input.putAt(base + 20_000, "k", "d");
            output.becomes(Map.of("k@0-8000", "abc", "k@20000-20000", "d"));
        }
    }

    private void streamTable() throws Exception {
        Topic orders = new Topic(checks, 2);
        Topic users = new Topic(checks, 2, "cleanup.policy", "compact");
        Topic output = new Topic(checks, 2);
        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, String> table = builder.table(users.name, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("users"));
        builder.<String, String>stream(orders.name).join(table, (order, user) -> order + " of " + user).to(output.name);
        users.put("1", "Ada", "2", "Blaise");
        orders.put("1", "apples", "2", "bread", "3", "nobody's");
        try (Application application = start(builder)) {
            output.becomes(Map.of("1", "apples of Ada", "2", "bread of Blaise"));
            users.put("1", "Countess Ada", "2", null);
            ReadOnlyKeyValueStore<String, String> store = application.streams.store(
                StoreQueryParameters.fromNameAndType("users", QueryableStoreTypes.<String, String>keyValueStore()));
            Checks.until(() -> "Countess Ada".equals(store.get("1")) && store.get("2") == null);
            orders.put("1", "pears", "2", "butter");
            output.becomes(Map.of("1", "pears of Countess Ada", "2", "bread of Blaise"));
        }
    }

    private void streamStream() throws Exception {
        Topic left = new Topic(checks, 1);
        Topic right = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> other = builder.stream(right.name);
        builder.<String, String>stream(left.name)
            .leftJoin(other, (one, two) -> one + "+" + two, JoinWindows.ofTimeDifferenceWithNoGrace(Duration.ofSeconds(10)))
            .to(output.name);
        long base = base();
        left.putAt(base, "a", "l1");
        right.putAt(base + 5_000, "a", "r1");
        left.putAt(base + 30_000, "b", "l2");
        right.putAt(base + 45_000, "b", "r2");
        left.putAt(base + 60_000, "c", "l3");
        // It looks for what found no partner once a second only, and when a record comes; here, with every record.
        Object[] atOnce = {"__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0L};
        try (Application application = new Application(checks.bootstrap, checks.name(), builder.build(), atOnce).start()) {
            output.becomes(Map.of("a", "l1+r1", "b", "l2+null"));
        }
    }

    private void tableTable() throws Exception {
        Topic left = new Topic(checks, 2);
        Topic right = new Topic(checks, 2);
        Topic output = new Topic(checks, 2);
        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, String> other = builder.table(right.name);
        builder.<String, String>table(left.name).leftJoin(other, (one, two) -> one + "+" + two).toStream().to(output.name);
        left.put("k1", "l1", "k2", "l2");
        right.put("k1", "r1", "k3", "r3");
        try (Application application = start(builder)) {
            output.becomes(Map.of("k1", "l1+r1", "k2", "l2+null"));
            right.put("k2", "r2", "k1", null);
            output.becomes(Map.of("k1", "l1+null", "k2", "l2+r2"));
            left.put("k2", null);
            output.becomes(Map.of("k1", "l1+null"));
        }
    }

    private void foreignKey() throws Exception {
        Topic orders = new Topic(checks, 2);
        Topic users = new Topic(checks, 3);
        Topic output = new Topic(checks, 2);
        StreamsBuilder builder = new StreamsBuilder();
        KTable<String, String> table = builder.table(users.name);
        builder.<String, String>table(orders.name).join(table, order -> order.split(":")[0], (order, user) -> order + "=" + user).toStream().to(output.name);
        users.put("ada", "A", "bob", "B");
        orders.put("o1", "ada:1", "o2", "bob:2", "o3", "ada:3");
        try (Application application = start(builder)) {
            output.becomes(Map.of("o1", "ada:1=A", "o2", "bob:2=B", "o3", "ada:3=A"));
            users.put("ada", "AA");
            orders.put("o2", "ada:2");
            output.becomes(Map.of("o1", "ada:1=AA", "o2", "ada:2=AA", "o3", "ada:3=AA"));
            users.put("ada", null);
            output.becomes(Map.of());
        }
    }

    private void globalTable() throws Exception {
        Topic orders = new Topic(checks, 2);
        Topic users = new Topic(checks, 3);
        Topic output = new Topic(checks, 1);
        StreamsBuilder builder = new StreamsBuilder();
        GlobalKTable<String, String> table = builder.globalTable(users.name);
        builder.<String, String>stream(orders.name).join(table, (key, order) -> order.split(":")[0], (order, user) -> order + "=" + user).to(output.name);
        List<ProducerRecord<String, String>> many = new ArrayList<>();
        for (int i = 0; i < 50; i++) many.add(new ProducerRecord<>(users.name, "user-" + i, "name-" + i));
        users.put(many);
        Map<String, String> wanted = new TreeMap<>();
        for (int i = 0; i < 50; i++) wanted.put("o" + i, "user-" + i + ":" + i + "=name-" + i);
        try (Application application = start(builder)) {
            for (int i = 0; i < 50; i += 10) {
                List<ProducerRecord<String, String>> some = new ArrayList<>();
                for (int k = i; k < i + 10; k++) some.add(new ProducerRecord<>(orders.name, "o" + k, "user-" + k + ":" + k));
                orders.put(some);
            }
            output.becomes(wanted);
        }
    }
}
