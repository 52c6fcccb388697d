import java.util.Map;

/** InitProducerId, with a transactional id. */
final class InitScripts {
    private static final int[] VERSIONS = Script.range(0, RawProducer.INIT);
    private static final int[] WITH_PRODUCER_ID = Script.range(3, RawProducer.INIT);
    private static final int LAST_EPOCH = 32766;

    private InitScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("InitProducerId: again and again", InitScripts::again);
        checks.put("InitProducerId: over an open transaction, v1", script -> overOpen(script, false));
        checks.put("InitProducerId: over an open transaction, v2", script -> overOpen(script, true));
        checks.put("InitProducerId: with producer id and epoch (KIP-360)", InitScripts::known);
        checks.put("InitProducerId: with producer id and epoch over an open transaction", InitScripts::knownOverOpen);
        checks.put("InitProducerId: with producer id and epoch after a commit of v2", InitScripts::knownAfterCommit);
        checks.put("InitProducerId: refused", InitScripts::refused);
        checks.put("the last epoch: by EndTxn", InitScripts::lastEpochByEnd);
        checks.put("the last epoch: by InitProducerId", InitScripts::lastEpochByInit);
        checks.put("the last epoch: over an open transaction", InitScripts::lastEpochOverOpen);
    }

    private static void again(Script s) throws Exception {
        RawProducer p = s.fresh();
        s.versions("init", VERSIONS, version -> RawProducer.patiently(() -> p.init(version, -1, -1)) + " " + s.who(p));
        s.say("state", s.state(p));
    }

    private static void open(Script s, RawProducer p, String topic, boolean v2) throws Exception {
        if (!v2) s.say("add", p.add(3, topic, 0));
        s.say("produce", p.produce(v2 ? RawProducer.PRODUCE_V2 : RawProducer.PRODUCE_V1, topic, 0, "v"));
    }

    private static void overOpen(Script s, boolean v2) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        open(s, p, topic, v2);
        s.say("state", s.state(p));
        RawProducer next = s.twin(p);
        s.say("first answer", next.init(RawProducer.INIT, -1, -1));
        s.say("state", s.state(p));
        s.say("then", next.init() + " " + s.who(next));
        s.say("state", s.state(p));
        s.say("partition", s.producers(topic, 0));
        s.say("the old one's commit", s.shown(p.endAnswer(v2 ? RawProducer.END_V2 : RawProducer.END_V1, true)));
        s.say("the old one's write", p.produce(v2 ? RawProducer.PRODUCE_V2 : RawProducer.PRODUCE_V1, topic, 0, "late"));
    }

    private static void known(Script s) throws Exception {
        RawProducer p = s.producer();
        for (int i = 0; i < 3; i++) {
            RawProducer retry = s.twin(p);
            s.say("with its own", retry.init(RawProducer.INIT, p.producerId, p.epoch) + " " + s.who(retry));
        }
        s.say("state", s.state(p));
        s.versions("with another producer id", WITH_PRODUCER_ID, version -> s.twin(p).init(version, p.producerId + 1000, p.epoch));
        s.versions("with a newer epoch", WITH_PRODUCER_ID, version -> s.twin(p).init(version, p.producerId, p.epoch + 7));
        RawProducer next = s.twin(p);
        s.say("without", next.init() + " " + s.who(next));
        s.versions("with what is old by now", WITH_PRODUCER_ID, version -> s.twin(p).init(version, p.producerId, p.epoch));
        s.say("state", s.state(p));
        RawProducer fresh = s.fresh();
        s.say("an unknown transactional id with 5/3", fresh.init(RawProducer.INIT, 5, 3) + " " + s.who(fresh));
    }

    private static void knownOverOpen(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        open(s, p, topic, true);
        s.say("first answer", s.twin(p).init(RawProducer.INIT, p.producerId, p.epoch));
        s.say("state", s.state(p));
        for (int i = 0; i < 2; i++) {
            RawProducer retry = s.twin(p);
            s.say("then", retry.init(RawProducer.INIT, p.producerId, p.epoch) + " " + s.who(retry));
        }
        s.say("partition", s.producers(topic, 0));
    }

    private static void knownAfterCommit(Script s) throws Exception {
        RawProducer p = s.producer();
        open(s, p, s.topic(1), true);
        RawProducer before = s.twin(p);
        s.say("commit", p.commit(RawProducer.END_V2) + " " + s.who(p));
        s.say("state", s.state(p));
        RawProducer retry = s.twin(p);
        s.say("with the epoch before", retry.init(RawProducer.INIT, before.producerId, before.epoch) + " " + s.who(retry));
        s.say("without", retry.init() + " " + s.who(retry));
    }

    private static void refused(Script s) throws Exception {
        for (int timeoutMs : new int[] {0, -1, 900_001}) {
            RawProducer p = s.fresh();
            p.timeoutMs = timeoutMs;
            s.versions("timeout " + timeoutMs, VERSIONS, version -> p.init(version, -1, -1));
        }
        s.versions("producer id without epoch", WITH_PRODUCER_ID, version -> s.fresh().init(version, 5, -1));
        s.versions("epoch without producer id", WITH_PRODUCER_ID, version -> s.fresh().init(version, -1, 5));
        s.versions("an empty transactional id", VERSIONS, version -> s.keep(new RawProducer(s.bootstrap, "")).init(version, -1, -1));
        s.versions("none, with producer id and epoch", WITH_PRODUCER_ID, version -> s.keep(new RawProducer(s.bootstrap, null)).init(version, 5, 5));
    }

    private static RawProducer atEpoch(Script s, int epoch) throws Exception {
        RawProducer p = s.producer();
        while (p.epoch < epoch) p.init();
        return p;
    }

    private static void lastEpochByEnd(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = atEpoch(s, LAST_EPOCH - 1);
        for (int i = 0; i < 3; i++) {
            open(s, p, topic, true);
            RawProducer old = s.twin(p);
            s.say("commit at " + s.who(p), p.commit(RawProducer.END_V2) + " " + s.who(p));
            s.say("state", s.state(p));
            s.say("partition", s.producers(topic, 0));
            s.say("again", s.shown(old.endAnswer(RawProducer.END_V2, true)));
            s.say("otherwise", s.shown(old.endAnswer(RawProducer.END_V2, false)));
        }
    }

    private static void lastEpochByInit(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = atEpoch(s, LAST_EPOCH - 1);
        for (int i = 0; i < 3; i++) s.say("init", p.init() + " " + s.who(p));
        open(s, p, topic, true);
        s.say("commit", p.commit(RawProducer.END_V2) + " " + s.who(p));
        s.state(p);
        s.say("partition", s.producers(topic, 0));
    }

    private static void lastEpochOverOpen(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = atEpoch(s, LAST_EPOCH);
        open(s, p, topic, true);
        RawProducer next = s.twin(p);
        s.say("first answer", next.init(RawProducer.INIT, -1, -1));
        s.say("state", s.state(p));
        s.say("then", next.init() + " " + s.who(next));
        s.say("partition", s.producers(topic, 0));
        s.say("the old one's write", p.produce(RawProducer.PRODUCE_V2, topic, 0, "late"));
    }
}
