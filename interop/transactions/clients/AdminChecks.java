import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

/** What the admin is told of transactions, and what it may do to them. */
final class AdminChecks {
    private final Given given;

    AdminChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("transactions are described in every state", this::described);
        given.check("transactions are listed, with filters", this::listed);
        given.check("producers of a partition are described", this::producers);
        given.check("producers are fenced by the admin", this::fenced);
        given.check("an open transaction is aborted by the admin", this::aborted);
    }

    private void described() throws Exception {
        String topic = given.checks.topic(3);
        String unknown = given.checks.name();
        try (KafkaProducer<String, String> producer = given.producer(topic, "transaction.timeout.ms", 54321); Admin admin = given.checks.admin()) {
            TransactionDescription empty = Given.described(admin, topic);
            Checks.same("Empty 54321 [] false", shown(empty));
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            Given.send(producer, topic, 2, "a");
            TransactionDescription open = Given.described(admin, topic);
            Checks.same("Ongoing 54321 [0, 2] true", shown(open));
            Checks.same(empty.producerId() + " " + empty.producerEpoch(), open.producerId() + " " + open.producerEpoch());
            Checks.that(Math.abs(open.transactionStartTimeMs().getAsLong() - System.currentTimeMillis()) < 30_000, open);
            producer.commitTransaction();
            Checks.until(() -> shown(Given.described(admin, topic)).equals("CompleteCommit 54321 [] true"));
            producer.beginTransaction();
            Given.send(producer, topic, 1, "a");
            producer.abortTransaction();
            Checks.until(() -> shown(Given.described(admin, topic)).equals("CompleteAbort 54321 [] true"));
            Checks.raises(TransactionalIdNotFoundException.class, () -> Given.described(admin, unknown));
        }
    }

    private static String shown(TransactionDescription seen) {
        List<Integer> partitions = seen.topicPartitions().stream().map(TopicPartition::partition).sorted().toList();
        return seen.state() + " " + seen.transactionTimeoutMs() + " " + partitions + " " + seen.transactionStartTimeMs().isPresent();
    }

    private void listed() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> open = given.producer(topic + "-open"); Admin admin = given.checks.admin()) {
            given.producer(topic + "-idle").close();
            open.beginTransaction();
            Given.send(open, topic, 0, "a");
            Checks.same(Set.of(topic + "-open Ongoing", topic + "-idle Empty"), ours(admin, topic, new ListTransactionsOptions()));
            Checks.same(Set.of(topic + "-open Ongoing"), ours(admin, topic, new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING, TransactionState.PREPARE_ABORT))));
            long id = Given.described(admin, topic + "-idle").producerId();
            Checks.same(Set.of(topic + "-idle Empty"), ours(admin, topic, new ListTransactionsOptions().filterProducerIds(Set.of(id))));
            Checks.same(Set.of(), ours(admin, topic, new ListTransactionsOptions().filterProducerIds(Set.of(id)).filterStates(Set.of(TransactionState.ONGOING))));
            // What never began counts as begun long ago.
            Checks.same(Set.of(topic + "-idle Empty"), ours(admin, topic, new ListTransactionsOptions().filterOnDuration(60_000)));
            Thread.sleep(20);
            Checks.same(Set.of(topic + "-open Ongoing", topic + "-idle Empty"), ours(admin, topic, new ListTransactionsOptions().filterOnDuration(10)));
            open.commitTransaction();
            Checks.until(() -> ours(admin, topic, new ListTransactionsOptions().filterStates(Set.of(TransactionState.COMPLETE_COMMIT))).equals(Set.of(topic + "-open CompleteCommit")));
        }
    }

    private static Set<String> ours(Admin admin, String prefix, ListTransactionsOptions options) throws Exception {
        Set<String> seen = new HashSet<>();
        for (TransactionListing each : Checks.get(admin.listTransactions(options).all())) {
            if (each.transactionalId().startsWith(prefix)) seen.add(each.transactionalId() + " " + each.state());
        }
        return seen;
    }

    private void producers() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin()) {
            Checks.same(List.of(), producers(admin, partition));
            given.write(topic, "plain");
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            Given.send(producer, topic, 0, "b");
            TransactionDescription described = Given.described(admin, topic);
            ProducerState open = producers(admin, partition).get(0);
            Checks.same(described.producerId() + " " + described.producerEpoch() + " 1 OptionalLong[1]", open.producerId() + " " + open.producerEpoch() + " " + open.lastSequence() + " " + open.currentTransactionStartOffset());
            Checks.that(open.coordinatorEpoch().isEmpty(), open);
            producer.commitTransaction();
            Checks.until(() -> producers(admin, partition).get(0).currentTransactionStartOffset().isEmpty());
            ProducerState ended = producers(admin, partition).get(0);
            Checks.that(ended.coordinatorEpoch().isPresent(), ended);
            Checks.same(described.producerEpoch() + (Given.bumpsEpochs() ? 1 : 0), ended.producerEpoch());
            Checks.same(Given.bumpsEpochs() ? -1 : 1, ended.lastSequence());
        }
    }

    private static List<ProducerState> producers(Admin admin, TopicPartition partition) throws Exception {
        return Checks.get(admin.describeProducers(List.of(partition)).partitionResult(partition)).activeProducers();
    }

    private void fenced() throws Exception {
        String topic = given.checks.topic(1);
        KafkaProducer<String, String> first = given.producer(topic);
        try (Admin admin = given.checks.admin()) {
            first.beginTransaction();
            Given.send(first, topic, 0, "a");
            Checks.get(admin.fenceProducers(List.of(topic, topic + "-new")).all());
            Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 2);
            FencingChecks.fenced(first::commitTransaction);
            Checks.same(TransactionState.EMPTY, Given.described(admin, topic + "-new").state());
        }
        first.close(Duration.ZERO);
        Checks.same(List.of(), given.values(Given.COMMITTED, topic));
        try (KafkaProducer<String, String> next = given.producer(topic)) {
            next.beginTransaction();
            Given.send(next, topic, 0, "b");
            next.commitTransaction();
        }
        given.until(Given.COMMITTED, topic, List.of("b"));
    }

    private void aborted() throws Exception {
        String topic = given.checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        KafkaProducer<String, String> producer = given.producer(topic);
        try (Admin admin = given.checks.admin()) {
            producer.beginTransaction();
            Given.send(producer, topic, 0, "a");
            ProducerState open = producers(admin, partition).get(0);
            Checks.get(admin.abortTransaction(new AbortTransactionSpec(partition, open.producerId(), (short) open.producerEpoch(), open.coordinatorEpoch().orElse(0))).all());
            Checks.that(producers(admin, partition).get(0).currentTransactionStartOffset().isEmpty(), "it is closed in the partition");
            Checks.same(List.of(), given.values(Given.COMMITTED, topic));
            // The coordinator knows nothing of that.
            Checks.same(TransactionState.ONGOING, Given.described(admin, topic).state());
        }
        producer.close(Duration.ZERO);
    }
}
