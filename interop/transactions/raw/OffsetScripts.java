import java.util.List;
import java.util.Map;

import org.apache.kafka.common.message.JoinGroupRequestData;
import org.apache.kafka.common.message.JoinGroupResponseData;
import org.apache.kafka.common.message.OffsetFetchRequestData;
import org.apache.kafka.common.message.OffsetFetchResponseData;
import org.apache.kafka.common.message.SyncGroupRequestData;
import org.apache.kafka.common.message.SyncGroupResponseData;

/** AddOffsetsToTxn and TxnOffsetCommit, and what is fetched meanwhile. */
final class OffsetScripts {
    private static final int[] COMMITS = Script.range(0, RawProducer.COMMIT_V2);
    private static final int[] WITH_MEMBER = Script.range(3, RawProducer.COMMIT_V2);
    private static final int[] ADDS = Script.range(0, 4);

    private OffsetScripts() {
    }

    static void add(Map<String, Script.Steps> checks) {
        checks.put("AddOffsetsToTxn: identities", OffsetScripts::added);
        checks.put("TxnOffsetCommit: without AddOffsetsToTxn", OffsetScripts::notAdded);
        checks.put("TxnOffsetCommit: refused by the group, not added before", OffsetScripts::refusedFirst);
        checks.put("TxnOffsetCommit: identities", OffsetScripts::identities);
        checks.put("TxnOffsetCommit: of a group without members", OffsetScripts::simple);
        checks.put("TxnOffsetCommit: of a group's member", OffsetScripts::member);
        checks.put("OffsetFetch: while transactions are open", OffsetScripts::fetched);
        checks.put("OffsetFetch: two transactions of one partition", OffsetScripts::two);
    }

    private static void added(Script s) throws Exception {
        String group = s.group();
        s.versions("unknown transactional id", ADDS, version -> s.fresh().addOffsets(version, group));
        s.versions("empty transactional id", ADDS, version -> s.keep(new RawProducer(s.bootstrap, "")).addOffsets(version, group));
        RawProducer p = s.producer();
        p.init();
        RawProducer wrong = s.twin(p);
        wrong.producerId += 1000;
        s.versions("another producer id", ADDS, version -> wrong.addOffsets(version, group));
        s.versions("an older epoch", ADDS, version -> s.twin(p, -1).addOffsets(version, group));
        s.versions("a newer epoch", ADDS, version -> s.twin(p, 1).addOffsets(version, group));
        s.say("state", s.state(p));
        s.versions("right", ADDS, version -> p.addOffsets(version, group));
        s.say("state", s.state(p).replaceFirst("offsets-\\d+", "offsets-N"));
        s.say("an empty group", s.producer().addOffsets(4, ""));
    }

    private static void notAdded(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        s.versions("not added", COMMITS, version -> {
            RawProducer p = s.producer();
            String answer = p.commitOffset(version, group, topic, 0, 5);
            return answer + ", state " + s.state(p).replaceFirst("offsets-\\d+", "offsets-N");
        });
    }

    private static void refusedFirst(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        s.versions("a member of a group that is not there", WITH_MEMBER, version -> {
            RawProducer p = s.producer();
            String answer = p.commitOffset(version, group, 7, "member", topic, 0, 5);
            return answer + ", state " + s.state(p).replaceFirst("offsets-\\d+", "offsets-N");
        });
        s.versions("a topic that is not there", COMMITS, version -> {
            RawProducer p = s.producer();
            String answer = p.commitOffset(version, group, "not-there", 0, 5);
            return answer + ", state " + s.state(p).replaceFirst("offsets-\\d+", "offsets-N");
        });
    }

    private static void identities(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        s.versions("unknown transactional id", COMMITS, version -> s.fresh().commitOffset(version, group, topic, 0, 5));
        s.versions("empty transactional id", COMMITS, version -> s.keep(new RawProducer(s.bootstrap, "")).commitOffset(version, group, topic, 0, 5));
        RawProducer p = s.producer();
        p.init();
        p.addOffsets(4, group);
        RawProducer wrong = s.twin(p);
        wrong.producerId += 1000;
        s.versions("another producer id", COMMITS, version -> wrong.commitOffset(version, group, topic, 0, 5));
        s.versions("an older epoch", COMMITS, version -> s.twin(p, -1).commitOffset(version, group, topic, 0, 5));
        s.versions("a newer epoch", COMMITS, version -> s.twin(p, 1).commitOffset(version, group, topic, 0, 5));
        s.versions("an empty group", COMMITS, version -> p.commitOffset(version, "", topic, 0, 5));
        s.versions("right", COMMITS, version -> p.commitOffset(version, group, topic, 0, 5));
    }

