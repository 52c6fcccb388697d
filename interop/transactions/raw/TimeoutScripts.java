import java.util.Map;

/** What a producer is told whose transaction took too long. */
final class TimeoutScripts {
    private TimeoutScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("a transaction takes too long, v1", script -> late(script, false));
        checks.put("a transaction takes too long, v2", script -> late(script, true));
    }

    private static void late(Script s, boolean v2) throws Exception {
        String topic = s.topic(2);
        String group = s.group();
        RawProducer p = s.fresh();
        p.timeoutMs = 300;
        s.say("init", p.init() + " " + s.who(p));
        if (!v2) s.say("add", p.add(3, topic, 0));
        s.say("produce", p.produce(v2 ? RawProducer.PRODUCE_V2 : RawProducer.PRODUCE_V1, topic, 0, "v"));
        Script.until(() -> s.stateNow(p).startsWith("CompleteAbort"));
        s.say("state", s.state(p));
        s.say("partition", s.producers(topic, 0));
        s.versions("produce", Script.range(3, 12), version -> p.produce(version, topic, 0, "w"));
        s.versions("produce to another partition", Script.range(3, 12), version -> p.produce(version, topic, 1, "w"));
        s.versions("AddPartitionsToTxn", Script.range(0, 3), version -> p.add(version, topic, 0));
        s.versions("AddOffsetsToTxn", Script.range(0, 4), version -> p.addOffsets(version, group));
        s.versions("TxnOffsetCommit", Script.range(0, 5), version -> p.commitOffset(version, group, topic, 0, 5));
        s.versions("commit", Script.range(0, 5), version -> s.shown(p.endAnswer(version, true)));
        s.versions("abort", Script.range(0, 5), version -> s.shown(p.endAnswer(version, false)));
        s.say("state", s.state(p));
        s.versions("InitProducerId with its own", Script.range(3, 5), version -> {
            RawProducer next = s.twin(p);
            return next.init(version, p.producerId, p.epoch) + " " + s.who(next);
        });
        s.say("state", s.state(p));
    }
}
