package main

import (
	"time"

	"github.com/segmentio/kafka-go"
)

func addConsumer(add func(string, func(c))) {
	add("consume by assignment, seek", func(c c) {
		topic := c.topic(2)
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		reader := c.reader(kafka.ReaderConfig{Topic: topic, Partition: 0})
		c.Ok(reader.SetOffset(2))
		c.Equal(values(c.read(reader, 2)), "[2 3]", "from offset 2")
		c.Ok(reader.SetOffset(1))
		c.Equal(values(c.read(reader, 3)), "[1 2 3]", "from offset 1")
		c.Ok(reader.SetOffset(kafka.FirstOffset))
		c.Equal(values(c.read(reader, 4)), "[0 1 2 3]", "from the first")
		c.Equal(reader.Offset(), 4, "where it is")
	})
	add("consume from a timestamp", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		reader := c.reader(kafka.ReaderConfig{Topic: topic})
		c.Ok(reader.SetOffsetAt(c, time.UnixMilli(1500)))
		c.Equal(values(c.read(reader, 2)), "[1 2]", "from 1500 ms")
	})
	add("consume an offset out of range", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000)
		fetched, err := c.client().Fetch(c, &kafka.FetchRequest{Topic: topic, Offset: 99, MaxBytes: 1000, MaxWait: time.Second})
		c.Ok(err)
		c.Is(fetched.Error, kafka.OffsetOutOfRange)
		reader := c.reader(kafka.ReaderConfig{Topic: topic, OffsetOutOfRangeError: true, MaxAttempts: 2})
		c.Ok(reader.SetOffset(99))
		_, err = reader.ReadMessage(c)
		c.Is(err, kafka.OffsetOutOfRange)
	})
}

func (c c) reader(config kafka.ReaderConfig) *kafka.Reader {
	config.Brokers, config.MaxWait = []string{c.Bootstrap}, 200*time.Millisecond
	if config.GroupID != "" {
		config.StartOffset = kafka.FirstOffset
		config.SessionTimeout, config.RebalanceTimeout, config.HeartbeatInterval = 6*time.Second, 6*time.Second, 300*time.Millisecond
		config.JoinGroupBackoff = 200 * time.Millisecond
	}
	reader := kafka.NewReader(config)
	c.AtEnd(func() { reader.Close() })
	return reader
}

func (c c) read(reader *kafka.Reader, count int) []kafka.Message {
	var messages []kafka.Message
	for range count {
		message, err := reader.FetchMessage(c)
		c.Ok(err)
		messages = append(messages, message)
	}
	return messages
}

// Records of a partition, by a reader of its own.
func (c c) consume(topic string, partition int, offset int64, count int) []kafka.Message {
	reader := c.reader(kafka.ReaderConfig{Topic: topic, Partition: partition})
	c.Ok(reader.SetOffset(offset))
	return c.read(reader, count)
}

// All records of a partition, however many there are.
func (c c) all(topic string, partition int) []kafka.Message {
	listed, err := c.client().ListOffsets(c, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(partition)}}})
	c.Ok(err)
	c.Ok(listed.Topics[topic][0].Error)
	return c.consume(topic, partition, 0, int(listed.Topics[topic][0].LastOffset))
}

func values(messages []kafka.Message) []string {
	var values []string
	for _, message := range messages {
		values = append(values, string(message.Value))
	}
	return values
}
