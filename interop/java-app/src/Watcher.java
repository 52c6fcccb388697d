import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.TopicPartition;

/** Looks at the committed offsets all the time: they never move back. */
final class Watcher extends Thread {
    private final String bootstrap;
    private final String group;
    private final List<String> backwards = new CopyOnWriteArrayList<>();
    private final Map<Integer, Long> newest = new TreeMap<>();
    private volatile boolean leave;

    Watcher(String bootstrap, String group) {
        this.bootstrap = bootstrap;
        this.group = group;
        setDaemon(true);
    }

    @Override
    public void run() {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", 2_000, "default.api.timeout.ms", 4_000,
                "reconnect.backoff.max.ms", 500))) {
            while (!leave) {
                look(admin);
                Thread.sleep(50);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void look(Admin admin) throws InterruptedException {
        try {
            admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get(5, TimeUnit.SECONDS)
                .forEach((partition, committed) -> saw(partition, committed.offset()));
        } catch (ExecutionException | TimeoutException e) {
            // The group is not there yet, or the broker is away.
        }
    }

    private synchronized void saw(TopicPartition partition, long offset) {
        Long before = newest.put(partition.partition(), offset);
        if (before != null && before > offset) backwards.add(partition + ": " + before + ", then " + offset);
    }

    synchronized Map<Integer, Long> newest() {
        return new TreeMap<>(newest);
    }

    void finish() throws InterruptedException {
        leave = true;
        join(10_000);
        Checks.that(backwards.isEmpty(), backwards);
    }
}
