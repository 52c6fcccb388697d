package main

import (
	"strconv"

	"github.com/IBM/sarama"
)

func addAdmin(add func(string, func(c))) {
	add("topic is created, described, deleted", func(c c) {
		admin, topic := c.admin(), c.topic(3)
		topics, err := admin.ListTopics()
		c.Ok(err)
		c.Equal(topics[topic].NumPartitions, 3, "partitions listed")
		described, err := admin.DescribeTopics([]string{topic})
		c.Ok(err)
		c.Equal(described[0].IsInternal, false, "internal")
		c.Equal(len(described[0].Partitions), 3, "partitions described")
		for _, partition := range described[0].Partitions {
			c.Equal(partition.Isr, partition.Replicas, "isr")
		}
		c.Ok(admin.DeleteTopic(topic))
		c.Until("it is gone", func() bool {
			topics, err := admin.ListTopics()
			c.Ok(err)
			_, has := topics[topic]
			return !has
		})
	})
	add("topic creation is refused", func(c c) {
		admin, topic, free := c.admin(), c.topic(1), c.Name()
		refused := func(want error, partitions int32, replicas int16, configs map[string]*string, topic string) {
			c.Is(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: replicas, ConfigEntries: configs}, false), want)
		}
		one := "1"
		refused(sarama.ErrTopicAlreadyExists, 1, 1, nil, topic)
		refused(sarama.ErrInvalidTopic, 1, 1, nil, free+"/x")
		refused(sarama.ErrInvalidReplicationFactor, 1, 99, nil, free)
		refused(sarama.ErrInvalidPartitions, 0, 1, nil, free)
		refused(sarama.ErrInvalidConfig, 1, 1, map[string]*string{"no.such.property": &one}, free)
		c.Ok(admin.CreateTopic(free, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, true))
		topics, err := admin.ListTopics()
		c.Ok(err)
		_, has := topics[free]
		c.Equal(has, false, "it was created")
	})
	add("topic deletion is refused", func(c c) {
		c.Is(c.admin().DeleteTopic(c.Name()), sarama.ErrUnknownTopicOrPartition)
	})
	add("partitions are added", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		c.Ok(admin.CreatePartitions(topic, 4, nil, false))
		c.Until("it has 4", func() bool {
			topics, err := admin.DescribeTopics([]string{topic})
			c.Ok(err)
			return len(topics[0].Partitions) == 4
		})
		c.Is(admin.CreatePartitions(topic, 2, nil, false), sarama.ErrInvalidPartitions)
	})
	add("topic configs are changed", func(c c) {
		admin, topic := c.admin(), c.topic(1, "retention.ms", "1000000")
		value := func(key string) string {
			return c.configs(admin, sarama.TopicResource, topic)[key]
		}
		alter := func(operation sarama.IncrementalAlterConfigsOperation, key, value string) {
			entries := map[string]sarama.IncrementalAlterConfigsEntry{key: {Operation: operation, Value: &value}}
			c.Ok(admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false))
		}
		c.Until("the creation's", func() bool { return value("retention.ms") == "1000000" })
		c.Equal(value("segment.bytes"), "1073741824", "a default")
		alter(sarama.IncrementalAlterConfigsOperationSet, "retention.ms", "2000000")
		alter(sarama.IncrementalAlterConfigsOperationAppend, "cleanup.policy", "compact")
		c.Until("set", func() bool { return value("retention.ms") == "2000000" && value("cleanup.policy") == "delete,compact" })
		alter(sarama.IncrementalAlterConfigsOperationDelete, "retention.ms", "")
		alter(sarama.IncrementalAlterConfigsOperationSubtract, "cleanup.policy", "compact")
		c.Until("the defaults", func() bool { return value("retention.ms") == "604800000" && value("cleanup.policy") == "delete" })
		longer := "3000000"
		c.Ok(admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": &longer}, false))
		c.Until("set by the older request", func() bool { return value("retention.ms") == "3000000" })
	})
	add("topic configs are refused", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		refused := func(want error, topic, key, value string) {
			entries := map[string]sarama.IncrementalAlterConfigsEntry{key: {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}
			c.Is(admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false), want)
		}
		refused(sarama.ErrInvalidConfig, topic, "retention.ms", "long")
		refused(sarama.ErrInvalidConfig, topic, "no.such.property", "1")
		refused(sarama.ErrUnknownTopicOrPartition, c.Name(), "retention.ms", "1000")
	})
	add("broker configs are described", func(c c) {
		admin := c.admin()
		brokers, _, err := admin.DescribeCluster()
		c.Ok(err)
		id := strconv.Itoa(int(brokers[0].ID()))
		values := c.configs(admin, sarama.BrokerResource, id)
		c.Equal(values["node.id"], id, "node.id")
		c.Equal(values["message.max.bytes"], "1048588", "message.max.bytes")
	})
	add("offsets are listed", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		for _, want := range []struct{ at, offset int64 }{
			{sarama.OffsetOldest, 0}, {sarama.OffsetNewest, 3}, {1001, 1}, {9000, -1},
		} {
			listed, err := admin.ListOffsets(map[string]map[int32]int64{topic: {0: want.at}}, nil)
			c.Ok(err)
			c.Is(listed[topic][0].Err, sarama.ErrNoError)
			c.Equal(listed[topic][0].Offset, want.offset, "offset at "+strconv.FormatInt(want.at, 10))
		}
	})
	add("records are deleted", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000, 4000, 5000)
		c.Ok(admin.DeleteRecords(topic, map[int32]int64{0: 3}))
		listed, err := admin.ListOffsets(map[string]map[int32]int64{topic: {0: sarama.OffsetOldest}}, nil)
		c.Ok(err)
		c.Equal(listed[topic][0].Offset, 3, "start")
		c.Is(admin.DeleteRecords(topic, map[int32]int64{0: 99}), sarama.ErrOffsetOutOfRange)
	})
	add("groups are listed, described, deleted", func(c c) {
		admin, topic, group := c.admin(), c.topic(2), c.Name()
		c.produceTimes(topic, 1000)
		member := c.member(group, topic)
		c.Until("it consumes", func() bool { records, _ := member.Count(); return records == 1 })
		groups, err := admin.ListConsumerGroups()
		c.Ok(err)
		c.Equal(groups[group], "consumer", "protocol type listed")
		describe := func() *sarama.GroupDescription {
			described, err := admin.DescribeConsumerGroups([]string{group})
			c.Ok(err)
			c.Equal(described[0].Err, sarama.ErrNoError, "error")
			return described[0]
		}
		described := describe()
		c.Equal(described.State, "Stable", "state")
		c.Equal(len(described.Members), 1, "members")
		for _, member := range described.Members {
			assignment, err := member.GetMemberAssignment()
			c.Ok(err)
			c.Equal(len(assignment.Topics[topic]), 2, "assigned partitions")
		}
		c.Is(admin.DeleteConsumerGroup(group), sarama.ErrNonEmptyGroup)
		member.Leave()
		c.Until("it is empty", func() bool { return describe().State == "Empty" })
		c.Ok(admin.DeleteConsumerGroup(group))
		c.Is(admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound)
	})
	add("group offsets are changed", func(c c) {
		admin, topic, group := c.admin(), c.topic(2), c.Name()
		offsets := map[int32]sarama.OffsetAndMetadata{0: {Offset: 7, Metadata: "why", LeaderEpoch: -1}, 1: {Offset: 8, LeaderEpoch: -1}}
		committed, err := admin.AlterConsumerGroupOffsets(group, map[string]map[int32]sarama.OffsetAndMetadata{topic: offsets}, nil)
		c.Ok(err)
		c.Equal(committed.Errors[topic], map[int32]sarama.KError{0: 0, 1: 0}, "errors")
		fetch := func() *sarama.OffsetFetchResponse {
			fetched, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1}})
			c.Ok(err)
			return fetched
		}
		c.Equal(fetch().GetBlock(topic, 0).Offset, 7, "offset")
		c.Equal(fetch().GetBlock(topic, 0).Metadata, "why", "metadata")
		c.Equal(fetch().GetBlock(topic, 1).Offset, 8, "offset")
		c.Ok(admin.DeleteConsumerGroupOffset(group, topic, 0))
		c.Equal(fetch().GetBlock(topic, 0).Offset, -1, "deleted offset")
		c.Equal(fetch().GetBlock(topic, 1).Offset, 8, "other offset")
	})
}

func (c c) configs(admin sarama.ClusterAdmin, kind sarama.ConfigResourceType, name string) map[string]string {
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: kind, Name: name}}, sarama.DescribeConfigsOptions{})
	c.Ok(err)
	c.Equal(results[0].ErrorCode, sarama.ErrNoError, "error")
	values := map[string]string{}
	for _, entry := range results[0].Configs {
		values[entry.Name] = entry.Value
	}
	return values
}
