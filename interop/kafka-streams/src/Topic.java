import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** A topic that an application reads or writes: what a check puts in, and what it finds there. */
final class Topic {
    final String name;
    private final Checks checks;

    Topic(Checks checks, int partitions, String... configs) throws Exception {
        this.checks = checks;
        name = checks.topic(partitions, configs);
    }

    /** One that is there already. */
    Topic(Checks checks, String name) {
        this.checks = checks;
        this.name = name;
    }

    /** Records of keys and values in turn. */
    void put(String... keysAndValues) throws Exception {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int i = 0; i < keysAndValues.length; i += 2) records.add(new ProducerRecord<>(name, keysAndValues[i], keysAndValues[i + 1]));
        put(records);
    }

    void putAt(long timestamp, String key, String value) throws Exception {
        put(List.of(new ProducerRecord<>(name, null, timestamp, key, value)));
    }

    void put(List<ProducerRecord<String, String>> records) throws Exception {
        try (KafkaProducer<String, String> producer = checks.producer()) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (ProducerRecord<String, String> record : records) sent.add(producer.send(record));
            for (Future<RecordMetadata> future : sent) future.get(20, TimeUnit.SECONDS);
        }
    }

    /** Records `key-i` of many keys, whose values are the numbers from first on. */
    List<String> putNumbers(int first, int count) throws Exception {
        List<ProducerRecord<String, String>> records = new ArrayList<>();
        for (int i = first; i < first + count; i++) records.add(new ProducerRecord<>(name, "key-" + i % 20, String.valueOf(i)));
        put(records);
        return records.stream().map(ProducerRecord::value).toList();
    }

    List<ConsumerRecord<String, String>> records(Predicate<List<ConsumerRecord<String, String>>> enough) {
        return Reader.read(checks, name, enough);
    }

    /** All of it, as soon as the newest value of every key is as wanted; no value: the key was deleted or never was. */
    List<ConsumerRecord<String, String>> becomes(Map<String, String> wanted) {
        return records(records -> {
            Map<String, String> newest = new LinkedHashMap<>();
            for (ConsumerRecord<String, String> record : records) {
                if (record.value() == null) newest.remove(record.key());
                else newest.put(record.key(), record.value());
            }
            return newest.equals(wanted);
        });
    }

    List<ConsumerRecord<String, String>> count(int count) {
        return records(records -> records.size() >= count);
    }

    static List<String> values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }
}
