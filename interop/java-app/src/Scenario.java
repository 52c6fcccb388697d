import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** One life of the application, over its topics: what is written into the input, who runs, and what must be true at the end. */
final class Scenario implements AutoCloseable {
    private static final int PARTITIONS = 6;

    private final Checks checks;
    private final String application;
    private final Feeder feeder;
    private final Watcher watcher;
    private final List<Instance> instances = new ArrayList<>();
    /** What was committed before an instance was started, and the instance. */
    private final List<Map<Integer, Long>> committedBefore = new ArrayList<>();
    /** How many numbers were written into the input. */
    private int count;

    Scenario(Checks checks) throws Exception {
        this.checks = checks;
        application = checks.name();
        try (Admin admin = checks.admin()) {
            List<NewTopic> topics = List.of(new NewTopic(input(application), PARTITIONS, (short) 1), new NewTopic(output(application), 4, (short) 1),
                new NewTopic(deadLetters(application), 1, (short) 1));
            Checks.get(admin.createTopics(topics).all());
            for (NewTopic topic : topics) Checks.until(() -> hasLeaders(admin, topic.name()));
        }
        feeder = new Feeder(checks.bootstrap, input(application));
        watcher = new Watcher(checks.bootstrap, application);
        feeder.start();
        watcher.start();
    }

    private static boolean hasLeaders(Admin admin, String topic) throws Exception {
        if (!Checks.get(admin.listTopics().names()).contains(topic)) return false;
        return Checks.get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().stream().allMatch(each -> each.leader() != null);
    }

    static String input(String application) {
        return application + "-input";
    }

    static String output(String application) {
        return application + "-output";
    }

    static String deadLetters(String application) {
        return application + "-dead-letters";
    }

    Instance start() throws Exception {
        return start("", "never", 0);
    }

    /** An instance that stands still at the n-th such moment; with names for its members, they are static ones. */
    Instance start(String members, String moment, int n) throws Exception {
        Map<Integer, Long> committed = watcher.newest();
        instances.forEach(instance -> instance.committed().forEach((partition, offset) -> committed.merge(partition, offset, Math::max)));
        committedBefore.add(committed);
        Instance instance = new Instance(checks.bootstrap, application, members, moment, n);
        instances.add(instance);
        return instance;
    }

    /** All that must be true in the end, whatever happened. */
    void verify() throws Exception {
        count = feeder.finish();
        Checks.same(numbers(number -> true), values(Reader.read(checks, input(application), records -> records.size() >= count)));
        everyRecordAppears();
        everyRecordIsCommitted();
        for (Instance instance : instances) {
            if (instance.isAlive()) instance.terminate();
        }
        watcher.finish();
        noneStartsBeforeTheCommitted();
    }

    private List<String> numbers(IntPredicate which) {
        return IntStream.range(0, count).filter(which).mapToObj(String::valueOf).sorted().toList();
    }

    private static List<String> values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).sorted().toList();
    }

    private void everyRecordAppears() {
        Set<String> wanted = numbers(number -> !Processing.isPoison(number)).stream().map(number -> Processing.result(Integer.parseInt(number)))
            .collect(Collectors.toSet());
        List<ConsumerRecord<String, String>> results = Reader.read(checks, output(application), records -> new HashSet<>(values(records)).containsAll(wanted));
        Set<String> found = new HashSet<>(values(results));
        Checks.same(wanted, found);
        Set<String> dead = new HashSet<>(numbers(Processing::isPoison));
        Checks.same(dead, new HashSet<>(values(Reader.read(checks, deadLetters(application), records -> new HashSet<>(values(records)).containsAll(dead)))));
        Checks.that(results.size() == found.size() || instances.stream().anyMatch(Instance::leftWork), results.size() - found.size() + " duplicates");
        inOrder(results);
    }

    /** The first result of each number comes after those of the numbers before it, key by key. */
    private static void inOrder(List<ConsumerRecord<String, String>> results) {
        Map<String, Integer> last = new HashMap<>();
        Set<String> seen = new HashSet<>();
        for (ConsumerRecord<String, String> result : results) {
            if (!seen.add(result.value())) continue;
            int number = Integer.parseInt(result.value().substring(Processing.result(0).length() - 1));
            Integer before = last.put(result.key(), number);
            Checks.that(before == null || before < number, result.key() + ": " + before + ", then " + number);
        }
    }

    private void everyRecordIsCommitted() throws Exception {
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
        for (int i = 0; i < PARTITIONS; i++) latest.put(new TopicPartition(input(application), i), OffsetSpec.latest());
        Map<Integer, Long> ends = new TreeMap<>();
        try (Admin admin = checks.admin()) {
            Checks.get(admin.listOffsets(latest).all()).forEach((partition, end) -> ends.put(partition.partition(), end.offset()));
        }
        ends.values().removeIf(end -> end == 0);
        try {
            Checks.until(() -> watcher.newest().equals(ends));
        } catch (AssertionError e) {
            throw new AssertionError("committed " + watcher.newest() + " of " + ends, e);
        }
    }

    private void noneStartsBeforeTheCommitted() {
        for (int i = 0; i < instances.size(); i++) {
            for (String line : instances.get(i).told) {
                String[] words = line.split(" ");
                if (!words[0].equals("assigned")) continue;
                long committed = committedBefore.get(i).getOrDefault(Integer.valueOf(words[1]), 0L);
                Checks.that(Long.parseLong(words[2]) >= committed, line + ", but committed was " + committed);
            }
        }
    }

    @Override
    public void close() {
        instances.forEach(Instance::close);
    }
}
