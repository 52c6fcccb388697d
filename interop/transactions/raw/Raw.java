import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a broker answers to single requests of transactions, in every version and out of order, beside what Apache Kafka answered:
 * the file that is named holds that, by check, as `record` wrote it. Usage: Raw HOST:PORT FILE check|record [NAME]
 *
 * A line `  ours: ANSWER (WHY)` below one of Apache Kafka's says where millstream answers otherwise on purpose.
 */
public final class Raw {
    private final Map<String, Script.Steps> checks = new LinkedHashMap<>();
    private final String bootstrap;

    private Raw(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    public static void main(String[] args) throws Exception {
        Raw raw = new Raw(args[0]);
        Script.awaitCoordinator(args[0], 1, "any");
        InitScripts.add(raw.checks);
        EndScripts.add(raw.checks);
        PartitionScripts.add(raw.checks);
        ProduceScripts.add(raw.checks);
        OffsetScripts.add(raw.checks);
        TimeoutScripts.add(raw.checks);
        MarkerScripts.add(raw.checks);
        DescribeScripts.add(raw.checks);
        String only = args.length > 3 ? args[3] : "";
        raw.checks.keySet().removeIf(name -> !name.contains(only));
        if (args[2].equals("record")) raw.record(Path.of(args[1]));
        else raw.check(Path.of(args[1]), args[2].equals("kafka"));
    }

    private List<String> seen(String name) throws Exception {
        try (Script script = new Script(bootstrap)) {
            checks.get(name).of(script);
            return script.lines;
        }
    }

    private void record(Path file) throws Exception {
        Map<String, List<String>> all = Files.exists(file) ? read(file) : new LinkedHashMap<>();
        for (String name : checks.keySet()) {
            long start = System.nanoTime();
            all.put(name, seen(name));
            System.out.printf("recorded %s (%.1f s)%n", name, (System.nanoTime() - start) / 1e9);
        }
        List<String> lines = new ArrayList<>();
        all.forEach((name, answers) -> {
            lines.add("== " + name);
            lines.addAll(answers);
            lines.add("");
        });
        Files.write(file, lines);
        System.out.println(checks.size() + " passed, 0 failed");
    }

    private static Map<String, List<String>> read(Path file) throws Exception {
        Map<String, List<String>> all = new LinkedHashMap<>();
        List<String> now = null;
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("== ")) all.put(line.substring(3), now = new ArrayList<>());
            else if (!line.isEmpty()) now.add(line);
        }
        return all;
    }

    /** What is wanted of this broker. */
    private static List<String> wanted(List<String> recorded, boolean kafka) {
        List<String> wanted = new ArrayList<>();
        for (String line : recorded) {
            if (!line.startsWith("  ours: ")) {
                wanted.add(line);
            } else if (!kafka) {
                String what = wanted.remove(wanted.size() - 1);
                wanted.add(what.substring(0, what.indexOf(": ") + 2) + line.substring(8, line.indexOf(" (")));
            }
        }
        return wanted;
    }

    private void check(Path file, boolean kafka) throws Exception {
        Map<String, List<String>> all = read(file);
        int failed = 0;
        for (String name : checks.keySet()) {
            List<String> trouble;
            long start = System.nanoTime();
            try {
                trouble = Script.difference(wanted(all.getOrDefault(name, List.of()), kafka), seen(name));
            } catch (Exception | AssertionError e) {
                trouble = new ArrayList<>(List.of(e.toString()));
                for (int i = 0; i < Math.min(6, e.getStackTrace().length); i++) trouble.add("  " + e.getStackTrace()[i]);
            }
            if (trouble.isEmpty()) {
                System.out.printf("ok   raw: %s (%.1f s)%n", name, (System.nanoTime() - start) / 1e9);
            } else {
                failed++;
                System.out.println("FAIL raw: " + name);
                for (String line : trouble) System.out.println("     | " + line);
            }
        }
        System.out.println(checks.size() - failed + " passed, " + failed + " failed");
        System.out.flush();
        Runtime.getRuntime().halt(failed > 0 || checks.isEmpty() ? 1 : 0);
    }
}
