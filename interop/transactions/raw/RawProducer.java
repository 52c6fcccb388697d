import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.AddOffsetsToTxnRequestData;
import org.apache.kafka.common.message.AddOffsetsToTxnResponseData;
import org.apache.kafka.common.message.AddPartitionsToTxnRequestData;
import org.apache.kafka.common.message.AddPartitionsToTxnResponseData;
import org.apache.kafka.common.message.EndTxnRequestData;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.message.InitProducerIdRequestData;
import org.apache.kafka.common.message.InitProducerIdResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.TxnOffsetCommitRequestData;
import org.apache.kafka.common.message.TxnOffsetCommitResponseData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/**
 * A transactional producer one request at a time. It keeps what a client keeps, a producer id, an epoch and sequence numbers, takes
 * what the broker answers to InitProducerId and EndTxn, and checks nothing: every field may be set to what is wrong.
 */
final class RawProducer implements AutoCloseable {
    /** The last versions of clients that know of no transactions v2. */
    static final int PRODUCE_V1 = 11;
    static final int END_V1 = 4;
    static final int COMMIT_V1 = 4;
    /** And the first of those that do. */
    static final int PRODUCE_V2 = 12;
    static final int PRODUCE_NEWEST = 13;
    static final int END_V2 = 5;
    static final int COMMIT_V2 = 5;
    static final int INIT = 5;

    final Wire wire;
    final String transactionalId;
    long producerId = -1;
    short epoch = -1;
    int timeoutMs = 60_000;
    long ageMs;
    final Map<String, Integer> sequences = new HashMap<>();
    private final String bootstrap;
    /** Of those that Produce of version 13 on knows by their ids alone. */
    private final Map<String, Uuid> topicIds;

    RawProducer(String bootstrap, String transactionalId) throws IOException {
        this(bootstrap, transactionalId, Map.of());
    }

    RawProducer(String bootstrap, String transactionalId, Map<String, Uuid> topicIds) throws IOException {
        this.topicIds = topicIds;
        this.bootstrap = bootstrap;
        this.wire = new Wire(bootstrap);
        this.transactionalId = transactionalId;
    }

    /** As it is now, on a connection of its own: what is sent late or again. */
    RawProducer twin() throws IOException {
        RawProducer twin = new RawProducer(bootstrap, transactionalId, topicIds);
        twin.producerId = producerId;
        twin.epoch = epoch;
        twin.timeoutMs = timeoutMs;
        twin.sequences.putAll(sequences);
        return twin;
    }

    /** A new incarnation, as a client makes it at its start. The error's name, once there is no transaction to wait for. */
    String init() throws IOException {
        return patiently(() -> init(INIT, -1, -1));
    }

    /** One InitProducerId, with the producer id and the epoch of KIP-360 or with -1. */
    String init(int version, long knownId, int knownEpoch) throws IOException {
        InitProducerIdResponseData answer = wire.ask(version, new InitProducerIdRequestData().setTransactionalId(transactionalId)
            .setTransactionTimeoutMs(timeoutMs).setProducerId(knownId).setProducerEpoch((short) knownEpoch));
        if (answer.errorCode() == 0) become(answer.producerId(), answer.producerEpoch());
        return name(answer.errorCode());
    }

    void become(long id, short newEpoch) {
        if (id != producerId || newEpoch != epoch) sequences.clear();
        producerId = id;
        epoch = newEpoch;
    }

