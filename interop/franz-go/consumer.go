package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func addConsumer(add func(string, func(c))) {
	add("consume by assignment, seek", func(c c) {
		topic := c.topic(2)
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		client := c.client(at(topic, kgo.NewOffset().At(2)))
		c.Equal(values(c.poll(client, 2)), "[2 3]", "from offset 2")
		client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: 1}}})
		c.Equal(values(c.poll(client, 3)), "[1 2 3]", "after the seek")
		c.Equal(values(c.poll(c.client(at(topic, kgo.NewOffset().AtEnd().Relative(-1))), 1)), "[3]", "one before the end")
	})
	add("consume from a timestamp", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		c.Equal(values(c.poll(c.client(at(topic, kgo.NewOffset().AfterMilli(1500))), 2)), "[1 2]", "from 1500 ms")
	})
	add("consume an offset out of range", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000)
		client := c.client(at(topic, kgo.NewOffset().At(99)), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepRetryableFetchErrors())
		c.Is(client.PollFetches(c).Err(), kerr.OffsetOutOfRange)
	})
	add("consume, pause, resume", func(c c) {
		topic := c.topic(2)
		c.produceTimes(topic, 1000, 2000)
		client := c.client(at(topic, kgo.NewOffset().AtStart()))
		c.Equal(values(c.poll(client, 2)), "[0 1]", "before")
		client.PauseFetchPartitions(map[string][]int32{topic: {0}})
		c.produceTimes(topic, 3000)
		short, cancel := context.WithTimeout(c, time.Second)
		defer cancel()
		c.Equal(len(client.PollFetches(short).Records()), 0, "records while paused")
		client.ResumeFetchPartitions(map[string][]int32{topic: {0}})
		c.Equal(values(c.poll(client, 1)), "[0]", "after")
	})
}

// Partition 0 of a topic from an offset on.
func at(topic string, offset kgo.Offset) kgo.Opt {
	return kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: offset}})
}

func values(records []*kgo.Record) []string {
	var values []string
	for _, record := range records {
		values = append(values, string(record.Value))
	}
	return values
}

// The next records: exactly so many.
func (c c) poll(client *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(c)
		c.Ok(fetches.Err())
		records = append(records, fetches.Records()...)
	}
	c.Equal(len(records), count, "records")
	return records
}

// The first records of a topic.
func (c c) consume(topic string, count int) []*kgo.Record {
	client := c.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	return c.poll(client, count)
}

// All records of a partition, however many there are.
func (c c) consumeAll(topic string, partition int32) []*kgo.Record {
	ends, err := c.admin().ListEndOffsets(c, topic)
	c.Ok(err)
	return c.consume(topic, int(ends[topic][partition].Offset))
}
