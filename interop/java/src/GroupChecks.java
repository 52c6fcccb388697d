import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InconsistentGroupProtocolException;
import org.apache.kafka.common.errors.InvalidSessionTimeoutException;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;
import org.apache.kafka.common.errors.UnknownMemberIdException;

final class GroupChecks {
    private final Checks checks;

    GroupChecks(Checks checks) {
        this.checks = checks;
    }

    /** A consumer that polls in its own thread, and remembers what it was given. */
    private final class Member implements ConsumerRebalanceListener {
        final Set<ConsumerRecord<String, String>> records = ConcurrentHashMap.newKeySet();
        final Set<TopicPartition> assigned = ConcurrentHashMap.newKeySet();
        final List<Set<TopicPartition>> revocations = Collections.synchronizedList(new ArrayList<>());
        final List<Set<TopicPartition>> assignments = Collections.synchronizedList(new ArrayList<>());
        volatile Throwable trouble;
        private final KafkaConsumer<String, String> consumer;
        private final Thread thread;
        private volatile boolean leave;

        Member(String topic, Object... options) {
            consumer = checks.consumer(options);
            consumer.subscribe(List.of(topic), this);
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
            revocations.add(new HashSet<>(partitions));
            assigned.removeAll(partitions);
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            assignments.add(new HashSet<>(partitions));
            assigned.addAll(partitions);
        }

        void leave() throws InterruptedException {
            leave = true;
            thread.join(20_000);
            Checks.that(!thread.isAlive(), "the consumer does not close");
        }
    }

    void run() {
        checks.check("group: commit and go on", this::commit);
        checks.check("group: commit automatically", this::autoCommit);
        checks.check("group: commit without members", this::commitAlone);
        checks.check("group: metadata of an offset that is too large", this::metadataTooLarge);
        checks.check("group: two members share, range", () -> share(RangeAssignor.class, "range"));
        checks.check("group: two members share, roundrobin", () -> share(RoundRobinAssignor.class, "roundrobin"));
        checks.check("group: two members share, sticky", () -> share(StickyAssignor.class, "sticky"));
        checks.check("group: two members share, cooperative-sticky", () -> share(CooperativeStickyAssignor.class, "cooperative-sticky"));
        checks.check("group: one of two members dies, and another one joins", this::death);
        checks.check("group: a cooperative rebalance takes only what must move", this::cooperative);
        checks.check("group: a member that stops polling loses its partitions", this::slowMember);
        checks.check("group: a static member comes back without a rebalance", this::staticMember);
        checks.check("group: a second member of the same instance fences the first", this::fenced);
        checks.check("group: more partitions are shared out", this::morePartitions);
        checks.check("group: assignors that have nothing in common", this::inconsistent);
        checks.check("group: a session timeout out of range", this::sessionTimeout);
        checks.check("group: list and describe", this::describe);
        checks.check("group: alter, list and delete offsets", this::offsets);
        checks.check("group: delete", this::delete);
        checks.check("group: remove members", this::removeMembers);
    }

    private static Set<TopicPartition> all(String topic, int partitions) {
        Set<TopicPartition> all = new HashSet<>();
        for (int i = 0; i < partitions; i++) all.add(new TopicPartition(topic, i));
        return all;
    }

