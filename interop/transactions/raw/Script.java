import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.DescribeProducersRequestData;
import org.apache.kafka.common.message.DescribeProducersResponseData;
import org.apache.kafka.common.message.DescribeTransactionsRequestData;
import org.apache.kafka.common.message.DescribeTransactionsResponseData;
import org.apache.kafka.common.message.EndTxnResponseData;
import org.apache.kafka.common.message.FindCoordinatorRequestData;
import org.apache.kafka.common.message.FindCoordinatorResponseData;

/** What one check asked and was answered, line by line, with names that are the same in every run: producer ids are A, B, ..., topics T, U, ... */
final class Script implements AutoCloseable {
    interface Steps {
        void of(Script script) throws Exception;
    }

    final String bootstrap;
    final List<String> lines = new ArrayList<>();
    private final String run = "raw-" + Long.toString(System.nanoTime(), 36);
    private final Map<Long, Character> producerIds = new HashMap<>();
    private final Map<String, String> names = new HashMap<>();
    private final List<RawProducer> producers = new ArrayList<>();
    private final Map<String, Uuid> topicIds = new HashMap<>();
    private final Admin admin;
    private int topics;
    private int groups;

    Script(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    void say(String what, Object answer) {
        String shown = String.valueOf(answer);
        for (Map.Entry<String, String> name : names.entrySet()) shown = shown.replace(name.getKey(), name.getValue());
        lines.add(what + ": " + shown);
    }

    String topic(int partitions) throws Exception {
        String name = run + "-topic-" + topics;
        names.put(name, String.valueOf((char) ('T' + topics++)));
        CreateTopicsResult created = admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1)));
        topicIds.put(name, created.topicId(name).get());
        // Apache Kafka answers a change before its brokers show it.
        for (int i = 0; i < partitions; i++) {
            int partition = i;
            until(() -> producers(name, partition).startsWith("["));
        }
        return name;
    }

    String group() throws Exception {
        String name = run + "-group-" + groups;
        names.put(name, "G" + groups++);
        awaitCoordinator(bootstrap, 0, name);
        return name;
    }

    /** The first who asks has the internal topic made. */
    static void awaitCoordinator(String bootstrap, int type, String key) throws IOException {
        RawProducer.patiently(() -> {
            FindCoordinatorResponseData answer = RawProducer.ask(bootstrap, 4, new FindCoordinatorRequestData().setKeyType((byte) type).setCoordinatorKeys(List.of(key)));
            return RawProducer.name(answer.coordinators().get(0).errorCode());
        });
    }

    /** A producer with a transactional id that nobody used. */
    RawProducer fresh() throws IOException {
        return keep(new RawProducer(bootstrap, run + "-id-" + producers.size(), topicIds));
    }

    /** And with a producer id; its epoch is 0. */
    RawProducer producer() throws IOException {
        RawProducer producer = fresh();
        producer.init();
        who(producer);
        return producer;
    }

    RawProducer twin(RawProducer of) throws IOException {
        return keep(of.twin());
    }

    /** The same with another epoch. */
    RawProducer twin(RawProducer of, int more) throws IOException {
        RawProducer twin = twin(of);
        twin.become(of.producerId, (short) (of.epoch + more));
        return twin;
    }

    RawProducer keep(RawProducer producer) {
        producers.add(producer);
        return producer;
    }

    /** Producer id and epoch. */
    String who(long producerId, int epoch) {
        if (producerId < 0) return producerId + "/" + epoch;
        return producerIds.computeIfAbsent(producerId, id -> (char) ('A' + producerIds.size())) + "/" + epoch;
    }

    String who(RawProducer producer) {
        return who(producer.producerId, producer.epoch);
    }

    String shown(EndTxnResponseData answer) {
        return RawProducer.name(answer.errorCode()) + (answer.producerId() < 0 ? "" : " " + who(answer.producerId(), answer.producerEpoch()));
    }

    /** Of the coordinator, once it has nothing to finish. */
    String state(RawProducer of) throws Exception {
        String[] seen = new String[1];
        until(() -> !(seen[0] = stateNow(of)).startsWith("Prepare"));
        return seen[0];
    }

    String stateNow(RawProducer of) throws IOException {
        DescribeTransactionsResponseData answer = RawProducer.ask(bootstrap, 0, new DescribeTransactionsRequestData().setTransactionalIds(List.of(of.transactionalId)));
        DescribeTransactionsResponseData.TransactionState state = answer.transactionStates().get(0);
        if (state.errorCode() != 0) return RawProducer.name(state.errorCode());
        List<String> partitions = new ArrayList<>();
        state.topics().forEach(topic -> topic.partitions().forEach(each -> partitions.add(topic.topic() + "-" + each)));
        partitions.sort(null);
        return state.transactionState() + " " + who(state.producerId(), state.producerEpoch()) + " " + partitions + (state.transactionStartTimeMs() < 0 ? "" : " started");
    }

    /** Of a partition, sorted. */
    String producers(String topic, int partition) throws IOException {
        DescribeProducersRequestData.TopicRequestCollection wanted = new DescribeProducersRequestData.TopicRequestCollection();
        wanted.add(new DescribeProducersRequestData.TopicRequest().setName(topic).setPartitionIndexes(List.of(partition)));
        DescribeProducersResponseData answer = RawProducer.ask(bootstrap, 0, new DescribeProducersRequestData().setTopics(wanted));
        DescribeProducersResponseData.PartitionResponse seen = answer.topics().get(0).partitions().get(0);
        if (seen.errorCode() != 0) return RawProducer.name(seen.errorCode()) + (seen.errorMessage() == null ? "" : " " + seen.errorMessage());
        return seen.activeProducers().stream().map(each -> who(each.producerId(), each.producerEpoch()) + " sequence " + each.lastSequence()
            + (each.coordinatorEpoch() < 0 ? "" : " coordinator " + each.coordinatorEpoch()) + (each.currentTxnStartOffset() < 0 ? "" : " open from " + each.currentTxnStartOffset()))
            .sorted().toList().toString();
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    static void until(Condition condition) throws Exception {
        long end = System.nanoTime() + 20_000_000_000L;
        while (!condition.holds()) {
            if (System.nanoTime() > end) throw new AssertionError("it did not happen in time");
            Thread.sleep(10);
        }
    }

    static int[] range(int from, int to) {
        return java.util.stream.IntStream.rangeClosed(from, to).toArray();
    }

    interface Ask {
        String of(int version) throws Exception;
    }

    /** One line for the versions that are answered alike, whichever producer id they were of. */
    void versions(String what, int[] versions, Ask ask) throws Exception {
        List<String> answers = new ArrayList<>();
        for (int version : versions) answers.add(ask.of(version).replaceAll("\\b[A-Z]/", "/"));
        for (int from = 0; from < answers.size();) {
            int to = from;
            while (to + 1 < answers.size() && answers.get(to + 1).equals(answers.get(from))) to++;
            say(what + " v" + versions[from] + (to > from ? "-" + versions[to] : ""), answers.get(from));
            from = to + 1;
        }
    }

    /** The lines that differ, each with a sign before it. */
    static List<String> difference(List<String> wanted, List<String> seen) {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < Math.max(wanted.size(), seen.size()); i++) {
            String one = i < wanted.size() ? wanted.get(i) : "(nothing)";
            String other = i < seen.size() ? seen.get(i) : "(nothing)";
            if (!one.equals(other)) lines.addAll(Arrays.asList("wanted  " + one, "seen    " + other));
        }
        return lines;
    }

    @Override
    public void close() throws IOException {
        admin.close();
        for (RawProducer each : producers) each.close();
    }
}
