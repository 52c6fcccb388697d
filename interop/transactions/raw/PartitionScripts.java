import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.apache.kafka.common.message.AddPartitionsToTxnRequestData;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData.AddPartitionsToTxnTransaction;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData;

/** AddPartitionsToTxn: of clients, and in batches, of brokers. */
final class PartitionScripts {
    private static final int[] CLIENTS = Script.range(0, 3);
    private static final int[] BROKERS = {4, 5};

    private PartitionScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("AddPartitionsToTxn: partitions", PartitionScripts::partitions);
        checks.put("AddPartitionsToTxn: some are not there", PartitionScripts::someUnknown);
        checks.put("AddPartitionsToTxn: none", PartitionScripts::none);
        checks.put("AddPartitionsToTxn: identities", PartitionScripts::identities);
        checks.put("AddPartitionsToTxn: a batch of transactions", PartitionScripts::batch);
        checks.put("AddPartitionsToTxn: verified only", PartitionScripts::verified);
    }

    private static AddPartitionsToTxnTopicCollection topics(Object... namesAndPartitions) {
        AddPartitionsToTxnTopicCollection topics = new AddPartitionsToTxnTopicCollection();
        for (int i = 0; i < namesAndPartitions.length; i += 2) {
            topics.add(new AddPartitionsToTxnTopic().setName((String) namesAndPartitions[i]).setPartitions(Arrays.stream((int[]) namesAndPartitions[i + 1]).boxed().toList()));
        }
        return topics;
    }

    private static int[] of(int... partitions) {
        return partitions;
    }

    private static void partitions(Script s) throws Exception {
        String topic = s.topic(3);
        s.versions("two, and again, and a third", CLIENTS, version -> {
            RawProducer p = s.producer();
            return p.add(version, topic, 0, 1) + " " + p.add(version, topic, 1, 0) + " " + p.add(version, topic, 2) + ", state " + s.state(p);
        });
    }

    private static void someUnknown(Script s) throws Exception {
        String topic = s.topic(2);
        RawProducer p = s.producer();
        s.versions("a topic that is not there", CLIENTS, version -> p.add(version, topics(topic, of(0, 1), "not-there", of(0))));
        s.versions("a partition that is not there", CLIENTS, version -> p.add(version, topics(topic, of(0, 7))));
        s.versions("partition -1", CLIENTS, version -> p.add(version, topics(topic, of(-1))));
        s.versions("a name that is not allowed", CLIENTS, version -> p.add(version, topics("a/b", of(0), topic, of(0))));
        s.versions("internal topics", CLIENTS, version -> p.add(version, topics("__transaction_state", of(0), topic, of(0))));
        s.say("state", s.state(p));
    }

    private static void none(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer p = s.producer();
        s.say("no topic", p.add(3, topics()));
        s.say("state", s.state(p));
        s.say("end", s.shown(p.endAnswer(RawProducer.END_V1, true)));
        s.say("state", s.state(p));
        s.say("no partition", p.add(3, topics(topic, of())));
        s.say("state", s.state(p));
    }

    private static void identities(Script s) throws Exception {
        String topic = s.topic(1);
        s.versions("unknown transactional id", CLIENTS, version -> s.fresh().add(version, topic, 0));
        s.versions("empty transactional id", CLIENTS, version -> s.keep(new RawProducer(s.bootstrap, "")).add(version, topic, 0));
        RawProducer p = s.producer();
        p.init();
        RawProducer wrong = s.twin(p);
        wrong.producerId += 1000;
        s.versions("another producer id", CLIENTS, version -> wrong.add(version, topic, 0));
        s.versions("an older epoch", CLIENTS, version -> s.twin(p, -1).add(version, topic, 0));
        s.versions("a newer epoch", CLIENTS, version -> s.twin(p, 1).add(version, topic, 0));
        s.say("state", s.state(p));
    }

    private static AddPartitionsToTxnTransaction transaction(RawProducer p, boolean verifyOnly, AddPartitionsToTxnTopicCollection topics) {
        return new AddPartitionsToTxnTransaction().setTransactionalId(p.transactionalId).setProducerId(p.producerId).setProducerEpoch(p.epoch)
            .setVerifyOnly(verifyOnly).setTopics(topics);
    }

    /** The errors by transaction, of the same order as the request's. */
    private static String ask(Script s, int version, AddPartitionsToTxnTransaction... transactions) throws Exception {
        StringBuilder shown = new StringBuilder();
        AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData();
        for (AddPartitionsToTxnTransaction each : transactions) request.transactions().add(each);
        AddPartitionsToTxnResponseData answer = RawProducer.ask(s.bootstrap, version, request);
        for (AddPartitionsToTxnTransaction each : transactions) {
            AddPartitionsToTxnResponseData one = new AddPartitionsToTxnResponseData().setErrorCode(answer.errorCode());
            one.resultsByTransaction().add(answer.resultsByTransaction().find(each.transactionalId()).duplicate());
            shown.append(shown.isEmpty() ? "" : "; ").append(RawProducer.errors(one));
        }
        return shown.toString();
    }

    private static void batch(Script s) throws Exception {
        String topic = s.topic(2);
        s.versions("added, to an unknown topic, of nobody, of a newer epoch, of another producer id, without a name", BROKERS, version -> {
            RawProducer good = s.producer();
            RawProducer wrong = s.producer();
            wrong.producerId += 1000;
            String answer = ask(s, version, transaction(good, false, topics(topic, of(0))), transaction(s.producer(), false, topics(topic, of(0, 1), "not-there", of(0))),
                transaction(s.fresh(), false, topics(topic, of(0, 1))), transaction(s.twin(s.producer(), 1), false, topics(topic, of(0))),
                transaction(wrong, false, topics(topic, of(0))), transaction(s.keep(new RawProducer(s.bootstrap, "")), false, topics(topic, of(0))));
            return answer + ", state " + s.state(good);
        });
    }

    private static void verified(Script s) throws Exception {
        String topic = s.topic(2);
        RawProducer empty = s.producer();
        RawProducer open = s.producer();
        open.init();
        open.add(3, topic, 0);
        RawProducer ended = s.producer();
        ended.produce(RawProducer.PRODUCE_V2, topic, 0, "v");
        ended.commit(RawProducer.END_V2);
        s.state(ended);
        RawProducer wrong = s.twin(open);
        wrong.producerId += 1000;
        List<RawProducer> all = List.of(empty, open, ended, s.fresh(), s.twin(open, -1), s.twin(open, 1), wrong);
        List<String> names = List.of("empty", "open", "ended", "of nobody", "older epoch", "newer epoch", "another producer id");
        for (int i = 0; i < all.size(); i++) {
            RawProducer each = all.get(i);
            s.versions(names.get(i), BROKERS, version -> ask(s, version, transaction(each, true, topics(topic, of(0, 1)))));
        }
        s.versions("open, an unknown topic beside", BROKERS, version -> ask(s, version, transaction(open, true, topics(topic, of(0), "not-there", of(0)))));
        s.say("nothing changed", s.state(empty) + ", " + s.state(open));
    }
}
