import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** The broker's process, where it is ours to stop and start: lib/java.sh does that for a line on standard output. */
final class Node {
    private static final BufferedReader ANSWERS = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    private Node() {
    }

    static boolean ours() {
        return !System.getProperty("interop.node", "").isEmpty();
    }

    static void stop() throws IOException {
        ask("node stop");
    }

    /** With kill -9. */
    static void kill() throws IOException {
        ask("node kill");
    }

    static void start() throws IOException {
        ask("node start");
    }

    private static synchronized void ask(String what) throws IOException {
        System.out.println(what);
        System.out.flush();
        String answer = ANSWERS.readLine();
        if (!what.equals(answer)) throw new IOException(what + ": " + answer);
    }
}
