import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyQueryMetadata;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.TaskMetadata;
import org.apache.kafka.streams.query.KeyQuery;
import org.apache.kafka.streams.query.StateQueryRequest;
import org.apache.kafka.streams.state.HostInfo;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/** Several instances of one application, and the questions that are put to their stores. */
// An application works by being there.
@SuppressWarnings("try")
final class InstanceChecks {
    private final Checks checks;

    InstanceChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("instances: two share the work, one closes", this::share);
        checks.check("instances: two threads of one", this::threads);
        checks.check("instances: a standby takes over", this::standby);
        checks.check("queries: get, range, all", this::queries);
        checks.check("queries: which instance has a key", this::metadata);
    }

    private Application start(String id, Topic input, Topic output, Object... options) throws Exception {
        return new Application(checks.bootstrap, id, WordCount.of(input.name, output.name), options).start();
    }

    private static ReadOnlyKeyValueStore<String, Long> store(Application application) {
        return application.streams.store(StoreQueryParameters.fromNameAndType(WordCount.STORE, QueryableStoreTypes.<String, Long>keyValueStore()));
    }

    /** Every task is done by one of them, and each has so many; a task a partition, before and after the repartition topic. */
    private static boolean shared(int tasks, Application... applications) {
        Set<TaskMetadata> all = new HashSet<>();
        for (Application application : applications) {
            if (application.activeTasks().size() != tasks) return false;
            all.addAll(application.activeTasks());
        }
        return all.size() == tasks * applications.length;
    }

    private static Map<String, String> counts(List<String> words, int each) {
        Map<String, String> counts = new HashMap<>();
        for (String word : words) counts.put(word, String.valueOf(each));
        return counts;
    }

    private void share() throws Exception {
        Topic input = new Topic(checks, 4);
        Topic output = new Topic(checks, 2);
        String id = checks.name();
        List<String> words;
        try (Application first = start(id, input, output)) {
            words = input.putNumbers(0, 200);
            output.becomes(counts(words, 1));
            Checks.that(shared(8, first), first.activeTasks());
            try (Application second = start(id, input, output)) {
                input.putNumbers(0, 200);
                Checks.until(() -> shared(4, first, second));
                output.becomes(counts(words, 2));
                input.putNumbers(0, 200);
                output.becomes(counts(words, 3));
                Checks.that(store(first).approximateNumEntries() + store(second).approximateNumEntries() >= 200, "entries");
                input.putNumbers(0, 200);
            }
            Checks.until(() -> shared(8, first));
            output.becomes(counts(words, 4));
            input.putNumbers(0, 200);
            // Both were closed and assigned in peace: every record was counted once.
            Checks.same(1000, output.becomes(counts(words, 5)).size());
        }
    }

    private void threads() throws Exception {
        Topic input = new Topic(checks, 4);
        Topic output = new Topic(checks, 2);
        try (Application application = start(checks.name(), input, output, "num.stream.threads", 2)) {
            Checks.until(() -> application.streams.metadataForLocalThreads().stream().allMatch(thread -> thread.activeTasks().size() == 4));
            List<String> words = input.putNumbers(0, 200);
            output.becomes(counts(words, 1));
            application.streams.addStreamThread();
            input.putNumbers(0, 200);
            Checks.until(() -> application.streams.metadataForLocalThreads().stream().filter(thread -> !thread.activeTasks().isEmpty()).count() == 3);
            Checks.same(400, output.becomes(counts(words, 2)).size());
        }
    }

    private void standby() throws Exception {
        Topic input = new Topic(checks, 2);
        Topic output = new Topic(checks, 2);
        String id = checks.name();
        List<String> words;
        try (Application first = start(id, input, output, "num.standby.replicas", 1)) {
            try (Application second = start(id, input, output, "num.standby.replicas", 1)) {
                Checks.until(() -> first.standbyTasks().size() + second.standbyTasks().size() == 2);
                words = input.putNumbers(0, 200);
                output.becomes(counts(words, 1));
                ReadOnlyKeyValueStore<String, Long> everything = first.streams.store(StoreQueryParameters
                    .fromNameAndType(WordCount.STORE, QueryableStoreTypes.<String, Long>keyValueStore()).enableStaleStores());
                Checks.until(() -> words.stream().allMatch(word -> Long.valueOf(1).equals(everything.get(word))));
            }
            input.putNumbers(0, 200);
            Checks.same(400, output.becomes(counts(words, 2)).size());
            // What it had as a standby, it did not read again.
            Checks.that(first.restoredRecords() < 200, first.restored);
        }
    }

    private void queries() throws Exception {
        Topic input = new Topic(checks, 2);
        Topic output = new Topic(checks, 1);
        try (Application application = start(checks.name(), input, output)) {
            input.put("1", "a b c a", "2", "d a");
            output.becomes(Map.of("a", "3", "b", "1", "c", "1", "d", "1"));
            ReadOnlyKeyValueStore<String, Long> store = store(application);
            Checks.same(3L, store.get("a"));
            Checks.that(store.get("no") == null, "a count of what never was");
            Checks.same(Map.of("b", 1L, "c", 1L), entries(store.range("b", "c")));
            Checks.same(Map.of("a", 3L, "b", 1L, "c", 1L, "d", 1L), entries(store.all()));
            long found = application.streams.query(StateQueryRequest.inStore(WordCount.STORE).withQuery(KeyQuery.<String, Long>withKey("a")))
                .getOnlyPartitionResult().getResult();
            Checks.same(3L, found);
        }
    }

    private static Map<String, Long> entries(KeyValueIterator<String, Long> iterator) {
        Map<String, Long> entries = new HashMap<>();
        try (iterator) {
            while (iterator.hasNext()) {
                KeyValue<String, Long> next = iterator.next();
                entries.put(next.key, next.value);
            }
        }
        return entries;
    }

    private void metadata() throws Exception {
        Topic input = new Topic(checks, 4);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        try (Application first = start(id, input, output, "application.server", "first:1");
                Application second = start(id, input, output, "application.server", "second:2")) {
            Checks.until(() -> shared(4, first, second));
            List<String> words = input.putNumbers(0, 100);
            output.becomes(counts(words, 1));
            Set<HostInfo> hosts = new HashSet<>();
            for (String word : words) {
                KeyQueryMetadata told = first.streams.queryMetadataForKey(WordCount.STORE, word, Serdes.String().serializer());
                Checks.same(told, second.streams.queryMetadataForKey(WordCount.STORE, word, Serdes.String().serializer()));
                boolean here = told.activeHost().host().equals("first");
                Checks.same(1L, store(here ? first : second).get(word));
                Checks.that(store(here ? second : first).get(word) == null, word + " is in both");
                hosts.add(told.activeHost());
            }
            Checks.same(2, hosts.size());
            Checks.same(2, first.streams.metadataForAllStreamsClients().size());
        }
    }
}
