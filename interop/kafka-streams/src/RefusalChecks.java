import java.time.Duration;
import java.util.List;

import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.MissingSourceTopicException;

/** What an application is told when it cannot run. */
final class RefusalChecks {
    private final Checks checks;

    RefusalChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("refusal: a source topic that is not there", this::missingSource);
        checks.check("exactly once", this::exactlyOnce);
    }

    private static Topology copy(String from, String to) {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(from).to(to);
        return builder.build();
    }

    private void missingSource() throws Exception {
        Application application = new Application(checks.bootstrap, checks.name(), copy(checks.name(), checks.name()));
        application.streams.start();
        Checks.until(() -> application.streams.state() == KafkaStreams.State.ERROR);
        Checks.that(application.trouble instanceof MissingSourceTopicException, application.trouble);
        application.streams.close(Duration.ofSeconds(20));
    }

    private void exactlyOnce() throws Exception {
        Topic input = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        input.put("1", "a");
        Application application = new Application(checks.bootstrap, checks.name(), copy(input.name, output.name), "processing.guarantee", "exactly_once_v2");
        application.start();
        Checks.same(List.of("a"), Topic.values(output.count(1)));
        application.close();
    }
}
