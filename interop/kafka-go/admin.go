package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
)

func addAdmin(add func(string, func(c))) {
	add("topic is created, described, deleted", func(c c) {
		client, topic := c.client(), c.topic(3)
		described := c.describe(client, topic)
		c.Equal(described.Internal, false, "internal")
		c.Equal(len(described.Partitions), 3, "partitions")
		for _, partition := range described.Partitions {
			c.Equal(partition.Isr, partition.Replicas, "isr")
		}
		c.Ok(c.delete(client, topic))
		c.Until("it is gone", func() bool { return c.describe(client, topic).Error == kafka.UnknownTopicOrPartition })
	})
	add("topic creation is refused", func(c c) {
		client, topic, free := c.client(), c.topic(1), c.Name()
		refused := func(want error, partitions, replicas int, topic string, configs ...kafka.ConfigEntry) {
			c.Is(c.create(client, kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: replicas, ConfigEntries: configs}), want)
		}
		refused(kafka.TopicAlreadyExists, 1, 1, topic)
		refused(kafka.InvalidTopic, 1, 1, free+"/x")
		refused(kafka.InvalidReplicationFactor, 1, 99, free)
		refused(kafka.InvalidPartitionNumber, 0, 1, free)
		refused(kafka.InvalidConfiguration, 1, 1, free, kafka.ConfigEntry{ConfigName: "no.such.property", ConfigValue: "1"})
		c.Is(c.describe(client, free).Error, kafka.UnknownTopicOrPartition)
	})
	add("topic deletion is refused", func(c c) { c.Is(c.delete(c.client(), c.Name()), kafka.UnknownTopicOrPartition) })
	add("partitions are added", func(c c) {
		client, topic := c.client(), c.topic(1)
		update := func(count int32) error {
			added, err := client.CreatePartitions(c, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: count}}})
			c.Ok(err)
			return added.Errors[topic]
		}
		c.Ok(update(4))
		c.Until("it has 4", func() bool { return len(c.describe(client, topic).Partitions) == 4 })
		c.Is(update(2), kafka.InvalidPartitionNumber)
	})
	add("topic configs are changed", func(c c) {
		client, topic := c.client(), c.topic(1, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "1000000"})
		value := func(key string) string { return c.configs(client, kafka.ResourceTypeTopic, topic)[key] }
		alter := func(operation kafka.ConfigOperation, key, value string) {
			c.Ok(c.alter(client, topic, operation, key, value))
		}
		c.Until("the creation's", func() bool { return value("retention.ms") == "1000000" })
		c.Equal(value("segment.bytes"), "1073741824", "a default")
		alter(kafka.ConfigOperationSet, "retention.ms", "2000000")
		alter(kafka.ConfigOperationAppend, "cleanup.policy", "compact")
		c.Until("set", func() bool { return value("retention.ms") == "2000000" && value("cleanup.policy") == "delete,compact" })
		alter(kafka.ConfigOperationDelete, "retention.ms", "")
		alter(kafka.ConfigOperationSubtract, "cleanup.policy", "compact")
		c.Until("the defaults", func() bool { return value("retention.ms") == "604800000" && value("cleanup.policy") == "delete" })
		altered, err := client.AlterConfigs(c, &kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.AlterConfigRequestConfig{{Name: "retention.ms", Value: "3000000"}},
		}}})
		c.Ok(err)
		for _, err := range altered.Errors {
			c.Ok(err)
		}
		c.Until("set by the older request", func() bool { return value("retention.ms") == "3000000" })
	})
	add("topic configs are refused", func(c c) {
		client, topic := c.client(), c.topic(1)
		c.Is(c.alter(client, topic, kafka.ConfigOperationSet, "retention.ms", "long"), kafka.InvalidConfiguration)
		c.Is(c.alter(client, topic, kafka.ConfigOperationSet, "no.such.property", "1"), kafka.InvalidConfiguration)
		c.Is(c.alter(client, c.Name(), kafka.ConfigOperationSet, "retention.ms", "1000"), kafka.UnknownTopicOrPartition)
	})
	add("broker configs are described", func(c c) {
		client := c.client()
		metadata, err := client.Metadata(c, &kafka.MetadataRequest{})
		c.Ok(err)
		id := strconv.Itoa(metadata.Brokers[0].ID)
		values := c.configs(client, kafka.ResourceTypeBroker, id)
		c.Equal(values["node.id"], id, "node.id")
		c.Equal(values["message.max.bytes"], "1048588", "message.max.bytes")
	})
	add("offsets are listed", func(c c) {
		client, topic := c.client(), c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		listed, err := client.ListOffsets(c, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
			topic: {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0), {Partition: 0, Timestamp: 1001}}}})
		c.Ok(err)
		offsets := listed.Topics[topic][0]
		c.Ok(offsets.Error)
		c.Equal(offsets.FirstOffset, 0, "first")
		c.Equal(offsets.LastOffset, 3, "last")
		_, second := offsets.Offsets[1]
		c.Equal(second, true, fmt.Sprintf("%v has the first offset from 1001 ms on", offsets.Offsets))
	})
	add("groups are listed, described, deleted", func(c c) {
		client, topic, group := c.client(), c.topic(2), c.Name()
		c.produceTimes(topic, 1000)
		member := c.member(group, topic)
		c.Until("it consumes", func() bool { records, _ := member.Count(); return records == 1 })
		listed, err := client.ListGroups(c, &kafka.ListGroupsRequest{})
		c.Ok(err)
		c.Ok(listed.Error)
		c.Equal(slices.ContainsFunc(listed.Groups, func(listed kafka.ListGroupsResponseGroup) bool { return listed.GroupID == group }), true, "listed")
		describe := func() kafka.DescribeGroupsResponseGroup {
			described, err := client.DescribeGroups(c, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
			c.Ok(err)
			c.Ok(described.Groups[0].Error)
			return described.Groups[0]
		}
		described := describe()
		c.Equal(described.GroupState, "Stable", "state")
		c.Equal(len(described.Members), 1, "members")
		c.Equal(len(described.Members[0].MemberAssignments.Topics[0].Partitions), 2, "assigned partitions")
		remove := func() error {
			deleted, err := client.DeleteGroups(c, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
			c.Ok(err)
			return deleted.Errors[group]
		}
		c.Is(remove(), kafka.NonEmptyGroup)
		member.Leave()
		c.Until("it is empty", func() bool { return describe().GroupState == "Empty" })
		c.Ok(remove())
		c.Is(remove(), kafka.GroupIdNotFound)
	})
	add("group offsets are changed", func(c c) {
		client, topic, group := c.client(), c.topic(2), c.Name()
		committed, err := client.OffsetCommit(c, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{
			topic: {{Partition: 0, Offset: 7, Metadata: "why"}, {Partition: 1, Offset: 8}}}})
		c.Ok(err)
		for _, partition := range committed.Topics[topic] {
			c.Ok(partition.Error)
		}
		c.Equal(c.committed(client, group, topic, 0).CommittedOffset, 7, "offset")
		c.Equal(c.committed(client, group, topic, 0).Metadata, "why", "metadata")
		c.Equal(c.committed(client, group, topic, 1).CommittedOffset, 8, "offset")
		deleted, err := client.OffsetDelete(c, &kafka.OffsetDeleteRequest{GroupID: group, Topics: map[string][]int{topic: {0}}})
		c.Ok(err)
		c.Ok(deleted.Error)
		c.Ok(deleted.Topics[topic][0].Error)
		c.Equal(c.committed(client, group, topic, 0).CommittedOffset, -1, "deleted offset")
		c.Equal(c.committed(client, group, topic, 1).CommittedOffset, 8, "other offset")
	})
}

func (c c) delete(client *kafka.Client, topic string) error {
	deleted, err := client.DeleteTopics(c, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	c.Ok(err)
	return deleted.Errors[topic]
}

func (c c) alter(client *kafka.Client, topic string, operation kafka.ConfigOperation, key, value string) error {
	altered, err := client.IncrementalAlterConfigs(c, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: key, Value: value, ConfigOperation: operation}},
	}}})
	c.Ok(err)
	return altered.Resources[0].Error
}

func (c c) configs(client *kafka.Client, kind kafka.ResourceType, name string) map[string]string {
	described, err := client.DescribeConfigs(c, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kind, ResourceName: name}}})
	c.Ok(err)
	c.Ok(described.Resources[0].Error)
	values := map[string]string{}
	for _, entry := range described.Resources[0].ConfigEntries {
		values[entry.ConfigName] = entry.ConfigValue
	}
	return values
}

func (c c) committed(client *kafka.Client, group, topic string, partition int) kafka.OffsetFetchPartition {
	fetched, err := client.OffsetFetch(c, &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
	c.Ok(err)
	c.Ok(fetched.Topics[topic][0].Error)
	return fetched.Topics[topic][0]
}