    private static void simple(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        RawProducer p = s.producer();
        p.addOffsets(4, group);
        s.versions("no member", WITH_MEMBER, version -> p.commitOffset(version, group, topic, 0, 5));
        s.versions("a generation", WITH_MEMBER, version -> p.commitOffset(version, group, 5, "", topic, 0, 5));
        s.versions("a member", WITH_MEMBER, version -> p.commitOffset(version, group, 5, "member", topic, 0, 5));
        s.versions("a topic that is not there", COMMITS, version -> p.commitOffset(version, group, "not-there", 0, 5));
        s.versions("a partition that is not there", COMMITS, version -> p.commitOffset(version, group, topic, 9, 5));
        s.say("commit", p.commit(RawProducer.END_V1));
        s.state(p);
        p.addOffsets(4, group);
        s.versions("with offsets, a generation", WITH_MEMBER, version -> p.commitOffset(version, group, 5, "", topic, 0, 5));
        s.versions("with offsets, a member", WITH_MEMBER, version -> p.commitOffset(version, group, 5, "member", topic, 0, 5));
        s.say("abort", p.abort(RawProducer.END_V1));
    }

    private static void member(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        try (Wire wire = new Wire(s.bootstrap)) {
            JoinGroupResponseData joined = wire.ask(5, join(group, ""));
            if (joined.errorCode() != 0) joined = wire.ask(5, join(group, joined.memberId()));
            String member = joined.memberId();
            int generation = joined.generationId();
            SyncGroupResponseData synced = wire.ask(3, new SyncGroupRequestData().setGroupId(group).setMemberId(member).setGenerationId(generation)
                .setAssignments(List.of(new SyncGroupRequestData.SyncGroupRequestAssignment().setMemberId(member).setAssignment(new byte[0]))));
            s.say("joined", RawProducer.name(joined.errorCode()) + " " + RawProducer.name(synced.errorCode()) + " generation " + generation);
            RawProducer p = s.producer();
            p.addOffsets(4, group);
            s.versions("an older generation", WITH_MEMBER, version -> p.commitOffset(version, group, generation - 1, member, topic, 0, 5));
            s.versions("a newer generation", WITH_MEMBER, version -> p.commitOffset(version, group, generation + 1, member, topic, 0, 5));
            s.versions("another member", WITH_MEMBER, version -> p.commitOffset(version, group, generation, "member", topic, 0, 5));
            s.versions("no member", WITH_MEMBER, version -> p.commitOffset(version, group, generation, "", topic, 0, 5));
            s.versions("neither", COMMITS, version -> p.commitOffset(version, group, topic, 0, 5));
            s.versions("right", WITH_MEMBER, version -> p.commitOffset(version, group, generation, member, topic, 0, 5));
            s.say("commit", p.commit(RawProducer.END_V1));
        }
    }

    private static JoinGroupRequestData join(String group, String member) {
        JoinGroupRequestData.JoinGroupRequestProtocolCollection protocols = new JoinGroupRequestData.JoinGroupRequestProtocolCollection();
        protocols.add(new JoinGroupRequestData.JoinGroupRequestProtocol().setName("range").setMetadata(new byte[0]));
        return new JoinGroupRequestData().setGroupId(group).setMemberId(member).setProtocolType("consumer").setSessionTimeoutMs(30_000)
            .setRebalanceTimeoutMs(30_000).setProtocols(protocols);
    }

    private static void fetched(Script s) throws Exception {
        String topic = s.topic(2);
        String group = s.group();
        for (boolean commit : new boolean[] {true, false}) {
            RawProducer p = s.producer();
            s.say("offset", p.commitOffset(RawProducer.COMMIT_V2, group, topic, 0, commit ? 5 : 6));
            fetch(s, "open", group, topic);
            s.say("end", p.end(RawProducer.END_V2, commit));
            s.state(p);
            fetch(s, "ended", group, topic);
        }
    }

    private static void two(Script s) throws Exception {
        String topic = s.topic(1);
        String group = s.group();
        RawProducer first = s.producer();
        RawProducer second = s.producer();
        s.say("first", first.commitOffset(RawProducer.COMMIT_V2, group, topic, 0, 1));
        s.say("second", second.commitOffset(RawProducer.COMMIT_V2, group, topic, 0, 2));
        s.say("first again", first.commitOffset(RawProducer.COMMIT_V2, group, topic, 0, 3));
        s.say("the first commits", first.commit(RawProducer.END_V2));
        s.state(first);
        fetch(s, "one is open", group, topic);
        s.say("the second commits", second.commit(RawProducer.END_V2));
        s.state(second);
        fetch(s, "none is open", group, topic);
    }

    private static void fetch(Script s, String when, String group, String topic) throws Exception {
        for (boolean stable : new boolean[] {true, false}) {
            for (boolean all : new boolean[] {true, false}) {
                OffsetFetchResponseData answer = RawProducer.ask(s.bootstrap, 7, new OffsetFetchRequestData().setGroupId(group).setRequireStable(stable)
                    .setTopics(all ? null : List.of(new OffsetFetchRequestData.OffsetFetchRequestTopic().setName(topic).setPartitionIndexes(List.of(0)))));
                s.say(when + (stable ? ", stable" : "") + (all ? ", all" : ""), RawProducer.name(answer.errorCode()) + " " + answer.topics().stream().flatMap(each -> each.partitions().stream())
                    .map(each -> each.partitionIndex() + " at " + each.committedOffset() + " " + RawProducer.name(each.errorCode())).toList());
            }
        }
    }
}
