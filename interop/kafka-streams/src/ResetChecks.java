import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;

/** kafka-streams-application-reset, as it is published, on an application. */
// An application works by being there.
@SuppressWarnings("try")
final class ResetChecks {
    private final Checks checks;
    private final String tools;

    ResetChecks(Checks checks, String tools) {
        this.checks = checks;
        this.tools = tools;
    }

    void run() {
        checks.check("reset: an application starts anew", this::reset);
    }

    /** The tool's exit status, and what it printed. */
    private record Outcome(int status, String printed) {
        boolean says(String text) {
            return printed.contains(text);
        }
    }

    private Outcome tool(String... arguments) throws Exception {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", checks.bootstrap));
        all.addAll(List.of(arguments));
        Process process = Jvm.of(tools + "/*", "org.apache.kafka.tools.StreamsResetter", all.toArray(String[]::new)).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Checks.that(process.waitFor(30, TimeUnit.SECONDS), "it does not end");
        return new Outcome(process.exitValue(), printed);
    }

    private void reset() throws Exception {
        Topic input = new Topic(checks, 2);
        Topic output = new Topic(checks, 1);
        String id = checks.name();
        String[] command = {"--application-id", id, "--input-topics", input.name};
        Map<String, String> counts = Map.of("a", "2", "b", "1", "c", "1");
        try (Application application = new Application(checks.bootstrap, id, WordCount.of(input.name, output.name)).start()) {
            input.put("1", "a b", "2", "c a");
            Checks.same(4, output.becomes(counts).size());
            Outcome refused = tool(command);
            Checks.same(1, refused.status);
            Checks.that(refused.says("is still active"), refused);
        }
        Outcome planned = tool("--application-id", id, "--input-topics", input.name, "--dry-run");
        Checks.that(planned.status == 0 && planned.says(WordCount.changelog(id)) && planned.says(WordCount.repartition(id)), planned);
        Outcome done = tool(command);
        Checks.same(0, done.status);
        try (Admin admin = checks.admin()) {
            Checks.until(() -> Checks.get(admin.listTopics().names()).stream().noneMatch(name -> name.startsWith(id + "-")));
            Checks.get(admin.listConsumerGroupOffsets(id).partitionsToOffsetAndMetadata()).forEach((partition, committed) -> {
                if (partition.topic().equals(input.name)) Checks.same(0L, committed.offset());
            });
            Checks.that(Checks.get(admin.listConsumerGroupOffsets(id).partitionsToOffsetAndMetadata()).containsKey(new TopicPartition(input.name, 1)), done);
        }
        try (Application application = new Application(checks.bootstrap, id, WordCount.of(input.name, output.name)).start()) {
            // The same again, from the first record and with an empty store.
            Checks.same(8, output.count(8).size());
            output.becomes(counts);
        }
    }
}
