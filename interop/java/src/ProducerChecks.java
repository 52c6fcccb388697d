import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

final class ProducerChecks {
    private final Checks checks;

    ProducerChecks(Checks checks) {
        this.checks = checks;
    }

    void run() {
        for (String acks : List.of("0", "1", "all")) {
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                checks.check("produce and consume, acks=" + acks + ", " + codec, () -> returns(acks, codec, false));
                if (acks.equals("all")) checks.check("produce and consume, idempotently, " + codec, () -> returns(acks, codec, true));
            }
        }
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) checks.check("a large record, " + codec, () -> large(codec));
        checks.check("many idempotent records keep their order", this::order);
        for (String codec : List.of("none", "lz4")) {
            checks.check("an idempotent producer over a broken connection, " + codec, () -> brokenConnection(codec));
        }
        checks.check("a topic's own compression", this::recompress);
        checks.check("append time", this::appendTime);
        checks.check("a record that is too large for the producer", this::tooLargeForProducer);
        checks.check("a record that is too large for the topic", this::tooLargeForTopic);
        checks.check("no key for a compacted topic", this::noKey);
        checks.check("a timestamp out of range", this::timestamp);
        checks.check("a topic name that is not allowed", this::badTopic);
        checks.check("a partition that is not there", this::badPartition);
        checks.check("partitions of a topic", () -> {
            String topic = checks.topic(3);
            try (KafkaProducer<String, String> producer = checks.producer()) {
                Checks.same(3, producer.partitionsFor(topic).size());
            }
        });
    }

    private void returns(String acks, String codec, boolean idempotent) throws Exception {
        String topic = checks.topic(1);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = checks.producer("acks", acks, "compression.type", codec, "enable.idempotence", idempotent,
            "linger.ms", 20)) {
            ProducerRecord<String, String> first = new ProducerRecord<>(topic, 0, 1234567890123L, "k", "größe 🦀");
            first.headers().add("h", new byte[] {0, -1}).add("h", "twice".getBytes(StandardCharsets.UTF_8)).add("null", null).add("empty", new byte[0]);
            sent.add(producer.send(first));
            sent.add(producer.send(new ProducerRecord<>(topic, "tombstone", null)));
            sent.add(producer.send(new ProducerRecord<>(topic, null, "")));
            for (int i = 0; i < 100; i++) sent.add(producer.send(new ProducerRecord<>(topic, "k" + i, "v".repeat(i))));
        }
        for (int i = 0; i < sent.size(); i++) {
            long offset = sent.get(i).get(10, TimeUnit.SECONDS).offset();
            Checks.same(acks.equals("0") ? -1L : (long) i, offset);
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 103);
            Checks.same(103, records.size());
            ConsumerRecord<String, String> first = records.get(0);
            Checks.same("k=größe 🦀@1234567890123", first.key() + "=" + first.value() + "@" + first.timestamp());
            Checks.same(TimestampType.CREATE_TIME, first.timestampType());
            StringBuilder headers = new StringBuilder();
            for (Header header : first.headers()) headers.append(header.key()).append(':').append(header.value() == null ? "null" : header.value().length).append(' ');
            Checks.same("h:2 h:5 null:null empty:0 ", headers.toString());
            Checks.that(records.get(1).value() == null && "tombstone".equals(records.get(1).key()), records.get(1));
            Checks.that("".equals(records.get(2).value()) && records.get(2).key() == null, records.get(2));
            for (int i = 0; i < 100; i++) {
                Checks.same("v".repeat(i), records.get(i + 3).value());
                Checks.same((long) i + 3, records.get(i + 3).offset());
            }
        }
    }

    private void large(String codec) throws Exception {
        String topic = checks.topic(1);
        StringBuilder value = new StringBuilder();
        for (int i = 0; value.length() < 1_000_000; i++) value.append(i).append(' ');
        try (KafkaProducer<String, String> producer = checks.producer("compression.type", codec)) {
            producer.send(new ProducerRecord<>(topic, value.toString())).get(20, TimeUnit.SECONDS);
        }
        // A fetch gives the first batch whole, however small its limits are.
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic, "max.partition.fetch.bytes", 1000, "fetch.max.bytes", 1000)) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 1);
            Checks.that(records.size() == 1 && records.get(0).value().contentEquals(value), records.size());
        }
    }

    private void order() throws Exception {
        String topic = checks.topic(1);
        List<RecordMetadata> sent = checks.produce(topic, 0, 20_000, "acks", "all", "linger.ms", 1, "batch.size", 4096);
        for (int i = 0; i < sent.size(); i++) Checks.same((long) i, sent.get(i).offset());
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.subscribe(List.of(topic));
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 20_000, 40);
            Checks.same(20_000, records.size());
            for (int i = 0; i < records.size(); i++) Checks.same("value-" + i, records.get(i).value());
        }
    }

    private void brokenConnection(String codec) throws Exception {
        String topic = checks.topic(1);
        try (Proxy proxy = new Proxy(checks.bootstrap, 5)) {
            List<RecordMetadata> sent = checks.produce(topic, 0, 3000, "bootstrap.servers", proxy.address(), "compression.type", codec, "batch.size", 1000,
                "retry.backoff.ms", 10, "reconnect.backoff.ms", 10, "reconnect.backoff.max.ms", 50);
            Checks.that(proxy.cuts() >= 5, proxy.cuts());
            for (int i = 0; i < 3000; i++) Checks.same((long) i, sent.get(i).offset());
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<String, String>> records = Checks.poll(consumer, 3001, 3);
            Checks.same(3000, records.size());
            for (int i = 0; i < 3000; i++) Checks.same("value-" + i, records.get(i).value());
        }
    }

    private void recompress() throws Exception {
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd", "uncompressed")) {
            String topic = checks.topic(1, "compression.type", codec);
            checks.produce(topic, 0, 50, "compression.type", "none");
            checks.produce(topic, 0, 50, "compression.type", "gzip");
            try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
                consumer.subscribe(List.of(topic));
                Checks.same(100, Checks.poll(consumer, 100).size());
            }
        }
    }

    private void appendTime() throws Exception {
        String topic = checks.topic(1, "message.timestamp.type", "LogAppendTime");
        long before = System.currentTimeMillis() - 5000;
        try (KafkaProducer<String, String> producer = checks.producer()) {
            RecordMetadata sent = producer.send(new ProducerRecord<>(topic, 0, 1000L, "k", "v")).get(20, TimeUnit.SECONDS);
            Checks.that(sent.timestamp() > before, sent.timestamp());
            try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
                consumer.subscribe(List.of(topic));
                ConsumerRecord<String, String> record = Checks.poll(consumer, 1).get(0);
                Checks.same(TimestampType.LOG_APPEND_TIME, record.timestampType());
                Checks.same(sent.timestamp(), record.timestamp());
            }
        }
    }

    private void tooLargeForProducer() throws Exception {
        String topic = checks.topic(1);
        try (KafkaProducer<String, String> producer = checks.producer("max.request.size", 1000)) {
            Checks.raises(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, "x".repeat(5000))).get(20, TimeUnit.SECONDS));
        }
    }

    private void tooLargeForTopic() throws Exception {
        String topic = checks.topic(1, "max.message.bytes", "1000");
        try (KafkaProducer<String, String> producer = checks.producer()) {
            Checks.raises(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, "x".repeat(5000))).get(20, TimeUnit.SECONDS));
            Checks.same(0L, producer.send(new ProducerRecord<>(topic, "small")).get(20, TimeUnit.SECONDS).offset());
        }
    }

    private void noKey() throws Exception {
        String topic = checks.topic(1, "cleanup.policy", "compact");
        try (KafkaProducer<String, String> producer = checks.producer()) {
            Checks.raises(InvalidRecordException.class, () -> producer.send(new ProducerRecord<>(topic, "x")).get(20, TimeUnit.SECONDS));
            Checks.same(0L, producer.send(new ProducerRecord<>(topic, "k", "x")).get(20, TimeUnit.SECONDS).offset());
        }
    }

    private void timestamp() throws Exception {
        String topic = checks.topic(1, "message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "60000");
        long now = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = checks.producer()) {
            for (long bad : new long[] {now - 600_000, now + 600_000}) {
                Checks.raises(InvalidTimestampException.class, () -> producer.send(new ProducerRecord<>(topic, 0, bad, "k", "v")).get(20, TimeUnit.SECONDS));
            }
            Checks.same(0L, producer.send(new ProducerRecord<>(topic, 0, now, "k", "v")).get(20, TimeUnit.SECONDS).offset());
        }
    }

    private void badTopic() throws Exception {
        try (KafkaProducer<String, String> producer = checks.producer()) {
            Checks.raises(InvalidTopicException.class, () -> producer.send(new ProducerRecord<>("not/allowed", "v")).get(20, TimeUnit.SECONDS));
        }
    }

    private void badPartition() throws Exception {
        String topic = checks.topic(1);
        try (KafkaProducer<String, String> producer = checks.producer("max.block.ms", 1500)) {
            Checks.raises(TimeoutException.class, () -> producer.send(new ProducerRecord<>(topic, 7, "k", "v")).get(20, TimeUnit.SECONDS));
        }
    }
}
