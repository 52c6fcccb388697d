import java.util.Map;

/** Produce of transactional batches: verified (KIP-890), fenced, in sequence. */
final class ProduceScripts {
    private static final int[] VERSIONS = Script.range(3, RawProducer.PRODUCE_V2);
    private static final int[] BOTH = {RawProducer.PRODUCE_V1, RawProducer.PRODUCE_V2};

    private ProduceScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("Produce: to a partition that was not added", ProduceScripts::notAdded);
        checks.put("Produce: to a partition that was not added, while others were", ProduceScripts::othersAdded);
        checks.put("Produce: after the end", ProduceScripts::afterEnd);
        checks.put("Produce: to what is not there", ProduceScripts::notThere);
        checks.put("Produce: identities", ProduceScripts::identities);
        checks.put("Produce: sequence numbers", ProduceScripts::sequences);
        checks.put("Produce: an idempotent producer names a transactional id", ProduceScripts::idempotent);
    }

    private static void notAdded(Script s) throws Exception {
        String topic = s.topic(1);
        s.versions("not added", VERSIONS, version -> {
            RawProducer p = s.producer();
            return p.produce(version, topic, 0, "v") + ", state " + s.state(p);
        });
    }

    private static void othersAdded(Script s) throws Exception {
        String topic = s.topic(2);
        s.versions("not added, once and again, then added", VERSIONS, version -> {
            RawProducer p = s.producer();
            p.add(3, topic, 1);
            String answer = p.produce(version, topic, 0, "v") + " " + p.produce(version, topic, 0, "v");
            return answer + " " + p.add(3, topic, 0) + " " + p.produce(version, topic, 0, "v") + ", state " + s.state(p);
        });
    }

    private static void afterEnd(Script s) throws Exception {
        for (boolean commit : new boolean[] {true, false}) {
            String topic = s.topic(2);
            s.versions("v1 after " + (commit ? "commit" : "abort"), Script.range(10, 11), version -> {
                RawProducer p = s.producer();
                p.add(3, topic, 0);
                p.produce(version, topic, 0, "v");
                p.end(RawProducer.END_V1, commit);
                s.state(p);
                return p.produce(version, topic, 0, "w") + " " + p.produce(version, topic, 1, "w");
            });
            s.versions("v2 after " + (commit ? "commit" : "abort") + ", with the epoch before", BOTH, version -> {
                RawProducer p = s.producer();
                p.produce(RawProducer.PRODUCE_V2, topic, 0, "v");
                RawProducer old = s.twin(p);
                p.end(RawProducer.END_V2, commit);
                s.state(p);
                return old.produce(version, topic, 0, "w") + " " + old.produce(version, topic, 1, "w") + ", state " + s.state(p);
            });
        }
    }

    private static void notThere(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        s.versions("a partition that is not there", BOTH, version -> p.produce(version, topic, 9, "v"));
        s.versions("a topic that is not there", BOTH, version -> p.produce(version, "not-there", 0, "v"));
        s.say("state", s.state(p));
    }

    private static void identities(Script s) throws Exception {
        for (int version : BOTH) {
            String topic = s.topic(2);
            RawProducer p = s.producer();
            p.init();
            if (version == RawProducer.PRODUCE_V1) p.add(3, topic, 0, 1);
            s.say("v" + version, p.produce(version, topic, 0, "v"));
            for (int partition : new int[] {0, 1}) {
                s.say("no transactional id, partition " + partition, s.twin(p).produce(version, null, topic, partition, "v"));
                s.say("an empty transactional id, partition " + partition, s.twin(p).produce(version, "", topic, partition, "v"));
                s.say("a transactional id of nobody, partition " + partition, s.twin(p).produce(version, "nobody", topic, partition, "v"));
                s.say("another's transactional id, partition " + partition, s.twin(p).produce(version, s.producer().transactionalId, topic, partition, "v"));
                s.say("a newer epoch, partition " + partition, s.twin(p, 1).produce(version, topic, partition, "v"));
                s.say("an older epoch, partition " + partition, s.twin(p, -1).produce(version, topic, partition, "v"));
                RawProducer wrong = s.twin(p);
                wrong.become(p.producerId + 1000, p.epoch);
                s.say("another producer id, partition " + partition, wrong.produce(version, topic, partition, "v"));
            }
            s.say("state", s.state(p));
            s.say("partitions", s.producers(topic, 0) + " " + s.producers(topic, 1));
        }
    }

    private static void sequences(Script s) throws Exception {
        for (int version : BOTH) {
            String topic = s.topic(1);
            int end = version == RawProducer.PRODUCE_V2 ? RawProducer.END_V2 : RawProducer.END_V1;
            RawProducer p = s.producer();
            for (int transaction = 0; transaction < 2; transaction++) {
                if (version == RawProducer.PRODUCE_V1) p.add(3, topic, 0);
                int next = p.sequences.getOrDefault(topic + "-0", 0);
                s.say("v" + version + " too high at first", at(p, topic, next + 5, version));
                s.say("right", at(p, topic, next, version));
                s.say("again", at(p, topic, next, version));
                s.say("the next", at(p, topic, next + 1, version));
                s.say("too high", at(p, topic, next + 9, version));
                s.say("partition", s.producers(topic, 0));
                p.sequences.put(topic + "-0", next + 2);
                s.say("end", p.end(end, true));
                s.state(p);
            }
        }
    }

    private static String at(RawProducer p, String topic, int sequence, int version) throws Exception {
        p.sequences.put(topic + "-0", sequence);
        return p.produce(version, topic, 0, "v");
    }

    private static void idempotent(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.keep(new RawProducer(s.bootstrap, null));
        s.say("init", p.init() + " " + s.who(p));
        s.versions("without", BOTH, version -> p.produce(version, topic, 0, "v"));
        s.versions("with a transactional id", BOTH, version -> p.produce(version, "nobody", topic, 0, "v"));
        s.say("partition", s.producers(topic, 0));
    }
}
