/** Transactions of the Java client, of any version from 3.9 on, against a broker. Usage: Main HOST:PORT PREFIX [NAME] */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) {
        Checks checks = new Checks(args[0], args.length > 2 ? args[2] : "");
        Given given = new Given(checks, args[1]);
        new WholeChecks(given).run();
        new IsolationChecks(given).run();
        new OffsetChecks(given).run();
        new FencingChecks(given).run();
        new AdminChecks(given).run();
        if (Node.ours()) new RestartChecks(given).run();
        checks.finish();
    }
}