    /** AddPartitionsToTxn as clients send it: the errors by partition. */
    String add(int version, String topic, int... partitions) throws IOException {
        var topics = new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection();
        topics.add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTopic().setName(topic).setPartitions(Arrays.stream(partitions).boxed().toList()));
        return add(version, topics);
    }

    String add(int version, AddPartitionsToTxnRequestData.AddPartitionsToTxnTopicCollection topics) throws IOException {
        AddPartitionsToTxnRequestData request = new AddPartitionsToTxnRequestData();
        if (version < 4) {
            request.setV3AndBelowTransactionalId(transactionalId).setV3AndBelowProducerId(producerId).setV3AndBelowProducerEpoch(epoch)
                .setV3AndBelowTopics(topics);
        } else {
            request.transactions().add(new AddPartitionsToTxnRequestData.AddPartitionsToTxnTransaction().setTransactionalId(transactionalId)
                .setProducerId(producerId).setProducerEpoch(epoch).setTopics(topics));
        }
        return patiently(() -> errors(wire.ask(version, request)));
    }

    static String errors(AddPartitionsToTxnResponseData answer) {
        Map<String, String> errors = new TreeMap<>();
        if (answer.errorCode() != 0) errors.put("", name(answer.errorCode()));
        answer.resultsByTopicV3AndBelow().forEach(topic -> topic.resultsByPartition()
            .forEach(each -> errors.put(topic.name() + "-" + each.partitionIndex(), name(each.partitionErrorCode()))));
        answer.resultsByTransaction().forEach(transaction -> transaction.topicResults().forEach(topic -> topic.resultsByPartition()
            .forEach(each -> errors.put(topic.name() + "-" + each.partitionIndex(), name(each.partitionErrorCode())))));
        return one(errors);
    }

    String produce(int version, String topic, int partition, String... values) throws IOException {
        return produce(version, transactionalId, topic, partition, values);
    }

    /** One batch, transactional where there is a transactional id. */
    String produce(int version, String named, String topic, int partition, String... values) throws IOException {
        int sequence = sequences.getOrDefault(topic + "-" + partition, 0);
        SimpleRecord[] records = Arrays.stream(values).map(value -> new SimpleRecord(System.currentTimeMillis() - ageMs, null, value.getBytes())).toArray(SimpleRecord[]::new);
        MemoryRecords batch = transactionalId == null
            ? MemoryRecords.withIdempotentRecords(Compression.NONE, producerId, epoch, sequence, records)
            : MemoryRecords.withTransactionalRecords(Compression.NONE, producerId, epoch, sequence, records);
        ProduceRequestData request = new ProduceRequestData().setTransactionalId(named).setAcks((short) -1).setTimeoutMs(10_000);
        request.topicData().add(new ProduceRequestData.TopicProduceData().setName(topic).setTopicId(topicIds.getOrDefault(topic, Uuid.ZERO_UUID))
            .setPartitionData(List.of(new ProduceRequestData.PartitionProduceData().setIndex(partition).setRecords(batch))));
        return patiently(() -> {
            ProduceResponseData answer = wire.ask(version, request);
            short code = answer.responses().iterator().next().partitionResponses().get(0).errorCode();
            if (code == 0) sequences.put(topic + "-" + partition, sequence + values.length);
            return name(code);
        });
    }

    String addOffsets(int version, String group) throws IOException {
        return patiently(() -> {
            AddOffsetsToTxnResponseData answer = wire.ask(version, new AddOffsetsToTxnRequestData().setTransactionalId(transactionalId)
                .setProducerId(producerId).setProducerEpoch(epoch).setGroupId(group));
            return name(answer.errorCode());
        });
    }

    String commitOffset(int version, String group, String topic, int partition, long offset) throws IOException {
        return commitOffset(version, group, -1, "", topic, partition, offset);
    }

    String commitOffset(int version, String group, int generation, String member, String topic, int partition, long offset) throws IOException {
        TxnOffsetCommitRequestData request = new TxnOffsetCommitRequestData().setTransactionalId(transactionalId).setGroupId(group)
            .setProducerId(producerId).setProducerEpoch(epoch).setGenerationIdOrMemberEpoch(generation).setMemberId(member)
            .setTopics(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestTopic().setName(topic)
                .setPartitions(List.of(new TxnOffsetCommitRequestData.TxnOffsetCommitRequestPartition().setPartitionIndex(partition)
                    .setCommittedOffset(offset).setCommittedMetadata("")))));
        return patiently(() -> {
            TxnOffsetCommitResponseData answer = wire.ask(version, request);
            return name(answer.topics().get(0).partitions().get(0).errorCode());
        });
    }

    String commit(int version) throws IOException {
        return patiently(() -> end(version, true));
    }

    String abort(int version) throws IOException {
        return patiently(() -> end(version, false));
    }

    /** One EndTxn. From version 5 on its answer's producer id and epoch are taken. */
    String end(int version, boolean committed) throws IOException {
        EndTxnResponseData answer = endAnswer(version, committed);
        if (answer.errorCode() == 0 && answer.producerId() >= 0) become(answer.producerId(), answer.producerEpoch());
        return name(answer.errorCode());
    }

    EndTxnResponseData endAnswer(int version, boolean committed) throws IOException {
        return wire.ask(version, new EndTxnRequestData().setTransactionalId(transactionalId).setProducerId(producerId).setProducerEpoch(epoch)
            .setCommitted(committed));
    }

    static String name(short code) {
        return Errors.forCode(code).name();
    }

    /** One name where all are the same. */
    private static String one(Map<String, String> errors) {
        return errors.values().stream().distinct().count() == 1 ? errors.values().iterator().next() : errors.toString();
    }

    interface Request {
        String send() throws IOException;
    }

    private static final List<String> TRANSIENT = List.of("CONCURRENT_TRANSACTIONS", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR", "NOT_ENOUGH_REPLICAS", "NOT_LEADER_OR_FOLLOWER");

    /** Again and again while the answer is to ask again. */
    static String patiently(Request request) throws IOException {
        long end = System.nanoTime() + 30_000_000_000L;
        while (true) {
            String error = request.send();
            if (!TRANSIENT.contains(error) || System.nanoTime() > end) return error;
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }

    static <T extends ApiMessage> T ask(String bootstrap, int version, ApiMessage request) throws IOException {
        try (Wire wire = new Wire(bootstrap)) {
            return wire.ask(version, request);
        }
    }

    @Override
    public void close() throws IOException {
        wire.close();
    }
}
