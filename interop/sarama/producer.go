package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"millstream/interop"
)

var acks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func addProducer(add func(string, func(c))) {
	for _, codec := range interop.Codecs {
		compressed := func(config *sarama.Config) { config.Producer.Compression = codecs[codec] }
		for name, acks := range acks {
			add(interop.RecordReturns(name, codec), func(c c) {
				c.sampleReturns(compressed, func(config *sarama.Config) { config.Producer.RequiredAcks = acks })
			})
		}
		add("record returns idempotently codec="+codec, func(c c) { c.sampleReturns(compressed, idempotent) })
		add(interop.LargeRecordReturns(codec), func(c c) {
			topic, value := c.topic(1), interop.LargeValue()
			c.Ok(c.produce(topic, []*sarama.ProducerMessage{{Value: sarama.ByteEncoder(value)}}, compressed, maxBytes(1_048_000)))
			c.Equal(bytes.Equal(c.consume(topic, 0, 0, 1)[0].Value, value), true, "it is the same")
		})
	}
	add("record that is too large is refused", func(c c) {
		topic := c.topic(1)
		value := interop.LargeValue()
		err := c.produce(topic, []*sarama.ProducerMessage{{Value: sarama.ByteEncoder(value)}}, maxBytes(500_000))
		var own sarama.ConfigurationError
		c.Equal(errors.As(err, &own), true, fmt.Sprintf("%v is sarama's own", err))
		value = append(value, value...)
		c.Is(c.produce(topic, []*sarama.ProducerMessage{{Value: sarama.ByteEncoder(value)}}, maxBytes(3_000_000)), sarama.ErrMessageSizeTooLarge)
		c.Ok(c.produce(topic, []*sarama.ProducerMessage{{Value: sarama.StringEncoder("small")}}))
		c.Equal(string(c.consume(topic, 0, 0, 1)[0].Value), "small", "what is in the topic")
	})
	add("record without key is refused by a compacted topic", func(c c) {
		topic := c.topic(1, "cleanup.policy", "compact")
		// Apache Kafka answers the creation of a topic a moment before its properties are in force.
		time.Sleep(time.Second)
		c.Is(c.produce(topic, []*sarama.ProducerMessage{{Value: sarama.StringEncoder("v")}}), sarama.ErrInvalidRecord)
		c.Ok(c.produce(topic, []*sarama.ProducerMessage{{Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder("v")}}))
	})
	add("produce to an unknown topic is refused", func(c c) {
		c.Is(c.produce(c.Name(), []*sarama.ProducerMessage{{Value: sarama.StringEncoder("v")}}), sarama.ErrUnknownTopicOrPartition)
	})
	add("keys choose the same partition", func(c c) {
		topic := c.topic(6)
		var messages []*sarama.ProducerMessage
		for i := range 60 {
			messages = append(messages, &sarama.ProducerMessage{Key: sarama.StringEncoder(fmt.Sprint("key-", i%10)), Value: sarama.StringEncoder("v")})
		}
		c.Ok(c.produce(topic, messages))
		partitions, counts := map[string]int32{}, map[int32]int{}
		for i, message := range messages {
			key := fmt.Sprint("key-", i%10)
			if first, seen := partitions[key]; seen {
				c.Equal(message.Partition, first, "partition of "+key)
			}
			partitions[key] = message.Partition
			counts[message.Partition]++
		}
		for partition, count := range counts {
			for _, message := range c.consume(topic, partition, 0, count) {
				c.Equal(partitions[string(message.Key)], partition, "partition of "+string(message.Key))
			}
		}
	})
	add("produce over a broken connection", func(c c) {
		topic, proxy := c.topic(1), c.Proxy()
		producer, err := sarama.NewAsyncProducer([]string{c.Bootstrap}, config(idempotent, behind(proxy), func(config *sarama.Config) {
			config.Producer.Retry.Max, config.Producer.Retry.Backoff = 20, 20*time.Millisecond
		}))
		c.Ok(err)
		c.AtEnd(producer.AsyncClose)
		proxy.CutEvery(3)
		const waves, each = 40, 50
		for wave := range waves {
			go func() {
				for i := range each {
					producer.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(wave*each + i))}
				}
			}()
			for range each {
				select {
				case <-producer.Successes():
				case err := <-producer.Errors():
					c.Fail("wave %d: %v", wave, err)
				case <-c.Done():
					c.Fail("wave %d is not written by the deadline", wave)
				}
			}
		}
		halves, answers := proxy.Cuts()
		c.Equal(halves > 2 && answers > 2, true, fmt.Sprintf("%d requests cut, %d answers lost, enough", halves, answers))
		for i, message := range c.consume(topic, 0, 0, waves*each) {
			c.Equal(string(message.Value), i, "record")
			c.Equal(message.Offset, i, "offset")
		}
		ends, err := c.admin().ListOffsets(map[string]map[int32]int64{topic: {0: sarama.OffsetNewest}}, nil)
		c.Ok(err)
		c.Equal(ends[topic][0].Offset, waves*each, "end")
	})
	add("no broker", func(c c) {
		_, err := sarama.NewSyncProducer([]string{"127.0.0.1:1"}, config())
		c.Is(err, sarama.ErrOutOfBrokers)
	})
}

func idempotent(config *sarama.Config) {
	config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
}

func maxBytes(bytes int) option {
	return func(config *sarama.Config) { config.Producer.MaxMessageBytes = bytes }
}

func behind(proxy *interop.Proxy) option {
	return func(config *sarama.Config) { config.Net.Proxy.Enable, config.Net.Proxy.Dialer = true, proxy }
}

// Produces by a producer of its own, and returns what went wrong.
func (c c) produce(topic string, messages []*sarama.ProducerMessage, options ...option) error {
	producer, err := sarama.NewSyncProducer([]string{c.Bootstrap}, config(options...))
	c.Ok(err)
	defer producer.Close()
	for _, message := range messages {
		message.Topic = topic
	}
	err = producer.SendMessages(messages)
	if errs, several := err.(sarama.ProducerErrors); several {
		return errs[0].Err
	}
	return err
}

// One record to partition 0 for each timestamp.
func (c c) produceTimes(topic string, timestampsMs ...int64) {
	var messages []*sarama.ProducerMessage
	for i, ms := range timestampsMs {
		messages = append(messages, &sarama.ProducerMessage{Value: sarama.StringEncoder(fmt.Sprint(i)), Timestamp: time.UnixMilli(ms)})
	}
	c.Ok(c.produce(topic, messages, manual))
}

func manual(config *sarama.Config) { config.Producer.Partitioner = sarama.NewManualPartitioner }

func (c c) sampleReturns(options ...option) {
	topic := c.topic(1)
	var sent []*sarama.ProducerMessage
	for _, record := range interop.Sample() {
		message := &sarama.ProducerMessage{Timestamp: record.Timestamp}
		if record.Key != nil {
			message.Key = sarama.ByteEncoder(record.Key)
		}
		if record.Value != nil {
			message.Value = sarama.ByteEncoder(record.Value)
		}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value})
		}
		sent = append(sent, message)
	}
	c.Ok(c.produce(topic, sent, options...))
	var came []interop.Record
	for i, message := range c.consume(topic, 0, 0, len(sent)) {
		c.Equal(message.Offset, i, "offset")
		record := interop.Record{Key: message.Key, Value: message.Value, Timestamp: message.Timestamp}
		for _, header := range message.Headers {
			record.Headers = append(record.Headers, interop.Header{Key: string(header.Key), Value: header.Value})
		}
		came = append(came, record)
	}
	c.SameRecords(came, interop.Sample())
}
