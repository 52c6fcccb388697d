import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.MissingSourceTopicException;

/** What an application is told when it cannot run. */
final class RefusalChecks {
    private static final short API_VERSIONS = 18;
    private static final short END_TXN = 26;
    private final Checks checks;

    RefusalChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        checks.check("refusal: a source topic that is not there", this::missingSource);
        checks.check("refusal: exactly once, where the broker has no transactions", this::exactlyOnce);
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

    /** Where they are, it works; where they are not, the application ends at once, and says why. */
    private void exactlyOnce() throws Exception {
        Topic input = new Topic(checks, 1);
        Topic output = new Topic(checks, 1);
        input.put("1", "a");
        Application application = new Application(checks.bootstrap, checks.name(), copy(input.name, output.name), "processing.guarantee", "exactly_once_v2");
        if (apis().contains(END_TXN)) {
            application.start();
            Checks.same(List.of("a"), Topic.values(output.count(1)));
            application.close();
            return;
        }
        long start = System.nanoTime();
        application.streams.start();
        Checks.until(() -> application.streams.state() == KafkaStreams.State.ERROR);
        Checks.that(System.nanoTime() - start < 10_000_000_000L, "it takes long");
        Throwable cause = application.trouble;
        while (cause.getCause() != null) cause = cause.getCause();
        Checks.that(cause.getMessage().contains("coordinator with type TRANSACTION"), cause);
        application.streams.close(Duration.ofSeconds(20));
    }

    /** The keys that the broker says it serves; the client does not tell them. */
    private Set<Short> apis() throws IOException {
        String[] address = checks.bootstrap.split(":");
        try (Socket socket = new Socket(address[0], Integer.parseInt(address[1]))) {
            DataOutputStream request = new DataOutputStream(socket.getOutputStream());
            request.writeInt(10);
            request.writeShort(API_VERSIONS);
            request.writeShort(0);
            request.writeInt(1);
            request.writeShort(-1);
            DataInputStream answer = new DataInputStream(socket.getInputStream());
            // Its length, the correlation id and the error code.
            answer.readFully(new byte[10]);
            Set<Short> keys = new HashSet<>();
            for (int left = answer.readInt(); left > 0; left--) {
                keys.add(answer.readShort());
                answer.readInt();
            }
            return keys;
        }
    }
}
