import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Does what it is told, line by line, and answers each with `done` or `failed: WHY`.
 *
 * <pre>
 * fill BOOTSTRAP         writes topics, records, transactions, offsets, configurations
 * protect BOOTSTRAP      adds ACLs, SCRAM users, quotas
 * protected BOOTSTRAP FILE   writes what there is of these, and the finalized features, into a file
 * look BOOTSTRAP FILE    writes everything that a client can read into a file, in an order of its own
 * more BOOTSTRAP ROUND   writes more of everything that the first lines wrote
 * modern BOOTSTRAP       a consumer of the new protocol goes on where the group stands
 * leave-open BOOTSTRAP   begins a transaction that nobody ends
 * open-end BOOTSTRAP     read_committed ends before that
 * </pre>
 */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String answer;
            try {
                run(line.split(" "));
                answer = "done";
            } catch (Throwable trouble) {
                trouble.printStackTrace();
                answer = "failed: " + String.valueOf(trouble).replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    private static void run(String[] words) throws Exception {
        try (Clients clients = new Clients(words[1])) {
            switch (words[0]) {
                case "fill" -> new Fill(clients).run();
                case "protect" -> Protection.add(clients);
                case "protected" -> Protection.write(clients, Path.of(words[2]));
                case "look" -> new Look(clients).write(Path.of(words[2]));
                case "more" -> new More(clients, Integer.parseInt(words[2])).run();
                case "modern" -> More.goOn(clients, Fill.MODERN, "consumer", 50);
                case "leave-open" -> Transactions.leaveOpen(clients);
                case "open-end" -> Transactions.checkOpenEnd(clients);
                default -> throw new IllegalArgumentException(words[0]);
            }
        }
    }
}
