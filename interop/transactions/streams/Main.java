import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Kafka Streams with processing.guarantee=exactly_once_v2: every count is told once, whatever ends meanwhile. Usage: Main HOST:PORT [NAME] */
public final class Main {
    private static final int WORDS = 12;

    private final Checks checks;
    private final Given given;

    private Main(Checks checks) {
        this.checks = checks;
        this.given = new Given(checks, "streams: ");
    }

    public static void main(String[] args) {
        Checks checks = new Checks(args[0], args.length > 1 ? args[1] : "");
        new Main(checks).run();
        checks.finish();
    }

    private void run() {
        given.check("one instance counts", () -> counts(1, (scenario, instances) -> { }));
        given.check("instances are killed", () -> counts(2, (scenario, instances) -> {
            int victim = scenario.random.nextInt(2);
            instances.get(victim).destroyForcibly().waitFor();
            instances.set(victim, scenario.instance());
        }));
        if (!Node.ours()) return;
        given.check("the broker stops and starts", () -> counts(1, (scenario, instances) -> {
            Node.stop();
            Node.start();
        }));
    }

    /** What happens between one part of the input and the next. */
    private interface Trouble {
        void befalls(Scenario scenario, List<Process> instances) throws Exception;
    }

    private final class Scenario {
        final Random random = new Random(1);
        final Topic input = new Topic(checks, 4);
        final Topic output = new Topic(checks, 4);
        final String application = checks.name();

        Scenario() throws Exception {
        }

        Process instance() throws Exception {
            return Counting.start(checks.bootstrap, application, input, output);
        }
    }

    private void counts(int instances, Trouble trouble) throws Exception {
        Scenario scenario = new Scenario();
        List<Process> running = new ArrayList<>();
        Map<String, Integer> wanted = new HashMap<>();
        try {
            for (int i = 0; i < instances; i++) running.add(scenario.instance());
            int lines = 0;
            for (int part = 0; part < 3; part++) {
                List<String> keysAndValues = new ArrayList<>();
                for (int i = 0; i < 60; i++) {
                    String line = "w" + scenario.random.nextInt(WORDS) + " w" + scenario.random.nextInt(WORDS);
                    for (String word : line.split(" ")) wanted.merge(word, 1, Integer::sum);
                    keysAndValues.addAll(List.of("line-" + lines++, line));
                }
                scenario.input.put(keysAndValues.toArray(String[]::new));
                int sum = wanted.values().stream().mapToInt(Integer::intValue).sum();
                // The last part's work is under way when it befalls.
                Checks.until(() -> given.values(Given.COMMITTED, scenario.output.name).size() > sum - 120);
                if (part < 2) trouble.befalls(scenario, running);
            }
            Checks.until(() -> given.values(Given.COMMITTED, scenario.output.name).size() >= wanted.values().stream().mapToInt(Integer::intValue).sum());
        } finally {
            for (Process each : running) each.destroyForcibly();
        }
        Map<String, List<String>> told = new HashMap<>();
        for (ConsumerRecord<String, String> record : given.records(Given.COMMITTED, scenario.output.name)) {
            told.computeIfAbsent(record.key(), key -> new ArrayList<>()).add(record.value());
        }
        Map<String, List<String>> all = new HashMap<>();
        wanted.forEach((word, count) -> all.put(word, IntStream.rangeClosed(1, count).mapToObj(String::valueOf).toList()));
        Checks.same(all, told);
    }
}
