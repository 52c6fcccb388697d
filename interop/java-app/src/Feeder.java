import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** Writes the numbers into the input until it is told to end, whatever happens to the broker meanwhile. */
final class Feeder extends Thread {
    private static final int AT_LEAST = 1000;
    private static final int KEYS = 40;
    private final String bootstrap;
    private final String topic;
    private volatile boolean end;
    private volatile int count;
    private volatile Throwable trouble;

    Feeder(String bootstrap, String topic) {
        this.bootstrap = bootstrap;
        this.topic = topic;
        setDaemon(true);
    }

    @Override
    public void run() {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(Settings.producer(bootstrap), new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            int i = 0;
            for (; !end || i < AT_LEAST; i++) {
                sent.add(producer.send(new ProducerRecord<>(topic, "key-" + i % KEYS, String.valueOf(i))));
                Thread.sleep(2);
            }
            for (Future<RecordMetadata> future : sent) future.get();
            count = i;
        } catch (Throwable t) {
            trouble = t;
        }
    }

    /** How many numbers there are in the input now. */
    int finish() throws InterruptedException {
        end = true;
        join(90_000);
        Checks.that(!isAlive() && trouble == null, "the input is not written: " + trouble);
        return count;
    }
}
