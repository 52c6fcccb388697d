import java.io.IOException;

/** An instance of the word count in a process of its own, which can be killed; what it wrote and where it was are one transaction. */
public final class Counting {
    private Counting() {
    }

    /** Usage: Counting HOST:PORT APPLICATION INPUT OUTPUT. It ends with the process that started it. */
    public static void main(String[] args) throws Exception {
        new Application(args[0], args[1], WordCount.of(args[2], args[3]), "processing.guarantee", "exactly_once_v2", "producer.transaction.timeout.ms", 10_000).start();
        System.in.read();
        Runtime.getRuntime().halt(0);
    }

    static Process start(String bootstrap, String application, Topic input, Topic output) throws IOException {
        return Jvm.of(Counting.class, bootstrap, application, input.name, output.name)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    }
}
