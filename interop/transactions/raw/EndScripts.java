import java.util.Map;
import java.util.TreeMap;

/** EndTxn in every state, of both versions of transactions; late and again on other connections. */
final class EndScripts {
    private static final int[] VERSIONS = Script.range(0, RawProducer.END_V2);
    private static final int[] OLD_VERSIONS = Script.range(0, RawProducer.END_V1);

    private EndScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        for (boolean commit : new boolean[] {true, false}) {
            String what = commit ? "commit" : "abort";
            checks.put("EndTxn: " + what + " of v2, and again", script -> ended(script, commit, true));
            checks.put("EndTxn: " + what + " of v1, and again", script -> ended(script, commit, false));
            checks.put("EndTxn: " + what + " of nothing", script -> nothing(script, commit));
            checks.put("EndTxn: " + what + " of v2, late, while the next one is open", script -> late(script, commit, true));
            checks.put("EndTxn: " + what + " of v1, late, while the next one is open", script -> late(script, commit, false));
        }
        checks.put("EndTxn: one transaction right after the other, v1", script -> oneAfterTheOther(script, false));
        checks.put("EndTxn: one transaction right after the other, v2", script -> oneAfterTheOther(script, true));
        checks.put("EndTxn: while the one before is being ended", EndScripts::whileEnding);
        checks.put("EndTxn: of the other version", EndScripts::mixed);
        checks.put("EndTxn: identities", EndScripts::identities);
    }

    private static void write(RawProducer p, String topic, boolean v2) throws Exception {
        if (!v2) p.add(3, topic, 0);
        p.produce(v2 ? RawProducer.PRODUCE_V2 : RawProducer.PRODUCE_V1, topic, 0, "v");
    }

    private static void ended(Script s, boolean commit, boolean v2) throws Exception {
        String topic = s.topic(1);
        int version = v2 ? RawProducer.END_V2 : RawProducer.END_V1;
        RawProducer p = s.producer();
        write(p, topic, v2);
        RawProducer old = s.twin(p);
        s.say("end", s.shown(p.endAnswer(version, commit)));
        s.say("state", s.state(p));
        s.say("partition", s.producers(topic, 0));
        s.say("again", s.shown(old.endAnswer(version, commit)));
        s.say("otherwise", s.shown(old.endAnswer(version, !commit)));
        s.versions("again, in every version", VERSIONS, each -> s.shown(old.endAnswer(each, commit)) + " " + s.state(p));
        RawProducer next = s.twin(p, v2 ? 1 : 0);
        s.say("the next one's write", next.produce(RawProducer.PRODUCE_V2, topic, 0, "w"));
        s.say("its end", s.shown(next.endAnswer(RawProducer.END_V2, commit)));
        s.say("state", s.state(p));
    }

    /** From each state in which nothing is open. */
    private static void nothing(Script s, boolean commit) throws Exception {
        s.versions("after InitProducerId", VERSIONS, version -> {
            RawProducer p = s.producer();
            return s.shown(p.endAnswer(version, commit)) + ", state " + s.state(p);
        });
        for (boolean before : new boolean[] {true, false}) {
            s.versions("after " + (before ? "a commit" : "an abort") + " of v2, with the new epoch", VERSIONS, version -> {
                RawProducer p = s.producer();
                write(p, s.topic(1), true);
                p.end(RawProducer.END_V2, before);
                s.state(p);
                return s.shown(p.endAnswer(version, commit)) + ", state " + s.state(p);
            });
        }
    }

    private static void late(Script s, boolean commit, boolean v2) throws Exception {
        for (int version : v2 ? VERSIONS : OLD_VERSIONS) {
            String topic = s.topic(1);
            RawProducer p = s.producer();
            write(p, topic, v2);
            RawProducer old = s.twin(p);
            s.say("v" + version + " end", p.commit(v2 ? RawProducer.END_V2 : RawProducer.END_V1));
            s.state(p);
            write(p, topic, v2);
            s.say("late", s.shown(old.endAnswer(version, commit)));
            s.say("state", s.state(p));
            s.say("partition", s.producers(topic, 0));
            s.say("more is written", p.produce(v2 ? RawProducer.PRODUCE_V2 : RawProducer.PRODUCE_V1, topic, 0, "w"));
            s.say("its own end", s.shown(p.endAnswer(v2 ? RawProducer.END_V2 : RawProducer.END_V1, true)));
            s.say("state", s.state(p));
        }
    }

    /** While the coordinator still writes the markers of the one before. What asks for another try is asked again. */
    private static void oneAfterTheOther(Script s, boolean v2) throws Exception {
        String topic = s.topic(3);
        RawProducer p = s.producer();
        Map<String, Integer> answers = new TreeMap<>();
        for (int i = 0; i < 300; i++) {
            if (!v2) answers.merge("add " + p.add(3, topic, i % 3), 1, Integer::sum);
            answers.merge("produce " + p.produce(v2 ? RawProducer.PRODUCE_NEWEST : RawProducer.PRODUCE_V1, topic, i % 3, "v"), 1, Integer::sum);
            if (i % 3 == 0) answers.merge("abort " + p.abort(v2 ? RawProducer.END_V2 : RawProducer.END_V1), 1, Integer::sum);
            else answers.merge("commit " + p.commit(v2 ? RawProducer.END_V2 : RawProducer.END_V1), 1, Integer::sum);
        }
        s.say("answers", answers);
        s.say("state", s.state(p));
        s.say("partition", s.producers(topic, 0));
    }

    /** With the epoch that the end was answered with: to be asked again, until there is an answer to nothing being open. */
    private static void whileEnding(Script s) throws Exception {
        String topic = s.topic(30);
        for (boolean before : new boolean[] {true, false}) {
            for (boolean commit : new boolean[] {true, false}) {
                s.versions((before ? "commit, then " : "abort, then ") + (commit ? "commit" : "abort"), VERSIONS, version -> {
                    RawProducer p = s.producer();
                    for (int i = 0; i < 30; i++) p.produce(RawProducer.PRODUCE_V2, topic, i, "v");
                    p.end(RawProducer.END_V2, before);
                    return RawProducer.patiently(() -> p.end(version, commit)) + ", state " + s.state(p);
                });
            }
        }
    }

    private static void mixed(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        write(p, topic, true);
        s.say("v2 ended by v4", s.shown(p.endAnswer(RawProducer.END_V1, true)));
        s.say("state", s.state(p));
        s.say("partition", s.producers(topic, 0));
        s.say("the next write", p.produce(RawProducer.PRODUCE_V2, topic, 0, "w"));
        s.say("ended by v5", s.shown(p.endAnswer(RawProducer.END_V2, true)));
        s.say("state", s.state(p));
        RawProducer other = s.producer();
        String second = s.topic(1);
        write(other, second, false);
        s.say("v1 ended by v5", s.shown(other.endAnswer(RawProducer.END_V2, true)));
        s.say("state", s.state(other));
        s.say("partition", s.producers(second, 0));
    }

    private static void identities(Script s) throws Exception {
        s.versions("unknown transactional id", VERSIONS, version -> s.shown(s.fresh().endAnswer(version, true)));
        s.versions("empty transactional id", VERSIONS, version -> s.shown(s.keep(new RawProducer(s.bootstrap, "")).endAnswer(version, true)));
        RawProducer p = s.producer();
        p.init();
        write(p, s.topic(1), true);
        RawProducer wrong = s.twin(p);
        wrong.producerId += 1000;
        s.versions("another producer id", VERSIONS, version -> s.shown(wrong.endAnswer(version, true)));
        s.versions("an older epoch", VERSIONS, version -> s.shown(s.twin(p, -1).endAnswer(version, true)));
        s.versions("a newer epoch", VERSIONS, version -> s.shown(s.twin(p, 1).endAnswer(version, true)));
        s.say("state", s.state(p));
    }
}
