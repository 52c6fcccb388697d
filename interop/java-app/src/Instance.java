import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;

/** A process of the application, and what it told. */
final class Instance implements AutoCloseable {
    private static final int TERMINATED = 143;
    final List<String> told = new CopyOnWriteArrayList<>();
    private final Process process;
    private boolean killed;

    Instance(String bootstrap, String application, String members, String moment, int n) throws IOException {
        process = Jvm.of(App.class, bootstrap, application, members, moment, String.valueOf(n))
            .redirectError(ProcessBuilder.Redirect.appendTo(new File(System.getProperty("java.io.tmpdir"), "errors")))
            .start();
        Thread listener = new Thread(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) told.add(line);
            } catch (IOException e) {
                // It was killed.
            }
        });
        listener.setDaemon(true);
        listener.start();
    }

    void reaches(String moment) throws Exception {
        Checks.until(() -> {
            Checks.that(process.isAlive(), "it ended by itself: " + told);
            return told.contains("at " + moment);
        });
    }

    /** The newest offset of each partition that it was told to be committed. */
    Map<Integer, Long> committed() {
        Map<Integer, Long> committed = new TreeMap<>();
        for (String line : told) {
            String[] words = line.split(" ");
            if (words[0].equals("committed")) committed.merge(Integer.valueOf(words[1]), Long.valueOf(words[2]), Math::max);
        }
        return committed;
    }

    boolean works() {
        return !committed().isEmpty();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Whether somebody has to do again what it did. */
    boolean leftWork() {
        return killed || told.contains("late");
    }

    void kill() throws InterruptedException {
        killed = true;
        process.destroyForcibly();
        Checks.that(process.waitFor(10, TimeUnit.SECONDS), "it lives");
    }

    void terminate() throws InterruptedException {
        // Not the process's own, which closes its standard input first.
        process.toHandle().destroy();
        Checks.that(process.waitFor(30, TimeUnit.SECONDS), "it does not end");
        Checks.same(TERMINATED, process.exitValue());
        Checks.that(told.stream().noneMatch(line -> line.startsWith("failed ")), told);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
