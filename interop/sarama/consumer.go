package main

import (
	"github.com/IBM/sarama"
)

func addConsumer(add func(string, func(c))) {
	add("consume by assignment, seek", func(c c) {
		topic := c.topic(2)
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		consumer := c.consumer()
		c.Equal(values(c.read(consumer, topic, 0, 2, 2)), "[2 3]", "from offset 2")
		c.Equal(values(c.read(consumer, topic, 0, 1, 3)), "[1 2 3]", "from offset 1")
		c.Equal(values(c.read(consumer, topic, 0, sarama.OffsetOldest, 4)), "[0 1 2 3]", "from the oldest")
		reader, err := consumer.ConsumePartition(topic, 0, sarama.OffsetNewest)
		c.Ok(err)
		c.AtEnd(reader.AsyncClose)
		c.produceTimes(topic, 5000)
		c.Equal(next(c, "a record", reader.Messages()).Offset, 4, "from the newest")
	})
	add("consume from a timestamp", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000, 2000, 3000)
		client, err := sarama.NewClient([]string{c.Bootstrap}, config())
		c.Ok(err)
		c.AtEnd(func() { client.Close() })
		offset, err := client.GetOffset(topic, 0, 1500)
		c.Ok(err)
		c.Equal(values(c.consume(topic, 0, offset, 2)), "[1 2]", "from 1500 ms")
	})
	add("consume an offset out of range", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000)
		_, err := c.consumer().ConsumePartition(topic, 0, 99)
		c.Is(err, sarama.ErrOffsetOutOfRange)
	})
	add("consume an offset that is deleted meanwhile", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000, 2000)
		reader, err := c.consumer().ConsumePartition(topic, 0, sarama.OffsetNewest)
		c.Ok(err)
		c.AtEnd(reader.AsyncClose)
		reader.Pause()
		c.produceTimes(topic, 3000, 4000)
		c.Ok(c.admin().DeleteRecords(topic, map[int32]int64{0: 4}))
		reader.Resume()
		c.Is(next(c, "an error", reader.Errors()), sarama.ErrOffsetOutOfRange)
	})
	add("consume, pause, resume", func(c c) {
		topic := c.topic(2)
		c.produceTimes(topic, 1000, 2000)
		reader, err := c.consumer().ConsumePartition(topic, 0, 0)
		c.Ok(err)
		c.AtEnd(reader.AsyncClose)
		for i := range 2 {
			c.Equal(next(c, "a record", reader.Messages()).Offset, i, "offset before")
		}
		reader.Pause()
		// A fetch that waits already is not called back.
		none(c, "a record of before", reader.Messages())
		c.produceTimes(topic, 3000)
		none(c, "a record while paused", reader.Messages())
		reader.Resume()
		c.Equal(next(c, "a record", reader.Messages()).Offset, 2, "offset after")
	})
}

func (c c) consumer(options ...option) sarama.Consumer {
	consumer, err := sarama.NewConsumer([]string{c.Bootstrap}, config(options...))
	c.Ok(err)
	c.AtEnd(func() { consumer.Close() })
	return consumer
}

func (c c) read(consumer sarama.Consumer, topic string, partition int32, offset int64, count int) []*sarama.ConsumerMessage {
	reader, err := consumer.ConsumePartition(topic, partition, offset)
	c.Ok(err)
	defer reader.Close()
	var messages []*sarama.ConsumerMessage
	for range count {
		messages = append(messages, next(c, "a record", reader.Messages()))
	}
	return messages
}

// Records of a partition, by a consumer of its own.
func (c c) consume(topic string, partition int32, offset int64, count int) []*sarama.ConsumerMessage {
	return c.read(c.consumer(), topic, partition, offset, count)
}

func values(messages []*sarama.ConsumerMessage) []string {
	var values []string
	for _, message := range messages {
		values = append(values, string(message.Value))
	}
	return values
}
