/** The Java client against a broker. Usage: Main HOST:PORT [NAME] */
public final class Main {
    public static void main(String[] args) {
        Checks checks = new Checks(args[0], args.length > 1 ? args[1] : "");
        new ProducerChecks(checks).run();
        new ConsumerChecks(checks).run();
        new AdminChecks(checks).run();
        new GroupChecks(checks).run();
        new ConsumerProtocolChecks(checks).run();
        checks.finish();
    }
}
