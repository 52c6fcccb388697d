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

    private void check(String name, Life life) {
        checks.check(name, () -> {
            try (Scenario scenario = new Scenario(checks)) {
                life.of(scenario);
                scenario.verify();
            }
        });
    }

    private void run() {
        check("one instance, with records that fail and records that never succeed", Scenario::start);
        check("two instances share, one ends in peace", this::shared);
        for (String moment : new String[] {Moment.POLLED, Moment.SENDING, Moment.SENT, Moment.COMMITTING}) {
            check("killed at a bad moment: " + moment, scenario -> killed(scenario, "", moment));
        }
        check("killed again and again, with static members",
            scenario -> killed(scenario, "static-", Moment.SENT, Moment.SENDING, Moment.COMMITTING));
        check("killed, and another instance is there", this::killedBesides);
        check("a thread that is late loses its partitions, and does not move the offsets back", this::late);
        // Whether a broker is stopped is not for every broker's checks.
        if (!Node.ours()) return;
        check("the broker stops and starts", this::brokerStops);
        check("the broker is killed and starts", this::brokerKilled);
        check("killed while the broker is away", this::killedWithoutBroker);
    }

    private void shared(Scenario scenario) throws Exception {
        Instance first = scenario.start();
        Checks.until(first::works);
        Instance second = scenario.start();
        Checks.until(second::works);
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
        Checks.until(instance::works);
        Node.stop();
        Node.start();
    }

    private void brokerKilled(Scenario scenario) throws Exception {
        Instance instance = scenario.start();
        Checks.until(instance::works);
        Node.kill();
        Node.start();
    }

    private void killedWithoutBroker(Scenario scenario) throws Exception {
        Instance first = scenario.start();
        Checks.until(first::works);
        Node.stop();
        first.kill();
        Node.start();
        scenario.start();
    }
}
