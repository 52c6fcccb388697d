import java.util.List;
import java.util.Map;

import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.ListTransactionsRequestData;
import org.apache.kafka.common.message.ListTransactionsResponseData;

/** What is told of transactions: DescribeTransactions, DescribeProducers, ListTransactions, FindCoordinator; and what is read around them. */
final class DescribeScripts {
    private static final int FETCH = 12;
    private static final int LIST_OFFSETS = 8;

    private DescribeScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("FindCoordinator: of transactions", DescribeScripts::coordinator);
        checks.put("described: from the start to the end", DescribeScripts::described);
        checks.put("described: what is not there", DescribeScripts::notThere);
        checks.put("ListTransactions: filters", DescribeScripts::listed);
        checks.put("Fetch and ListOffsets: transactions within each other", DescribeScripts::read);
    }

    private static void coordinator(Script s) throws Exception {
        s.producer();
        for (String key : List.of("", "any")) {
            FindCoordinatorResponseData answer = RawProducer.ask(s.bootstrap, 4, new FindCoordinatorRequestData().setKeyType((byte) 1).setCoordinatorKeys(List.of(key)));
            FindCoordinatorResponseData.Coordinator seen = answer.coordinators().get(0);
            s.say("'" + key + "'", RawProducer.name(seen.errorCode()) + " '" + seen.errorMessage() + "' " + (seen.host() + ":" + seen.port()).equals(s.bootstrap));
        }
    }

    private static void described(Script s) throws Exception {
        String topic = s.topic(2);
        RawProducer p = s.producer();
        s.say("empty", s.state(p));
        s.say("partition", s.producers(topic, 0));
        s.say("added", p.add(3, topic, 1) + " " + s.state(p));
        s.say("partition", s.producers(topic, 1));
        p.produce(RawProducer.PRODUCE_V2, topic, 0, "v", "w");
        s.say("open", s.state(p));
        s.say("partition", s.producers(topic, 0));
        for (boolean commit : new boolean[] {true, false}) {
            p.end(RawProducer.END_V2, commit);
            s.say("ended", s.state(p));
            s.say("partition", s.producers(topic, 0));
            p.produce(RawProducer.PRODUCE_V2, topic, 0, "v");
            s.say("open", s.state(p));
            s.say("partition", s.producers(topic, 0));
        }
        s.say("ended in v1", p.abort(RawProducer.END_V1) + " " + s.state(p));
        s.say("partition", s.producers(topic, 0));
    }

    private static void notThere(Script s) throws Exception {
        String topic = s.topic(1);
        s.say("transactional id of nobody", s.stateNow(s.fresh()));
        s.say("empty transactional id", s.stateNow(s.keep(new RawProducer(s.bootstrap, ""))));
        s.say("a partition that is not there", s.producers(topic, 9));
        s.say("a topic that is not there", s.producers("not-there", 0));
        s.say("a name that is not allowed", s.producers("a/b", 0));
    }

    private static void listed(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer empty = s.producer();
        RawProducer open = s.producer();
        open.produce(RawProducer.PRODUCE_V2, topic, 0, "v");
        RawProducer ended = s.producer();
        ended.produce(RawProducer.PRODUCE_V2, topic, 0, "v");
        ended.commit(RawProducer.END_V2);
        s.state(ended);
        List<Long> ids = List.of(empty.producerId, open.producerId, ended.producerId);
        for (int version = 0; version <= 2; version++) {
            s.say("v" + version + " ours", list(s, version, new ListTransactionsRequestData().setProducerIdFilters(ids)));
            for (String state : List.of("Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence", "ongoing", "Nonsense")) {
                s.say(state, list(s, version, new ListTransactionsRequestData().setProducerIdFilters(ids).setStateFilters(List.of(state))));
            }
            s.say("nonsense beside", list(s, version, new ListTransactionsRequestData().setProducerIdFilters(ids).setStateFilters(List.of("Nonsense", "Ongoing"))));
        }
        for (int version = 1; version <= 2; version++) {
            for (long duration : new long[] {-1, 0, 1_000_000}) {
                Thread.sleep(2);
                s.say("v" + version + " for longer than " + duration, list(s, version, new ListTransactionsRequestData().setProducerIdFilters(ids).setDurationFilter(duration)));
            }
        }
        String id = open.transactionalId;
        for (String pattern : List.of(id, id.substring(1), id.substring(0, id.length() - 1) + ".*", ".*" + id.substring(2), "", "(")) {
            s.say("pattern " + pattern.replace(id.substring(2, id.length() - 1), "id"), list(s, 2, new ListTransactionsRequestData().setProducerIdFilters(ids).setTransactionalIdPattern(pattern)));
        }
    }

    private static String list(Script s, int version, ListTransactionsRequestData request) throws Exception {
        ListTransactionsResponseData answer = RawProducer.ask(s.bootstrap, version, request);
        return RawProducer.name(answer.errorCode()) + " " + answer.transactionStates().stream().map(each -> s.who(each.producerId(), 0).charAt(0) + " " + each.transactionState()).sorted().toList()
            + (answer.unknownStateFilters().isEmpty() ? "" : " unknown " + answer.unknownStateFilters());
    }

    private static void read(Script s) throws Exception {
        String topic = s.topic(1);
        RawProducer first = s.producer();
        RawProducer second = s.producer();
        RawProducer third = s.producer();
        first.produce(RawProducer.PRODUCE_V2, topic, 0, "a");
        // Each at a time of its own.
        Thread.sleep(3);
        second.produce(RawProducer.PRODUCE_V2, topic, 0, "b", "b");
        Thread.sleep(3);
        third.produce(RawProducer.PRODUCE_V2, topic, 0, "c");
        Thread.sleep(3);
        offsets(s, "all open", topic);
        second.abort(RawProducer.END_V2);
        s.state(second);
        offsets(s, "the second aborted", topic);
        fetch(s, topic, 0);
        third.commit(RawProducer.END_V2);
        s.state(third);
        fetch(s, topic, 0);
        first.abort(RawProducer.END_V2);
        s.state(first);
        offsets(s, "all ended", topic);
        for (int from = 0; from <= 7; from++) fetch(s, topic, from);
    }

    private static void offsets(Script s, String when, String topic) throws Exception {
        for (byte isolation = 0; isolation < 2; isolation++) {
            for (long timestamp : new long[] {-1, -2, -3, 0, Long.MAX_VALUE}) {
                ListOffsetsResponseData answer = RawProducer.ask(s.bootstrap, LIST_OFFSETS, new ListOffsetsRequestData().setReplicaId(-1).setIsolationLevel(isolation)
                    .setTopics(List.of(new ListOffsetsRequestData.ListOffsetsTopic().setName(topic)
                        .setPartitions(List.of(new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(0).setTimestamp(timestamp))))));
                ListOffsetsResponseData.ListOffsetsPartitionResponse seen = answer.topics().get(0).partitions().get(0);
                s.say(when + ", isolation " + isolation + ", offset for " + timestamp, RawProducer.name(seen.errorCode()) + " " + seen.offset() + " epoch " + seen.leaderEpoch()
                    + (seen.timestamp() > 0 ? " with a time" : ""));
            }
        }
    }

    private static void fetch(Script s, String topic, long from) throws Exception {
        for (byte isolation = 0; isolation < 2; isolation++) {
            FetchResponseData answer = RawProducer.ask(s.bootstrap, FETCH, new FetchRequestData().setReplicaId(-1).setMaxBytes(1_000_000).setMaxWaitMs(10).setMinBytes(1)
                .setIsolationLevel(isolation).setSessionEpoch(-1).setTopics(List.of(new FetchRequestData.FetchTopic().setTopic(topic)
                    .setPartitions(List.of(new FetchRequestData.FetchPartition().setPartition(0).setFetchOffset(from).setPartitionMaxBytes(1_000_000))))));
            FetchResponseData.PartitionData seen = answer.responses().get(0).partitions().get(0);
            s.say("fetch from " + from + ", isolation " + isolation, RawProducer.name(seen.errorCode()) + " high watermark " + seen.highWatermark() + " stable " + seen.lastStableOffset()
                + " bytes " + (seen.records() == null ? "none" : seen.records().sizeInBytes()) + " aborted "
                + (seen.abortedTransactions() == null ? "none" : seen.abortedTransactions().stream().map(each -> s.who(each.producerId(), 0).charAt(0) + " from " + each.firstOffset()).toList()));
        }
    }
}
