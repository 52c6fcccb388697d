/** An application that processes at least once, against a broker. Usage: Main HOST:PORT [NAME] */
public final class Main {
    private final Checks checks;

    private Main(Checks checks) {
        this.checks = checks;
    }

    public static void main(String[] args) {
        Checks checks = new Checks(args[0], args.length > 1 ? args[1] : "");
        new Main(checks).run();
        checks.finish();
    }

    private interface Life {
        void of(Scenario scenario) throws Exception;
    }

    private void check(String name, int duplicatesAtMost, Life life) {
        checks.check(name, () -> {
            try (Scenario scenario = new Scenario(checks)) {
                life.of(scenario);
                scenario.verify(duplicatesAtMost);
            }
        });
    }

    private void run() {
        check("one instance, with records that fail and records that never succeed", 0, Scenario::start);
        check("two instances share, one ends in peace", 0, this::shared);
        for (String moment : new String[] {Moment.POLLED, Moment.SENDING, Moment.SENT, Moment.COMMITTING}) {
            check("killed when it has " + moment, Scenario.IN_HAND, scenario -> killed(scenario, "", moment));
        }
        check("killed again and again, with static members", 3 * Scenario.IN_HAND,
            scenario -> killed(scenario, "static-", Moment.SENT, Moment.SENDING, Moment.COMMITTING));
        check("killed, and another instance is there", Scenario.IN_HAND, this::killedBesides);
        check("a thread that is late loses its partitions, and does not move the offsets back", Scenario.IN_HAND, this::late);
        // Whether a broker is stopped is not for every broker's checks.
        if (!Node.ours()) return;
        check("the broker stops and starts", Scenario.IN_HAND, this::brokerStops);
        check("the broker is killed and starts", Scenario.IN_HAND, this::brokerKilled);
        check("killed while the broker is away", Scenario.IN_HAND, this::killedWithoutBroker);
    }

    private void shared(Scenario scenario) throws Exception {
        Instance first = scenario.start();
        Checks.until(first::committed);
        Instance second = scenario.start();
        Checks.until(second::committed);
        first.terminate();
    }

    private void killed(Scenario scenario, String members, String... moments) throws Exception {
        for (String moment : moments) {
            Instance instance = scenario.start(members, moment, 10);
            instance.reaches(moment);
            instance.kill();
        }
        scenario.start(members, "never", 0);
    }

    private void killedBesides(Scenario scenario) throws Exception {
        scenario.start();
        killed(scenario, "", Moment.SENT);
    }

    private void late(Scenario scenario) throws Exception {
        Instance instance = scenario.start("", Moment.STALLED, 5);
        instance.reaches(Moment.STALLED);
        Checks.until(() -> instance.told.contains("late"));
    }

    private void brokerStops(Scenario scenario) throws Exception {
        Instance instance = scenario.start();
        Checks.until(instance::committed);
        Node.stop();
        Node.start();
    }

    private void brokerKilled(Scenario scenario) throws Exception {
        Instance instance = scenario.start();
        Checks.until(instance::committed);
        Node.kill();
        Node.start();
    }

    private void killedWithoutBroker(Scenario scenario) throws Exception {
        Instance first = scenario.start();
        Checks.until(first::committed);
        Node.stop();
        first.kill();
        Node.start();
        scenario.start();
    }
}
