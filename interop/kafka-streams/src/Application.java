import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.TaskMetadata;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** One instance of an application. Its state is in a folder of its own, unless `state.dir` says another. */
final class Application implements AutoCloseable, StateRestoreListener {
    final KafkaStreams streams;
    /** How many records each store was restored from. */
    final Map<TopicPartition, Long> restored = new ConcurrentHashMap<>();
    volatile Throwable trouble;

    Application(String bootstrap, String id, Topology topology, Object... options) {
        Properties properties = new Properties();
        properties.put("application.id", id);
        properties.put("bootstrap.servers", bootstrap);
        properties.put("group.protocol", "classic");
        properties.put("processing.guarantee", "at_least_once");
        properties.put("default.key.serde", Serdes.StringSerde.class);
        properties.put("default.value.serde", Serdes.StringSerde.class);
        properties.put("commit.interval.ms", 100);
        // Every update of a store goes on, so that it is known what comes out.
        properties.put("statestore.cache.max.bytes", 0);
        properties.put("session.timeout.ms", 6000);
        properties.put("heartbeat.interval.ms", 500);
        properties.put("metadata.max.age.ms", 1000);
        for (int i = 0; i < options.length; i += 2) properties.put(options[i], options[i + 1]);
        properties.computeIfAbsent("state.dir", key -> folder());
        streams = new KafkaStreams(topology, properties);
        streams.setGlobalStateRestoreListener(this);
        streams.setUncaughtExceptionHandler(thrown -> {
            trouble = thrown;
            thrown.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
    }

    static String folder() {
        try {
            return Files.createTempDirectory(Path.of(System.getProperty("java.io.tmpdir")), "state").toString();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    Application start() throws Exception {
        streams.start();
        Checks.until(() -> {
            if (trouble != null) throw new AssertionError("it does not start", trouble);
            return streams.state() == KafkaStreams.State.RUNNING;
        });
        return this;
    }

    Set<TaskMetadata> activeTasks() {
        return streams.metadataForLocalThreads().stream().flatMap(thread -> thread.activeTasks().stream()).collect(Collectors.toSet());
    }

    Set<TaskMetadata> standbyTasks() {
        return streams.metadataForLocalThreads().stream().flatMap(thread -> thread.standbyTasks().stream()).collect(Collectors.toSet());
    }

    /** For all of its stores; a store that was restored twice counts twice. */
    long restoredRecords() {
        return restored.values().stream().mapToLong(Long::longValue).sum();
    }

    @Override
    public void close() {
        streams.close(CloseOptions.groupMembershipOperation(CloseOptions.GroupMembershipOperation.LEAVE_GROUP).withTimeout(Duration.ofSeconds(20)));
        if (trouble != null) throw new AssertionError("the application failed", trouble);
    }

    @Override
    public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {
    }

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long total) {
        restored.merge(partition, total, Long::sum);
    }
}
