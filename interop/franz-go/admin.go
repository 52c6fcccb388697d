package main

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

func addAdmin(add func(string, func(c))) {
	add("topic is created, described, deleted", func(c c) {
		admin, topic := c.admin(), c.Name()
		created, err := admin.CreateTopic(c, 3, 1, nil, topic)
		c.Ok(err)
		c.Equal(created.NumPartitions, 3, "partitions in the answer")
		c.Until("it is listed", func() bool {
			topics, err := admin.ListTopics(c)
			c.Ok(err)
			return topics.Has(topic)
		})
		topics, err := admin.ListTopics(c, topic)
		c.Ok(err)
		c.Equal(topics[topic].Partitions.Numbers(), "[0 1 2]", "partitions")
		c.Equal(topics[topic].IsInternal, false, "internal")
		c.Equal(topics[topic].ID, created.ID, "topic id")
		for _, partition := range topics[topic].Partitions.Sorted() {
			c.Ok(partition.Err)
			c.Equal(partition.Replicas, partition.ISR, "isr")
		}
		deleted, err := admin.DeleteTopics(c, topic)
		c.Ok(err)
		c.Ok(deleted.Error())
		c.Until("it is gone", func() bool {
			topics, err := admin.ListTopics(c)
			c.Ok(err)
			return !topics.Has(topic)
		})
	})
	add("topic creation is refused", func(c c) {
		admin, topic, free := c.admin(), c.topic(1), c.Name()
		refused := func(want error, partitions int32, replicas int16, configs map[string]*string, topic string) {
			_, err := admin.CreateTopic(c, partitions, replicas, configs, topic)
			c.Is(err, want)
		}
		one := "1"
		refused(kerr.TopicAlreadyExists, 1, 1, nil, topic)
		refused(kerr.InvalidTopicException, 1, 1, nil, free+"/x")
		refused(kerr.InvalidReplicationFactor, 1, 99, nil, free)
		refused(kerr.InvalidPartitions, 0, 1, nil, free)
		refused(kerr.InvalidConfig, 1, 1, map[string]*string{"no.such.property": &one}, free)
		refused(kerr.InvalidConfig, 1, 1, map[string]*string{"cleanup.policy": &one}, free)
		topics, err := admin.ListTopics(c)
		c.Ok(err)
		c.Equal(topics.Has(free), false, "it was created")
	})
	add("topic deletion is refused", func(c c) {
		_, err := c.admin().DeleteTopic(c, c.Name())
		c.Is(err, kerr.UnknownTopicOrPartition)
	})
	add("partitions are added", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		update := func(set int, topic string) error {
			answers, err := admin.UpdatePartitions(c, set, topic)
			c.Ok(err)
			return answers.Error()
		}
		c.Ok(update(4, topic))
		c.Until("it has 4", func() bool {
			topics, err := admin.ListTopics(c, topic)
			c.Ok(err)
			return len(topics[topic].Partitions) == 4
		})
		c.Is(update(2, topic), kerr.InvalidPartitions)
	})
	add("topic configs are changed", func(c c) {
		admin, topic := c.admin(), c.topic(1, "retention.ms", "1000000")
		value := func(key string) string {
			configs, err := admin.DescribeTopicConfigs(c, topic)
			c.Ok(err)
			c.Ok(configs[0].Err)
			for _, config := range configs[0].Configs {
				if config.Key == key {
					return config.MaybeValue()
				}
			}
			return ""
		}
		alter := func(op kadm.IncrementalOp, key string, value *string) {
			answers, err := admin.AlterTopicConfigs(c, []kadm.AlterConfig{{Op: op, Name: key, Value: value}}, topic)
			c.Ok(err)
			c.Ok(answers[0].Err)
		}
		c.Until("the creation's", func() bool { return value("retention.ms") == "1000000" })
		c.Equal(value("segment.bytes"), "1073741824", "a default")
		longer, compact := "2000000", "compact"
		alter(kadm.SetConfig, "retention.ms", &longer)
		alter(kadm.AppendConfig, "cleanup.policy", &compact)
		c.Until("set", func() bool { return value("retention.ms") == "2000000" && value("cleanup.policy") == "delete,compact" })
		alter(kadm.DeleteConfig, "retention.ms", nil)
		alter(kadm.SubtractConfig, "cleanup.policy", &compact)
		c.Until("the defaults", func() bool { return value("retention.ms") == "604800000" && value("cleanup.policy") == "delete" })
	})
	add("topic configs are refused", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		refused := func(want error, topic, key, value string) {
			answers, err := admin.AlterTopicConfigs(c, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &value}}, topic)
			c.Ok(err)
			c.Is(answers[0].Err, want)
		}
		refused(kerr.InvalidConfig, topic, "retention.ms", "long")
		refused(kerr.InvalidConfig, topic, "no.such.property", "1")
		refused(kerr.UnknownTopicOrPartition, c.Name(), "retention.ms", "1000")
	})
	add("broker configs are described", func(c c) {
		admin := c.admin()
		cluster, err := admin.BrokerMetadata(c)
		c.Ok(err)
		id := cluster.Brokers.NodeIDs()[0]
		configs, err := admin.DescribeBrokerConfigs(c, id)
		c.Ok(err)
		values := map[string]string{}
		for _, config := range configs[0].Configs {
			values[config.Key] = config.MaybeValue()
		}
		c.Equal(values["node.id"], strconv.Itoa(int(id)), "node.id")
		c.Equal(values["message.max.bytes"], "1048588", "message.max.bytes")
	})
	add("offsets are listed", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		offset := func(listed kadm.ListedOffsets, err error) int64 {
			c.Ok(err)
			c.Ok(listed.Error())
			return listed[topic][0].Offset
		}
		c.Equal(offset(admin.ListStartOffsets(c, topic)), 0, "start")
		c.Equal(offset(admin.ListEndOffsets(c, topic)), 3, "end")
		c.Equal(offset(admin.ListOffsetsAfterMilli(c, 1001, topic)), 1, "from a time")
		c.Equal(offset(admin.ListOffsetsAfterMilli(c, 9000, topic)), 3, "from a time after all")
		c.Equal(offset(admin.ListMaxTimestampOffsets(c, topic)), 2, "of the largest timestamp")
	})
	add("records are deleted", func(c c) {
		admin, topic := c.admin(), c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000, 4000, 5000)
		before := func(at int64) kadm.DeleteRecordsResponse {
			var offsets kadm.Offsets
			offsets.Add(kadm.Offset{Topic: topic, At: at})
			deleted, err := admin.DeleteRecords(c, offsets)
			c.Ok(err)
			return deleted[topic][0]
		}
		deleted := before(3)
		c.Ok(deleted.Err)
		c.Equal(deleted.LowWatermark, 3, "low watermark")
		starts, err := admin.ListStartOffsets(c, topic)
		c.Ok(err)
		c.Equal(starts[topic][0].Offset, 3, "start")
		c.Is(before(99).Err, kerr.OffsetOutOfRange)
	})
	add("groups are listed, described, deleted", func(c c) {
		admin, topic, group := c.admin(), c.topic(2), c.Name()
		c.produceTimes(topic, 1000)
		member := c.member(group, topic)
		c.Until("it consumes", func() bool { records, _ := member.Count(); return records == 1 })
		groups, err := admin.ListGroups(c)
		c.Ok(err)
		c.Equal(slices.Contains(groups.Groups(), group), true, "listed")
		c.Equal(groups[group].State, "Stable", "listed state")
		described, err := admin.DescribeGroups(c, group)
		c.Ok(err)
		c.Ok(described[group].Err)
		c.Equal(described[group].State, "Stable", "state")
		c.Equal(len(described[group].Members), 1, "members")
		assigned, _ := described[group].Members[0].Assigned.AsConsumer()
		c.Equal(len(assigned.Topics[0].Partitions), 2, "assigned partitions")
		_, err = admin.DeleteGroup(c, group)
		c.Is(err, kerr.NonEmptyGroup)
		member.Leave()
		c.Until("it is empty", func() bool {
			described, err := admin.DescribeGroups(c, group)
			c.Ok(err)
			return described[group].State == "Empty"
		})
		_, err = admin.DeleteGroup(c, group)
		c.Ok(err)
		_, err = admin.DeleteGroup(c, group)
		c.Is(err, kerr.GroupIDNotFound)
	})
	add("group offsets are changed", func(c c) {
		admin, topic, group := c.admin(), c.topic(2), c.Name()
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 7, LeaderEpoch: -1, Metadata: "why"})
		offsets.Add(kadm.Offset{Topic: topic, Partition: 1, At: 8, LeaderEpoch: -1})
		committed, err := admin.CommitOffsets(c, group, offsets)
		c.Ok(err)
		c.Ok(committed.Error())
		fetched, err := admin.FetchOffsets(c, group)
		c.Ok(err)
		first, _ := fetched.Lookup(topic, 0)
		second, _ := fetched.Lookup(topic, 1)
		c.Equal(first.At, 7, "offset")
		c.Equal(first.Metadata, "why", "metadata")
		c.Equal(second.At, 8, "offset")
		deleted, err := admin.DeleteOffsets(c, group, kadm.TopicsSet{topic: {0: {}}})
		c.Ok(err)
		c.Ok(deleted.Error())
		fetched, err = admin.FetchOffsets(c, group)
		c.Ok(err)
		_, has := fetched.Lookup(topic, 0)
		c.Equal(has, false, "deleted offset is there")
		_, has = fetched.Lookup(topic, 1)
		c.Equal(has, true, "other offset is there")
	})
}
