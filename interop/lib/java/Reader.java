import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** Reads a whole topic. */
final class Reader {
    private static final int SECONDS = 40;

    private Reader() {
    }

    /** All of its records, from its start on, as soon as they are enough. */
    static List<ConsumerRecord<String, String>> read(Checks checks, String topic, Predicate<List<ConsumerRecord<String, String>>> enough) {
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream().map(each -> new TopicPartition(topic, each.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            List<ConsumerRecord<String, String>> records = new ArrayList<>();
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
            while (!enough.test(records)) {
                if (System.nanoTime() > end) throw new AssertionError("not in time in " + topic + ": " + shown(records));
                records.addAll(Checks.poll(consumer, 1, 1));
            }
            return records;
        }
    }

    private static String shown(List<ConsumerRecord<String, String>> records) {
        List<String> pairs = records.stream().limit(50).map(record -> record.key() + "=" + record.value()).toList();
        return records.size() + " records " + pairs;
    }
}
