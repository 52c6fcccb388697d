import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** One producer with a transactional id at a time, and none for ever. */
final class FencingChecks {
    private final Given given;

    FencingChecks(Given given) {
        this.given = given;
    }

    void run() {
        given.check("a second producer fences the first", this::second);
        given.check("a fenced producer's open transaction is aborted", this::openOne);
        given.check("a fenced producer cannot write", this::fencedWrite);
        given.check("many take over one after the other", this::many);
        given.check("epochs", this::epochs);
        given.check("a transaction that takes too long is aborted", this::timeout);
        given.check("after a timeout a new producer goes on", this::afterTimeout);
        given.check("a timeout larger than is allowed", this::timeoutTooLarge);
    }

    private void second() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> first = given.producer(topic)) {
            first.beginTransaction();
            Given.send(first, topic, 0, "a");
            first.commitTransaction();
            try (KafkaProducer<String, String> second = given.producer(topic)) {
                first.beginTransaction();
                // The first to tell it may be the partition or the coordinator.
                fenced(() -> {
                    Given.send(first, topic, 0, "b");
                    first.commitTransaction();
                });
                second.beginTransaction();
                Given.send(second, topic, 0, "c");
                second.commitTransaction();
            }
            fenced(first::abortTransaction);
        }
        given.until(Given.COMMITTED, topic, List.of("a", "c"));
    }

    static void fenced(Checks.Check check) throws Exception {
        try {
            check.run();
        } catch (Exception thrown) {
            for (Throwable each = thrown; each != null; each = each.getCause()) {
                if (each instanceof ProducerFencedException || each instanceof InvalidProducerEpochException) return;
            }
            throw thrown;
        }
        throw new AssertionError("it was not fenced");
    }

    private void openOne() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> first = given.producer(topic)) {
            first.beginTransaction();
            Given.send(first, topic, 0, "a");
            try (KafkaProducer<String, String> second = given.producer(topic)) {
                // The new one is ready when the old transaction is out of the way.
                Checks.same(2L, given.end(Given.COMMITTED, topic, 0));
                second.beginTransaction();
                Given.send(second, topic, 0, "b");
                fenced(first::commitTransaction);
                second.commitTransaction();
            }
        }
        given.until(Given.COMMITTED, topic, List.of("b"));
        Checks.same(List.of("a", "b"), given.values(Given.UNCOMMITTED, topic));
    }

    private void fencedWrite() throws Exception {
        String topic = given.checks.topic(2);
        KafkaProducer<String, String> first = given.producer(topic);
        first.beginTransaction();
        Given.send(first, topic, 0, "a");
        try (KafkaProducer<String, String> second = given.producer(topic)) {
            fenced(() -> Given.send(first, topic, 1, "late"));
            second.beginTransaction();
            Given.send(second, topic, 1, "b");
            second.commitTransaction();
        }
        first.close(Duration.ZERO);
        given.until(Given.COMMITTED, topic, List.of("b"));
        Checks.same(List.of("a", "b"), given.values(Given.UNCOMMITTED, topic).stream().sorted().toList());
    }

    private void many() throws Exception {
        String topic = given.checks.topic(1);
        List<KafkaProducer<String, String>> old = new ArrayList<>();
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            KafkaProducer<String, String> producer = given.producer(topic);
            old.add(producer);
            producer.beginTransaction();
            Given.send(producer, topic, 0, "c" + i);
            producer.commitTransaction();
            wanted.add("c" + i);
            producer.beginTransaction();
            Given.send(producer, topic, 0, "open" + i);
        }
        for (int i = 0; i < 7; i++) fenced(old.get(i)::commitTransaction);
        old.get(7).abortTransaction();
        for (KafkaProducer<String, String> each : old) each.close(Duration.ZERO);
        given.until(Given.COMMITTED, topic, wanted);
    }

    /** With transactions v2 each transaction has its own (KIP-890). */
    private void epochs() throws Exception {
        String topic = given.checks.topic(1);
        try (KafkaProducer<String, String> producer = given.producer(topic); Admin admin = given.checks.admin()) {
            int first = Given.epoch(admin, topic);
            for (int i = 1; i <= 6; i++) {
                producer.beginTransaction();
                Given.send(producer, topic, 0, "v");
                if (i % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
                Checks.same(first + (Given.bumpsEpochs() ? i : 0), Given.epoch(admin, topic));
            }
            int last = Given.epoch(admin, topic);
            given.producer(topic).close();
            Checks.same(last + 1, Given.epoch(admin, topic));
        }
    }

    private void timeout() throws Exception {
        String topic = given.checks.topic(1);
        KafkaProducer<String, String> producer = given.producer(topic, "transaction.timeout.ms", 1000);
        try (Admin admin = given.checks.admin()) {
            timesOut(admin, topic, producer);
            Given.refused(producer::commitTransaction);
        }
        producer.close(Duration.ZERO);
        Checks.same(List.of(), given.values(Given.COMMITTED, topic));
    }

    private void timesOut(Admin admin, String topic, KafkaProducer<String, String> producer) throws Exception {
        producer.beginTransaction();
        Given.send(producer, topic, 0, "a");
        TransactionDescription open = Given.described(admin, topic);
        Checks.same(1000L, open.transactionTimeoutMs());
        Checks.until(() -> Given.described(admin, topic).state() == TransactionState.COMPLETE_ABORT);
        Checks.until(() -> given.end(Given.COMMITTED, topic, 0) == 2);
        Checks.same(open.producerId() + " " + (open.producerEpoch() + 1), Given.described(admin, topic).producerId() + " " + Given.epoch(admin, topic));
    }

    private void afterTimeout() throws Exception {
        String topic = given.checks.topic(1);
        KafkaProducer<String, String> first = given.producer(topic, "transaction.timeout.ms", 1000);
        try (Admin admin = given.checks.admin()) {
            timesOut(admin, topic, first);
            try (KafkaProducer<String, String> second = given.producer(topic)) {
                second.beginTransaction();
                Given.send(second, topic, 0, "b");
                fenced(() -> Given.send(first, topic, 0, "late"));
                second.commitTransaction();
            }
        }
        first.close(Duration.ZERO);
        given.until(Given.COMMITTED, topic, List.of("b"));
    }

    private void timeoutTooLarge() {
        try {
            given.producer(given.checks.name(), "transaction.timeout.ms", 900_001);
        } catch (KafkaException e) {
            Checks.that(e.getMessage().contains("The transaction timeout is larger than the maximum value allowed"), e);
            return;
        }
        throw new AssertionError("it was not refused");
    }
}
