import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

/** One thread of the application: poll, process, write, and only then commit. */
final class Worker extends Thread implements ConsumerRebalanceListener {
    private static final long PAUSE_MS = 100;
    private final String application;
    private final KafkaConsumer<String, String> consumer;
    private final KafkaProducer<String, String> producer;
    private final Moment moment;
    private final Processing processing = new Processing();
    /** What is written, and to be committed. */
    private final Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
    private final Map<TopicPartition, Long> pausedUntil = new HashMap<>();
    private volatile boolean leave;

    Worker(String bootstrap, String application, String instance, KafkaProducer<String, String> producer, Moment moment) {
        this.application = application;
        this.producer = producer;
        this.moment = moment;
        Map<String, Object> settings = Settings.consumer(bootstrap, application);
        if (instance != null) settings.put("group.instance.id", instance);
        consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
        consumer.subscribe(List.of(Scenario.input(application)), this);
    }

    /** Lets it finish what it is at. */
    void leave() {
        leave = true;
        consumer.wakeup();
        try {
            join(20_000);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void run() {
        try {
            while (!leave) {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
                goOn();
                if (!records.isEmpty()) work(records);
                // Also what a rebalance has kept from being committed.
                commit();
            }
        } catch (WakeupException e) {
            // What poll would have given is not processed; the close of the consumer commits what is done.
        } catch (Throwable t) {
            App.tell("failed " + t);
            t.printStackTrace();
        }
        consumer.close();
    }

    private void work(ConsumerRecords<String, String> records) throws InterruptedException, ExecutionException {
        moment.reached(Moment.POLLED);
        write(records);
        moment.reached(Moment.SENT);
        moment.reached(Moment.STALLED);
        if (!moment.is(Moment.COMMITTING)) return;
        consumer.commitAsync(done, null);
        moment.reached(Moment.COMMITTING);
    }

    private void write(ConsumerRecords<String, String> records) throws InterruptedException, ExecutionException {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        Map<TopicPartition, OffsetAndMetadata> written = new HashMap<>();
        for (TopicPartition partition : records.partitions()) {
            for (ConsumerRecord<String, String> record : records.records(partition)) {
                try {
                    sent.add(producer.send(result(record)));
                } catch (Processing.TryAgain e) {
                    pause(partition, record.offset());
                    break;
                }
                written.put(partition, new OffsetAndMetadata(record.offset() + 1));
            }
            moment.reached(Moment.SENDING);
        }
        for (Future<RecordMetadata> future : sent) future.get();
        done.putAll(written);
    }

    private ProducerRecord<String, String> result(ConsumerRecord<String, String> record) throws Processing.TryAgain {
        try {
            return new ProducerRecord<>(Scenario.output(application), record.key(), processing.of(record));
        } catch (Processing.Poison e) {
            ProducerRecord<String, String> dead = new ProducerRecord<>(Scenario.deadLetters(application), record.key(), record.value());
            dead.headers().add("origin", (record.topic() + "-" + record.partition() + "@" + record.offset()).getBytes());
            return dead;
        }
    }

    /** The other partitions go on while this one waits for its record's next attempt. */
    private void pause(TopicPartition partition, long offset) {
        consumer.seek(partition, offset);
        consumer.pause(List.of(partition));
        pausedUntil.put(partition, System.currentTimeMillis() + PAUSE_MS);
    }

    private void goOn() {
        pausedUntil.entrySet().removeIf(paused -> {
            if (paused.getValue() > System.currentTimeMillis()) return false;
            if (consumer.assignment().contains(paused.getKey())) consumer.resume(List.of(paused.getKey()));
            return true;
        });
    }

    private void commit() {
        while (!done.isEmpty()) {
            try {
                consumer.commitSync(done);
                done.forEach((partition, offset) -> App.tell("committed " + partition.partition() + " " + offset.offset()));
                done.clear();
            } catch (TimeoutException e) {
                // The broker is away.
            } catch (RebalanceInProgressException e) {
                // The next poll takes part in it, and asks for the commit of what is taken away.
                return;
            } catch (CommitFailedException e) {
                // They belong to another member, which does them again.
                App.tell("late");
                done.clear();
            }
        }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit();
        onPartitionsLost(partitions);
    }

    /** What is not committed by now, whoever has them next does again; a commit of ours would move the offsets back. */
    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        if (done.keySet().removeAll(partitions)) App.tell("late");
        pausedUntil.keySet().removeAll(partitions);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        for (TopicPartition partition : partitions) App.tell("assigned " + partition.partition() + " " + consumer.position(partition));
    }
}
