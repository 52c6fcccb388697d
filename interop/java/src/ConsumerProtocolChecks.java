import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnknownMemberIdException;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.UnsupportedAssignorException;

/** The consumer protocol of KIP-848. Members speak every five seconds, so all scenarios run at the same time. */
final class ConsumerProtocolChecks {
    private final Checks checks;

    ConsumerProtocolChecks(Checks checks) {
        this.checks = checks;
    }

    /** A consumer that polls in its own thread, and remembers what it has. */
    private final class Member implements ConsumerRebalanceListener {
        final Set<ConsumerRecord<String, String>> records = ConcurrentHashMap.newKeySet();
        final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
        final Set<TopicPartition> everAssigned = ConcurrentHashMap.newKeySet();
        volatile Throwable trouble;
        private final KafkaConsumer<String, String> consumer;
        private final Thread thread;
        private volatile boolean leave;

        Member(Object topics, Object... options) {
            consumer = checks.consumer(options);
            if (topics instanceof SubscriptionPattern pattern) consumer.subscribe(pattern, this);
            else consumer.subscribe(List.of((String) topics), this);
            thread = new Thread(() -> {
                try {
                    while (!leave) consumer.poll(Duration.ofMillis(100)).forEach(records::add);
                } catch (Throwable t) {
                    trouble = t;
                }
                consumer.close();
            });
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            assigned.removeAll(partitions);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            assigned.addAll(partitions);
            everAssigned.addAll(partitions);
        }

        void leave() throws InterruptedException {
            leave = true;
            thread.join(20_000);
            Checks.that(!thread.isAlive(), "the consumer does not close");
            Checks.that(trouble == null, trouble);
        }
    }

