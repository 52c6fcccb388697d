/** Kafka Streams against a broker. Usage: Main HOST:PORT TOOLS-FOLDER [NAME] */
public final class Main {
    public static void main(String[] args) {
        Checks checks = new Checks(args[0], args.length > 2 ? args[2] : "");
        new TopologyChecks(checks).run();
        new InternalTopicChecks(checks).run();
        new RestartChecks(checks).run();
        new InstanceChecks(checks).run();
        new ResetChecks(checks, args[1]).run();
        new RefusalChecks(checks).run();
        checks.finish();
    }
}