    private void commit() throws Exception {
        String topic = checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        checks.produce(topic, 0, 10);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.subscribe(List.of(topic));
            Checks.same(10, Checks.poll(consumer, 10).size());
            Checks.that(consumer.committed(Set.of(partition)).get(partition) == null, "committed already");
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(4, "a note")));
            Checks.same("4 a note", consumer.committed(Set.of(partition)).get(partition).offset() + " " + consumer.committed(Set.of(partition)).get(partition).metadata());
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.subscribe(List.of(topic));
            Checks.same(List.of(4L, 5L, 6L, 7L, 8L, 9L), Checks.offsets(Checks.poll(consumer, 6)));
            Object[] done = new Object[1];
            consumer.commitAsync((offsets, error) -> done[0] = error == null ? offsets : error);
            Checks.until(() -> {
                consumer.poll(Duration.ofMillis(10));
                return done[0] != null;
            });
            Checks.that(done[0] instanceof Map, done[0]);
            Checks.same(10L, consumer.committed(Set.of(partition)).get(partition).offset());
            Checks.same(topic, consumer.groupMetadata().groupId());
        }
    }

    private void autoCommit() throws Exception {
        String topic = checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        checks.produce(topic, 0, 5);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic, "enable.auto.commit", true)) {
            consumer.subscribe(List.of(topic));
            Checks.same(5, Checks.poll(consumer, 5).size());
        }
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            Checks.same(5L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    private void commitAlone() throws Exception {
        String topic = checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(3)));
            Checks.same(3L, consumer.committed(Set.of(partition)).get(partition).offset());
        }
    }

    private void metadataTooLarge() throws Exception {
        String topic = checks.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic)) {
            consumer.assign(List.of(partition));
            Checks.raises(OffsetMetadataTooLarge.class, () -> consumer.commitSync(Map.of(partition, new OffsetAndMetadata(3, "x".repeat(5000)))));
        }
    }

    private void share(Class<?> assignor, String protocol) throws Exception {
        String topic = checks.topic(4);
        Object[] options = {"group.id", topic, "partition.assignment.strategy", assignor.getName(), "heartbeat.interval.ms", 300};
        Member first = new Member(topic, options);
        Checks.until(() -> first.assigned.equals(all(topic, 4)));
        Member second = new Member(topic, options);
        Checks.until(() -> first.assigned.size() == 2 && second.assigned.size() == 2);
        Checks.that(Collections.disjoint(first.assigned, second.assigned), first.assigned + " " + second.assigned);
        for (int i = 0; i < 4; i++) checks.produce(topic, i, 10);
        Checks.until(() -> first.records.size() == 20 && second.records.size() == 20);
        try (Admin admin = checks.admin()) {
            ConsumerGroupDescription group = Checks.get(admin.describeConsumerGroups(List.of(topic)).all()).get(topic);
            Checks.same(protocol, group.partitionAssignor());
            Checks.same(GroupState.STABLE, group.groupState());
        }
        first.leave();
        Checks.until(() -> second.assigned.equals(all(topic, 4)));
        second.leave();
        Checks.that(first.trouble == null && second.trouble == null, first.trouble + " " + second.trouble);
    }

    private void death() throws Exception {
        String topic = checks.topic(4);
        Member alive = new Member(topic, "group.id", topic, "session.timeout.ms", 6000, "heartbeat.interval.ms", 500);
        try (Proxy proxy = new Proxy(checks.bootstrap, 0)) {
            Member dying = new Member(topic, "group.id", topic, "session.timeout.ms", 6000, "heartbeat.interval.ms", 500,
                "bootstrap.servers", proxy.address(), "default.api.timeout.ms", 500);
            Checks.until(() -> alive.assigned.size() == 2 && dying.assigned.size() == 2);
            for (int i = 0; i < 4; i++) checks.produce(topic, i, 5);
            Checks.until(() -> alive.records.size() == 10 && dying.records.size() == 10);
            proxy.die();
            Checks.until(() -> alive.assigned.size() == 4);
            dying.leave();
        }
        Member joined = new Member(topic, "group.id", topic);
        Checks.until(() -> alive.assigned.size() == 2 && joined.assigned.size() == 2);
        alive.leave();
        Checks.until(() -> joined.assigned.size() == 4);
        joined.leave();
    }

    private void cooperative() throws Exception {
        String topic = checks.topic(6);
        Object[] options = {"group.id", topic, "partition.assignment.strategy", CooperativeStickyAssignor.class.getName(), "heartbeat.interval.ms", 300};
        Member first = new Member(topic, options);
        Checks.until(() -> first.assigned.size() == 6);
        Member second = new Member(topic, options);
        Checks.until(() -> first.assigned.size() == 3 && second.assigned.size() == 3);
        int revoked = first.revocations.stream().mapToInt(Set::size).sum();
        Checks.same(3, revoked);
        second.leave();
        Checks.until(() -> first.assigned.size() == 6);
        first.leave();
    }

    private void slowMember() throws Exception {
        String topic = checks.topic(2);
        checks.produce(topic, 0, 1);
        checks.produce(topic, 1, 1);
        try (KafkaConsumer<String, String> slow = checks.consumer("group.id", topic, "max.poll.interval.ms", 1500, "heartbeat.interval.ms", 300)) {
            slow.subscribe(List.of(topic));
            Checks.same(2, Checks.poll(slow, 2).size());
            Member other = new Member(topic, "group.id", topic, "heartbeat.interval.ms", 300);
            Checks.until(() -> other.assigned.equals(all(topic, 2)));
            Checks.raises(CommitFailedException.class, slow::commitSync);
            other.leave();
        }
    }

    private void staticMember() throws Exception {
        String topic = checks.topic(4);
        Object[] options = {"group.id", topic, "heartbeat.interval.ms", 300, "session.timeout.ms", 10000};
        Member other = new Member(topic, options);
        Member fixed = new Member(topic, "group.id", topic, "heartbeat.interval.ms", 300, "session.timeout.ms", 10000, "group.instance.id", "fixed");
        Checks.until(() -> other.assigned.size() == 2 && fixed.assigned.size() == 2);
        Set<TopicPartition> before = new HashSet<>(fixed.assigned);
        int rebalances = other.assignments.size();
        fixed.leave();
        Member again = new Member(topic, "group.id", topic, "heartbeat.interval.ms", 300, "session.timeout.ms", 10000, "group.instance.id", "fixed");
        Checks.until(() -> again.assigned.equals(before));
        Thread.sleep(1000);
        Checks.same(rebalances, other.assignments.size());
        // It does not leave, and so its session must end.
        again.leave();
        Checks.until(() -> other.assigned.equals(all(topic, 4)));
        other.leave();
    }

    private void fenced() throws Exception {
        String topic = checks.topic(1);
        Object[] options = {"group.id", topic, "heartbeat.interval.ms", 300, "group.instance.id", "one"};
        Member first = new Member(topic, options);
        Checks.until(() -> first.assigned.size() == 1);
        Member second = new Member(topic, options);
        Checks.until(() -> second.assigned.size() == 1);
        Checks.until(() -> first.trouble != null);
        Checks.same(FencedInstanceIdException.class, first.trouble.getClass());
        second.leave();
    }

    private void morePartitions() throws Exception {
        String topic = checks.topic(1);
        Member member = new Member(topic, "group.id", topic);
        Checks.until(() -> member.assigned.size() == 1);
        try (Admin admin = checks.admin()) {
            Checks.get(admin.createPartitions(Map.of(topic, org.apache.kafka.clients.admin.NewPartitions.increaseTo(3))).all());
        }
        Checks.until(() -> member.assigned.equals(all(topic, 3)));
        member.leave();
    }

    private void inconsistent() throws Exception {
        String topic = checks.topic(1);
        Member member = new Member(topic, "group.id", topic, "partition.assignment.strategy", RangeAssignor.class.getName());
        Checks.until(() -> member.assigned.size() == 1);
        try (KafkaConsumer<String, String> other = checks.consumer("group.id", topic, "partition.assignment.strategy", RoundRobinAssignor.class.getName())) {
            other.subscribe(List.of(topic));
            Checks.raises(InconsistentGroupProtocolException.class, () -> Checks.poll(other, 1));
        }
        member.leave();
    }

    private void sessionTimeout() throws Exception {
        String topic = checks.topic(1);
        try (KafkaConsumer<String, String> consumer = checks.consumer("group.id", topic, "session.timeout.ms", 1000, "heartbeat.interval.ms", 300)) {
            consumer.subscribe(List.of(topic));
            Checks.raises(InvalidSessionTimeoutException.class, () -> Checks.poll(consumer, 1));
        }
    }

    private void describe() throws Exception {
        String topic = checks.topic(2);
        Member member = new Member(topic, "group.id", topic, "client.id", "described", "group.instance.id", "i-1", "session.timeout.ms", 6000);
        Checks.until(() -> member.assigned.size() == 2);
        try (Admin admin = checks.admin()) {
            GroupListing listing = listing(admin, topic, new ListGroupsOptions());
            Checks.same("Optional[Classic] consumer Optional[Stable]", listing.type() + " " + listing.protocol() + " " + listing.groupState());
            Checks.that(listing(admin, topic, new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY))) == null, "it is empty");
            Checks.that(listing(admin, topic, new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC))) != null, "it is not classic");
            ConsumerGroupDescription group = Checks.get(admin.describeConsumerGroups(List.of(topic)).all()).get(topic);
            Checks.same(1, group.members().size());
            var only = group.members().iterator().next();
            Checks.same("described i-1 /127.0.0.1", only.clientId() + " " + only.groupInstanceId().get() + " " + only.host());
            Checks.same(all(topic, 2), only.assignment().topicPartitions());
            Checks.that(group.coordinator().id() >= 0 && !group.isSimpleConsumerGroup(), group);
            ClassicGroupDescription classic = Checks.get(admin.describeClassicGroups(List.of(topic)).all()).get(topic);
            Checks.same("consumer range", classic.protocol() + " " + classic.protocolData());
            Checks.raises(GroupIdNotFoundException.class, () -> Checks.get(admin.describeConsumerGroups(List.of(topic + "-no")).all()));
            member.leave();
            Checks.until(() -> {
                try {
                    return Checks.get(admin.describeConsumerGroups(List.of(topic)).all()).get(topic).groupState() == GroupState.EMPTY;
                } catch (ExecutionException e) {
                    // Without a committed offset an empty group goes away.
                    return e.getCause() instanceof GroupIdNotFoundException;
                }
            });
        }
    }

    private static GroupListing listing(Admin admin, String group, ListGroupsOptions options) throws Exception {
        for (GroupListing listing : Checks.get(admin.listGroups(options).all())) if (listing.groupId().equals(group)) return listing;
        return null;
    }

    private void offsets() throws Exception {
        String topic = checks.topic(3);
        String group = topic + "-group";
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        try (Admin admin = checks.admin()) {
            Checks.get(admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(5), one, new OffsetAndMetadata(6, "m"))).all());
            Map<TopicPartition, OffsetAndMetadata> offsets = Checks.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
            Checks.same(new TreeSet<>(Set.of("5", "6m")), new TreeSet<>(Set.of("" + offsets.get(zero).offset(), offsets.get(one).offset() + offsets.get(one).metadata())));
            Checks.same(2, offsets.size());
            Checks.get(admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all());
            Checks.same(Set.of(one), Checks.get(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).keySet());
            Checks.raises(GroupIdNotFoundException.class, () -> Checks.get(admin.deleteConsumerGroupOffsets(group + "-no", Set.of(zero)).all()));
            Member member = new Member(topic, "group.id", group);
            Checks.until(() -> member.assigned.size() == 3);
            Checks.raises(GroupSubscribedToTopicException.class, () -> Checks.get(admin.deleteConsumerGroupOffsets(group, Set.of(one)).all()));
            Checks.raises(UnknownMemberIdException.class, () -> Checks.get(admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(1))).all()));
            member.leave();
        }
    }

    private void delete() throws Exception {
        String topic = checks.topic(1);
        Member member = new Member(topic, "group.id", topic);
        Checks.until(() -> member.assigned.size() == 1);
        try (Admin admin = checks.admin()) {
            Checks.raises(GroupNotEmptyException.class, () -> Checks.get(admin.deleteConsumerGroups(List.of(topic)).all()));
            member.leave();
            Checks.get(admin.alterConsumerGroupOffsets(topic, Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(0))).all());
            Checks.get(admin.deleteConsumerGroups(List.of(topic)).all());
            Checks.that(listing(admin, topic, new ListGroupsOptions()) == null, "it is still there");
            Checks.raises(GroupIdNotFoundException.class, () -> Checks.get(admin.deleteConsumerGroups(List.of(topic)).all()));
        }
    }

    private void removeMembers() throws Exception {
        String topic = checks.topic(2);
        Member member = new Member(topic, "group.id", topic, "group.instance.id", "removed");
        Checks.until(() -> member.assigned.size() == 2);
        try (Admin admin = checks.admin()) {
            Checks.raises(UnknownMemberIdException.class, () -> Checks.get(
                admin.removeMembersFromConsumerGroup(topic, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("other")))).memberResult(new MemberToRemove("other"))));
            Checks.get(admin.removeMembersFromConsumerGroup(topic, new RemoveMembersFromConsumerGroupOptions(List.of(new MemberToRemove("removed")))).all());
            // It is told so, and joins again.
            Checks.until(() -> member.assignments.size() >= 2 || member.trouble != null);
        }
        member.leave();
    }
}