    void run() {
        start("consumer protocol: two members share, and one leaves", this::share);
        start("consumer protocol: a static member comes back to what it had", this::staticMember);
        start("consumer protocol: a pattern matches topics that come later", this::pattern);
        start("consumer protocol: from classic to consumer and back", this::migration);
        start("consumer protocol: what a member may not ask for", this::refused);
        start("consumer protocol: admins", this::admin);
        start("consumer protocol: more partitions", this::morePartitions);
        for (Started scenario : started) {
            checks.check(scenario.name, () -> {
                try {
                    scenario.future.get();
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof Exception cause) throw cause;
                    throw (Error) e.getCause();
                }
            });
        }
    }

    private record Started(String name, CompletableFuture<Void> future) {}

    private final List<Started> started = new java.util.ArrayList<>();

    private void start(String name, Checks.Check check) {
        if (!checks.wants(name)) return;
        CompletableFuture<Void> future = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                check.run();
                future.complete(null);
            } catch (Throwable t) {
                future.completeExceptionally(t);
            }
        });
        thread.setDaemon(true);
        thread.start();
        started.add(new Started(name, future));
    }

    private static Set<TopicPartition> all(String topic, int partitions) {
        Set<TopicPartition> all = new HashSet<>();
        for (int i = 0; i < partitions; i++) all.add(new TopicPartition(topic, i));
        return all;
    }

    private static Object[] options(String group, Object... more) {
        Object[] options = new Object[more.length + 4];
        options[0] = "group.id";
        options[1] = group;
        options[2] = "group.protocol";
        options[3] = "consumer";
        System.arraycopy(more, 0, options, 4, more.length);
        return options;
    }

    private ConsumerGroupDescription describe(Admin admin, String group) throws Exception {
        return Checks.get(admin.describeConsumerGroups(List.of(group)).all()).get(group);
    }

    private void share() throws Exception {
        String topic = checks.topic(4);
        Member first = new Member(topic, options(topic));
        Checks.until(() -> first.assigned.equals(all(topic, 4)));
        Member second = new Member(topic, options(topic));
        Checks.until(() -> first.assigned.size() == 2 && second.assigned.size() == 2);
        Checks.that(Collections.disjoint(first.assigned, second.assigned), first.assigned + " " + second.assigned);
        for (int i = 0; i < 4; i++) checks.produce(topic, i, 10);
        Checks.until(() -> first.records.size() == 20 && second.records.size() == 20);
        try (Admin admin = checks.admin()) {
            Checks.until(() -> describe(admin, topic).groupState() == GroupState.STABLE);
            ConsumerGroupDescription group = describe(admin, topic);
            Checks.same("uniform Consumer", group.partitionAssignor() + " " + group.type());
            int epoch = group.groupEpoch().orElseThrow();
            Checks.same(epoch, group.targetAssignmentEpoch().orElseThrow());
            for (MemberDescription member : group.members()) {
                Checks.same(epoch, member.memberEpoch().orElseThrow());
                Checks.same(member.assignment(), member.targetAssignment().orElseThrow());
                Checks.same(2, member.assignment().topicPartitions().size());
            }
        }
        first.leave();
        Checks.until(() -> second.assigned.equals(all(topic, 4)));
        Checks.same(2, first.records.stream().map(ConsumerRecord::partition).distinct().toList().size());
        second.leave();
    }

    private void staticMember() throws Exception {
        String topic = checks.topic(3);
        Member other = new Member(topic, options(topic, "group.instance.id", "other"));
        Checks.until(() -> other.assigned.size() == 3);
        Member first = new Member(topic, options(topic, "group.instance.id", "one"));
        Checks.until(() -> first.assigned.size() == 1 && other.assigned.size() == 2);
        Member twin = new Member(topic, options(topic, "group.instance.id", "one"));
        Checks.until(() -> twin.trouble != null);
        Checks.that(twin.trouble instanceof UnreleasedInstanceIdException, twin.trouble);
        Set<TopicPartition> before = new HashSet<>(first.assigned);
        first.leave();
        Member again = new Member(topic, options(topic, "group.instance.id", "one"));
        Checks.until(() -> again.assigned.equals(before));
        Checks.same(2, other.assigned.size());
        Checks.same(3, other.everAssigned.size());
        again.leave();
        other.leave();
    }

    private void pattern() throws Exception {
        String topic = checks.topic(2);
        Member member = new Member(new SubscriptionPattern(topic + "(-later)?"), options(topic));
        Checks.until(() -> member.assigned.equals(all(topic, 2)));
        checks.create(topic + "-later", 1);
        Checks.until(() -> member.assigned.size() == 3);
        checks.produce(topic + "-later", 0, 1);
        Checks.until(() -> member.records.size() == 1);
        member.leave();
        try (KafkaConsumer<String, String> consumer = checks.consumer(options(topic))) {
            consumer.subscribe(new SubscriptionPattern("(unclosed"));
            Checks.raises(InvalidRegularExpression.class, () -> {
                for (int i = 0; i < 100; i++) consumer.poll(Duration.ofMillis(100));
            });
        }
    }

    private void migration() throws Exception {
        String topic = checks.topic(4);
        Object[] classic = {"group.id", topic, "heartbeat.interval.ms", 300};
        Member first = new Member(topic, classic);
        Checks.until(() -> first.assigned.equals(all(topic, 4)));
        try (Admin admin = checks.admin()) {
            Checks.same(GroupType.CLASSIC, type(admin, topic));
            Member second = new Member(topic, options(topic));
            Checks.until(() -> first.assigned.size() == 2 && second.assigned.size() == 2);
            Checks.that(Collections.disjoint(first.assigned, second.assigned), first.assigned + " " + second.assigned);
            Checks.same(GroupType.CONSUMER, type(admin, topic));
            for (int i = 0; i < 4; i++) checks.produce(topic, i, 10);
            Checks.until(() -> first.records.size() == 20 && second.records.size() == 20);
            second.leave();
            Checks.until(() -> first.assigned.equals(all(topic, 4)));
            Checks.same(GroupType.CLASSIC, type(admin, topic));
        }
        first.leave();
    }

    private static GroupType type(Admin admin, String group) throws Exception {
        for (GroupListing listing : Checks.get(admin.listGroups().all())) {
            if (listing.groupId().equals(group)) return listing.type().orElseThrow();
        }
        throw new AssertionError("no group " + group);
    }

    private void refused() throws Exception {
        String topic = checks.topic(1);
        Member member = new Member(topic, options(topic, "group.remote.assignor", "sticky"));
        Checks.until(() -> member.trouble != null);
        Checks.that(member.trouble instanceof UnsupportedAssignorException, member.trouble);
        Member range = new Member(topic, options(topic, "group.remote.assignor", "range", "client.rack", "r1"));
        Checks.until(() -> range.assigned.size() == 1);
        try (Admin admin = checks.admin()) {
            Checks.same("range", describe(admin, topic).partitionAssignor());
        }
        range.leave();
    }

    private void admin() throws Exception {
        String topic = checks.topic(2);
        String group = topic;
        TopicPartition zero = new TopicPartition(topic, 0);
        try (Admin admin = checks.admin()) {
            ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, group);
            AlterConfigOp longer = new AlterConfigOp(new ConfigEntry("consumer.session.timeout.ms", "50000"), AlterConfigOp.OpType.SET);
            Checks.get(admin.incrementalAlterConfigs(Map.of(resource, List.of(longer))).all());
            Member member = new Member(topic, options(group, "enable.auto.commit", false));
            Checks.until(() -> member.assigned.size() == 2);
            Checks.raises(UnknownMemberIdException.class, () -> Checks.get(admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(5))).all()));
            Checks.raises(GroupNotEmptyException.class, () -> Checks.get(admin.deleteConsumerGroups(List.of(group)).all()));
            member.leave();
            Checks.same(GroupState.EMPTY, describe(admin, group).groupState());
            Checks.get(admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(5))).all());
            Member again = new Member(topic, options(group, "enable.auto.commit", false));
            Checks.until(() -> again.assigned.size() == 2);
            Checks.raises(GroupSubscribedToTopicException.class, () -> Checks.get(admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all()));
            again.leave();
            Checks.get(admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all());
            Checks.get(admin.deleteConsumerGroups(List.of(group)).all());
            Checks.that(Checks.get(admin.listGroups().all()).stream().noneMatch(listing -> listing.groupId().equals(group)), "still listed");
        }
    }

    private void morePartitions() throws Exception {
        String topic = checks.topic(1);
        Member member = new Member(topic, options(topic));
        Checks.until(() -> member.assigned.size() == 1);
        try (Admin admin = checks.admin()) {
            Checks.get(admin.createPartitions(Map.of(topic, org.apache.kafka.clients.admin.NewPartitions.increaseTo(3))).all());
        }
        Checks.until(() -> member.assigned.equals(all(topic, 3)));
        member.leave();
    }
}
