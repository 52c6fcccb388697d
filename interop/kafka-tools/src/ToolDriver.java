import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main method of one tool after the other in this one process, because most of a tool's time is the start of
 * its process. The tools are as published: they see their arguments, standard input and output, and leave through
 * Kafka's own Exit, whose procedures can be set.
 *
 * A request is a line on standard input: output file, input file, seconds, class, arguments, with a tab between
 * them. The answer is a line: the exit status, or "timeout", after which this process ends.
 */
public final class ToolDriver {
    /** Ends a tool's thread where its process would have ended. */
    private static final class Exited extends Error {
        private static final long serialVersionUID = 1L;

        Exited(int status) {
            super("exit " + status, null, false, false);
        }
    }

    /** System.out of the running tool. Between its exit and its shutdown hooks a process would print nothing. */
    private static final class Output extends OutputStream {
        private OutputStream file = OutputStream.nullOutputStream();
        private volatile boolean muted;

        synchronized void use(OutputStream next) throws IOException {
            file.close();
            file = next;
            muted = false;
        }

        @Override
        public synchronized void write(int b) throws IOException {
            if (!muted) file.write(b);
        }

        @Override
        public synchronized void write(byte[] bytes, int from, int length) throws IOException {
            if (!muted) file.write(bytes, from, length);
        }
    }

    private static final Output OUTPUT = new Output();
    private static final List<Runnable> HOOKS = Collections.synchronizedList(new ArrayList<>());
    private static volatile Integer status;

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream shared = new PrintStream(OUTPUT, true, StandardCharsets.UTF_8);
        System.setOut(shared);
        System.setErr(shared);
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));

        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            String[] request = line.split("\t", -1);
            boolean ended;
            try (InputStream input = new FileInputStream(request[1])) {
                OUTPUT.use(new FileOutputStream(request[0]));
                System.setIn(input);
                ended = run(Integer.parseInt(request[2]), request[3], Arrays.copyOfRange(request, 4, request.length));
                OUTPUT.use(OutputStream.nullOutputStream());
            }
            answers.println(ended ? String.valueOf(status) : "timeout");
            answers.flush();
            if (!ended) Runtime.getRuntime().halt(1);
        }
        Runtime.getRuntime().halt(0);
    }

    private static synchronized void exit(int code) {
        // Some tools catch everything that is thrown and exit again: the first one counts.
        if (status == null) {
            status = code;
            System.out.flush();
            OUTPUT.muted = true;
        }
        throw new Exited(code);
    }

    private static boolean run(int seconds, String tool, String[] args) throws InterruptedException {
        status = null;
        HOOKS.clear();
        Thread thread = new Thread(() -> call(tool, args), "tool");
        thread.start();
        thread.join(seconds * 1000L);
        return !thread.isAlive();
    }

    private static void call(String tool, String[] args) {
        int left = 0;
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof Exited)) {
                e.getCause().printStackTrace();
                left = 1;
            }
        } catch (ReflectiveOperationException e) {
            e.printStackTrace();
            left = 2;
        }
        OUTPUT.muted = false;
        for (Runnable hook : new ArrayList<>(HOOKS)) hook.run();
        synchronized (ToolDriver.class) {
            if (status == null) status = left;
        }
    }
}
