import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListConfigResourcesOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class AdminChecks {
    private final Checks checks;

    AdminChecks(Checks checks) {
        this.checks = checks;
    }

    private interface Use {
        void with(Admin admin) throws Exception;
    }

    private void check(String name, Use use) {
        checks.check("admin: " + name, () -> {
            try (Admin admin = checks.admin()) {
                use.with(admin);
            }
        });
    }

    void run() {
        check("the cluster", this::cluster);
        check("features", admin -> Checks.that(Checks.get(admin.describeFeatures().featureMetadata()).supportedFeatures().containsKey("metadata.version"), "no metadata.version"));
        check("create topics", this::create);
        check("create topics, refused", this::createRefused);
        check("create topics, only validated", this::validated);
        check("describe topics by name and by id", this::describe);
        check("list topics", this::list);
        check("delete topics by name and by id", this::delete);
        check("delete and create a topic again and again", this::recreate);
        check("add partitions", this::addPartitions);
        check("configs of a topic", this::topicConfigs);
        check("configs of a topic, lists", this::listConfigs);
        check("configs of a topic, refused", this::configsRefused);
        check("configs of a broker", this::brokerConfigs);
        check("configs of a group", this::groupConfigs);
        check("documentation and types of configs", this::documentation);
        check("config resources", this::configResources);
        check("offsets", this::offsets);
        check("delete records", this::deleteRecords);
        check("log directories", this::logDirs);
    }

    private static NewTopic topic(String name) {
        return new NewTopic(name, Optional.empty(), Optional.empty());
    }

    private void cluster(Admin admin) throws Exception {
        Collection<Node> nodes = Checks.get(admin.describeCluster().nodes());
        Checks.that(nodes.stream().anyMatch(node -> checks.bootstrap.endsWith(":" + node.port())), nodes);
        Checks.that(Checks.get(admin.describeCluster().controller()).id() >= 0, "no controller");
        Checks.same(22, Checks.get(admin.describeCluster().clusterId()).length());
    }

    private void create(Admin admin) throws Exception {
        String name = checks.name();
        int broker = Checks.get(admin.describeCluster().nodes()).iterator().next().id();
        CreateTopicsResult result = admin.createTopics(List.of(
            new NewTopic(name, 3, (short) 1).configs(Map.of("retention.ms", "123456789")),
            topic(name + "-default"),
            new NewTopic(name + "-placed", Map.of(0, List.of(broker), 1, List.of(broker)))));
        Checks.get(result.all());
        Checks.same(3, Checks.get(result.numPartitions(name)));
        Checks.same(1, Checks.get(result.replicationFactor(name + "-default")));
        Checks.same(2, Checks.get(result.numPartitions(name + "-placed")));
        Checks.same("123456789", Checks.get(result.config(name)).get("retention.ms").value());
        Checks.that(!Checks.get(result.topicId(name)).equals(Uuid.ZERO_UUID), "no id");
    }

    private void createRefused(Admin admin) throws Exception {
        String name = checks.topic(1);
        Checks.raises(TopicExistsException.class, () -> Checks.get(admin.createTopics(List.of(topic(name))).all()));
        Checks.raises(InvalidTopicException.class, () -> Checks.get(admin.createTopics(List.of(topic("not/allowed"))).all()));
        Checks.raises(InvalidTopicException.class, () -> Checks.get(admin.createTopics(List.of(topic("x".repeat(250)))).all()));
        Checks.raises(InvalidPartitionsException.class, () -> Checks.get(admin.createTopics(List.of(new NewTopic(name + "x", 0, (short) 1))).all()));
        Checks.raises(InvalidReplicationFactorException.class, () -> Checks.get(admin.createTopics(List.of(new NewTopic(name + "x", 1, (short) 99))).all()));
        Checks.raises(InvalidReplicationFactorException.class, () -> Checks.get(admin.createTopics(List.of(new NewTopic(name + "x", 1, (short) 0))).all()));
        Checks.raises(InvalidReplicaAssignmentException.class, () -> Checks.get(admin.createTopics(List.of(new NewTopic(name + "x", Map.of(1, List.of(1))))).all()));
        Checks.raises(InvalidConfigurationException.class, () -> Checks.get(admin.createTopics(List.of(topic(name + "x").configs(Map.of("no.such", "1")))).all()));
        Checks.raises(InvalidConfigurationException.class, () -> Checks.get(admin.createTopics(List.of(topic(name + "x").configs(Map.of("retention.ms", "soon")))).all()));
        Checks.raises(InvalidConfigurationException.class, () -> Checks.get(admin.createTopics(List.of(topic(name + "x").configs(Map.of("min.cleanable.dirty.ratio", "7")))).all()));
        Checks.that(!Checks.get(admin.listTopics().names()).contains(name + "x"), "it was created");
        // One that is refused does not take the others along.
        CreateTopicsResult mixed = admin.createTopics(List.of(topic(name), topic(name + "-good")));
        Checks.get(mixed.values().get(name + "-good"));
        Checks.raises(TopicExistsException.class, () -> Checks.get(mixed.values().get(name)));
    }

    private void validated(Admin admin) throws Exception {
        String name = checks.name();
        CreateTopicsResult result = admin.createTopics(List.of(new NewTopic(name, 5, (short) 1)), new CreateTopicsOptions().validateOnly(true));
        Checks.get(result.all());
        Checks.same(5, Checks.get(result.numPartitions(name)));
        Checks.that(!Checks.get(admin.listTopics().names()).contains(name), "it was created");
    }

    private void describe(Admin admin) throws Exception {
        String name = checks.topic(5);
        TopicDescription byName = Checks.get(admin.describeTopics(List.of(name), new DescribeTopicsOptions().partitionSizeLimitPerResponse(2)).allTopicNames()).get(name);
        Checks.same(5, byName.partitions().size());
        for (int i = 0; i < 5; i++) {
            Checks.same(i, byName.partitions().get(i).partition());
            Checks.that(byName.partitions().get(i).leader() != null && byName.partitions().get(i).isr().size() == 1, byName);
        }
        TopicDescription byId = Checks.get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(byName.topicId()))).allTopicIds()).get(byName.topicId());
        Checks.same(name, byId.name());
        Checks.raises(UnknownTopicOrPartitionException.class, () -> Checks.get(admin.describeTopics(List.of(name + "-no")).allTopicNames()));
        Checks.raises(UnknownTopicIdException.class, () -> Checks.get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds()));
        Checks.raises(InvalidTopicException.class, () -> Checks.get(admin.describeTopics(List.of("")).allTopicNames()));
    }

    private void list(Admin admin) throws Exception {
        String name = checks.topic(1);
        Checks.that(Checks.get(admin.listTopics().names()).contains(name), "not listed");
        Checks.that(!Checks.get(admin.listTopics(new ListTopicsOptions().listInternal(false)).names()).contains("__consumer_offsets"), "internal");
    }

    private void delete(Admin admin) throws Exception {
        String first = checks.topic(1);
        String second = checks.topic(1);
        Uuid id = Checks.get(admin.describeTopics(List.of(second)).allTopicNames()).get(second).topicId();
        Checks.get(admin.deleteTopics(List.of(first)).all());
        Checks.get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
        Checks.until(() -> {
            Set<String> names = Checks.get(admin.listTopics().names());
            return !names.contains(first) && !names.contains(second);
        });
        Checks.raises(UnknownTopicOrPartitionException.class, () -> Checks.get(admin.deleteTopics(List.of(first)).all()));
        Checks.raises(UnknownTopicIdException.class, () -> Checks.get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all()));
    }

    private void recreate(Admin admin) throws Exception {
        String name = checks.name();
        Uuid last = Uuid.ZERO_UUID;
        for (int i = 0; i < 5; i++) {
            CreateTopicsResult result = admin.createTopics(List.of(new NewTopic(name, 1, (short) 1)));
            Uuid id = Checks.get(result.topicId(name));
            Checks.that(!id.equals(last), "the id of the topic that was deleted");
            last = id;
            Checks.same(0L, checks.produce(name, 0, 3).get(0).offset());
            Checks.get(admin.deleteTopics(List.of(name)).all());
        }
    }

    private void addPartitions(Admin admin) throws Exception {
        String name = checks.topic(1);
        Checks.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(3)), new CreatePartitionsOptions().validateOnly(true)).all());
        Checks.same(1, Checks.get(admin.describeTopics(List.of(name)).allTopicNames()).get(name).partitions().size());
        Checks.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(3))).all());
        Checks.until(() -> Checks.get(admin.describeTopics(List.of(name)).allTopicNames()).get(name).partitions().size() == 3);
        Checks.same(0L, checks.produce(name, 2, 1).get(0).offset());
        Checks.raises(InvalidPartitionsException.class, () -> Checks.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(3))).all()));
        Checks.raises(InvalidPartitionsException.class, () -> Checks.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(1))).all()));
        Checks.raises(UnknownTopicOrPartitionException.class, () -> Checks.get(admin.createPartitions(Map.of(name + "-no", NewPartitions.increaseTo(3))).all()));
        Checks.raises(InvalidReplicaAssignmentException.class, () -> Checks.get(admin.createPartitions(Map.of(name, NewPartitions.increaseTo(4, List.of(List.of(98))))).all()));
    }

    private static Config describe(Admin admin, ConfigResource resource) throws Exception {
        return Checks.get(admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all()).get(resource);
    }

    private static void alter(Admin admin, ConfigResource resource, AlterConfigOp.OpType op, String name, String value) throws Exception {
        Checks.get(admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), op)))).all());
    }

    private static boolean becomes(Admin admin, ConfigResource resource, String name, String value) throws Exception {
        return value.equals(describe(admin, resource).get(name).value());
    }

    private void topicConfigs(Admin admin) throws Exception {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, checks.topic(1, "retention.ms", "1000000"));
        ConfigEntry entry = describe(admin, topic).get("retention.ms");
        Checks.same("1000000", entry.value());
        Checks.same(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, entry.source());
        Checks.that(!entry.isDefault() && !entry.isReadOnly() && !entry.isSensitive(), entry);
        entry = describe(admin, topic).get("max.message.bytes");
        Checks.same("1048588", entry.value());
        Checks.same(ConfigEntry.ConfigSource.DEFAULT_CONFIG, entry.source());
        Checks.same("message.max.bytes", entry.synonyms().get(0).name());
        alter(admin, topic, AlterConfigOp.OpType.SET, "retention.ms", "2000000");
        Checks.until(() -> becomes(admin, topic, "retention.ms", "2000000"));
        Checks.get(admin.incrementalAlterConfigs(Map.of(topic, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "3"), AlterConfigOp.OpType.SET))),
            new AlterConfigsOptions().validateOnly(true)).all());
        Checks.that(becomes(admin, topic, "retention.ms", "2000000"), "a validation changed it");
        alter(admin, topic, AlterConfigOp.OpType.DELETE, "retention.ms", null);
        Checks.until(() -> becomes(admin, topic, "retention.ms", "604800000"));
    }

    private void listConfigs(Admin admin) throws Exception {
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, checks.topic(1));
        alter(admin, topic, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
        Checks.until(() -> becomes(admin, topic, "cleanup.policy", "delete,compact"));
        alter(admin, topic, AlterConfigOp.OpType.SUBTRACT, "cleanup.policy", "delete");
        Checks.until(() -> becomes(admin, topic, "cleanup.policy", "compact"));
        Checks.raises(InvalidConfigurationException.class, () -> alter(admin, topic, AlterConfigOp.OpType.APPEND, "retention.ms", "1"));
    }

    private void configsRefused(Admin admin) throws Exception {
        String name = checks.topic(1);
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, name);
        for (Map.Entry<String, String> bad : Map.of("no.such.property", "1", "retention.ms", "soon", "compression.type", "rar", "segment.bytes", "-1",
            "min.insync.replicas", "0", "preallocate", "maybe").entrySet()) {
            Checks.raises(InvalidConfigurationException.class, () -> alter(admin, topic, AlterConfigOp.OpType.SET, bad.getKey(), bad.getValue()));
        }
        ConfigResource missing = new ConfigResource(ConfigResource.Type.TOPIC, name + "-no");
        Checks.raises(UnknownTopicOrPartitionException.class, () -> alter(admin, missing, AlterConfigOp.OpType.SET, "retention.ms", "1"));
        Checks.raises(UnknownTopicOrPartitionException.class, () -> describe(admin, missing));
        Checks.raises(InvalidRequestException.class, () -> Checks.get(admin.incrementalAlterConfigs(Map.of(topic, List.of(
            new AlterConfigOp(new ConfigEntry("retention.ms", "1"), AlterConfigOp.OpType.SET),
            new AlterConfigOp(new ConfigEntry("retention.ms", "2"), AlterConfigOp.OpType.SET)))).all()));
    }

    private void brokerConfigs(Admin admin) throws Exception {
        String id = "" + Checks.get(admin.describeCluster().nodes()).iterator().next().id();
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, id);
        ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
        Checks.same(id, describe(admin, broker).get("node.id").value());
        Checks.that(describe(admin, broker).get("node.id").isReadOnly(), "node.id can be changed");
        alter(admin, all, AlterConfigOp.OpType.SET, "log.retention.bytes", "1111111111");
        Checks.until(() -> becomes(admin, broker, "log.retention.bytes", "1111111111"));
        Checks.same(ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, describe(admin, broker).get("log.retention.bytes").source());
        alter(admin, broker, AlterConfigOp.OpType.SET, "log.retention.bytes", "2222222222");
        Checks.until(() -> becomes(admin, broker, "log.retention.bytes", "2222222222"));
        Checks.same(ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, describe(admin, broker).get("log.retention.bytes").source());
        alter(admin, broker, AlterConfigOp.OpType.DELETE, "log.retention.bytes", null);
        alter(admin, all, AlterConfigOp.OpType.DELETE, "log.retention.bytes", null);
        Checks.until(() -> becomes(admin, broker, "log.retention.bytes", "-1"));
        Checks.raises(InvalidRequestException.class, () -> alter(admin, broker, AlterConfigOp.OpType.SET, "log.dirs", "/nowhere"));
        Checks.raises(InvalidRequestException.class, () -> alter(admin, broker, AlterConfigOp.OpType.SET, "log.retention.bytes", "much"));
    }

    private void groupConfigs(Admin admin) throws Exception {
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, checks.name());
        alter(admin, group, AlterConfigOp.OpType.SET, "consumer.session.timeout.ms", "51000");
        Checks.until(() -> becomes(admin, group, "consumer.session.timeout.ms", "51000"));
        Checks.same(ConfigEntry.ConfigSource.DYNAMIC_GROUP_CONFIG, describe(admin, group).get("consumer.session.timeout.ms").source());
        alter(admin, group, AlterConfigOp.OpType.DELETE, "consumer.session.timeout.ms", null);
        Checks.until(() -> becomes(admin, group, "consumer.session.timeout.ms", "45000"));
        Checks.raises(InvalidConfigurationException.class, () -> alter(admin, group, AlterConfigOp.OpType.SET, "consumer.session.timeout.ms", "1"));
    }

    private void documentation(Admin admin) throws Exception {
        Config config = describe(admin, new ConfigResource(ConfigResource.Type.TOPIC, checks.topic(1)));
        Map<String, ConfigEntry.ConfigType> types = new HashMap<>();
        for (ConfigEntry entry : config.entries()) {
            Checks.that(entry.documentation() != null && !entry.documentation().isEmpty(), entry.name());
            types.put(entry.name(), entry.type());
        }
        Checks.same(ConfigEntry.ConfigType.LONG, types.get("retention.ms"));
        Checks.same(ConfigEntry.ConfigType.LIST, types.get("cleanup.policy"));
        Checks.same(ConfigEntry.ConfigType.INT, types.get("segment.bytes"));
        Checks.same(ConfigEntry.ConfigType.BOOLEAN, types.get("preallocate"));
        Checks.same(ConfigEntry.ConfigType.DOUBLE, types.get("min.cleanable.dirty.ratio"));
        Checks.same(ConfigEntry.ConfigType.STRING, types.get("compression.type"));
    }

    private void configResources(Admin admin) throws Exception {
        String topic = checks.topic(1);
        Set<String> names = Checks.get(admin.listConfigResources(Set.of(ConfigResource.Type.TOPIC), new ListConfigResourcesOptions()).all())
            .stream().map(ConfigResource::name).collect(Collectors.toSet());
        Checks.that(names.contains(topic), names);
        String group = checks.name();
        alter(admin, new ConfigResource(ConfigResource.Type.GROUP, group), AlterConfigOp.OpType.SET, "consumer.session.timeout.ms", "51000");
        Checks.until(() -> Checks.get(admin.listConfigResources(Set.of(ConfigResource.Type.GROUP), new ListConfigResourcesOptions()).all())
            .stream().anyMatch(resource -> resource.name().equals(group)));
    }

    private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        ListOffsetsResult.ListOffsetsResultInfo found = Checks.get(admin.listOffsets(Map.of(partition, spec)).all()).get(partition);
        return found.offset();
    }

    private void offsets(Admin admin) throws Exception {
        String name = checks.topic(1);
        TopicPartition partition = new TopicPartition(name, 0);
        Checks.same(0L, offset(admin, partition, OffsetSpec.latest()));
        Checks.same(-1L, offset(admin, partition, OffsetSpec.maxTimestamp()));
        checks.produce(name, 0, 7);
        Checks.same(0L, offset(admin, partition, OffsetSpec.earliest()));
        Checks.same(7L, offset(admin, partition, OffsetSpec.latest()));
        Checks.same(0L, offset(admin, partition, OffsetSpec.earliestLocal()));
        Checks.same(-1L, offset(admin, partition, OffsetSpec.latestTiered()));
        Checks.same(0L, offset(admin, partition, OffsetSpec.forTimestamp(0)));
        Checks.same(-1L, offset(admin, partition, OffsetSpec.forTimestamp(Long.MAX_VALUE)));
        Checks.that(offset(admin, partition, OffsetSpec.maxTimestamp()) >= 0, "no max timestamp");
    }

    private void deleteRecords(Admin admin) throws Exception {
        String name = checks.topic(1);
        TopicPartition partition = new TopicPartition(name, 0);
        checks.produce(name, 0, 7);
        Checks.same(4L, Checks.get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(partition)).lowWatermark());
        Checks.same(4L, offset(admin, partition, OffsetSpec.earliest()));
        Checks.same(7L, Checks.get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(partition)).lowWatermark());
        Checks.raises(OffsetOutOfRangeException.class, () -> Checks.get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(8))).all()));
        String compacted = checks.topic(1, "cleanup.policy", "compact");
        Checks.raises(PolicyViolationException.class, () -> Checks.get(admin.deleteRecords(Map.of(new TopicPartition(compacted, 0), RecordsToDelete.beforeOffset(0))).all()));
    }

    private void logDirs(Admin admin) throws Exception {
        String name = checks.topic(2);
        checks.produce(name, 0, 10);
        int broker = Checks.get(admin.describeCluster().nodes()).iterator().next().id();
        Map<String, LogDirDescription> dirs = Checks.get(admin.describeLogDirs(List.of(broker)).allDescriptions()).get(broker);
        long found = 0;
        for (LogDirDescription dir : dirs.values()) {
            Checks.that(dir.error() == null && dir.totalBytes().getAsLong() > 0 && dir.usableBytes().getAsLong() > 0, dir);
            if (dir.replicaInfos().containsKey(new TopicPartition(name, 0))) {
                found++;
                Checks.that(dir.replicaInfos().get(new TopicPartition(name, 0)).size() > 0, dir);
            }
        }
        Checks.same(1L, found);
    }
}
