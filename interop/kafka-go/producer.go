package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"millstream/interop"
)

var acks = map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll}

var codecs = map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

func addProducer(add func(string, func(c))) {
	for _, codec := range interop.Codecs {
		for name, acks := range interop.Each(acks) {
			add(interop.RecordReturns(name, codec), func(c c) {
				c.sampleReturns(func(writer *kafka.Writer) { writer.RequiredAcks, writer.Compression = acks, codecs[codec] })
			})
		}
		add(interop.LargeRecordReturns(codec), func(c c) {
			topic, value := c.topic(1), interop.LargeValue()
			c.Ok(c.produce(topic, []kafka.Message{{Value: value}}, func(writer *kafka.Writer) { writer.Compression = codecs[codec] }))
			c.Equal(bytes.Equal(c.consume(topic, 0, 0, 1)[0].Value, value), true, "it is the same")
		})
	}
	add("record that is too large is refused", func(c c) {
		topic, value := c.topic(1), interop.LargeValue()
		value = append(value, value...)
		err := c.produce(topic, []kafka.Message{{Value: value}})
		_, own := err.(kafka.MessageTooLargeError)
		c.Equal(own, true, fmt.Sprintf("%v is kafka-go's own", err))
		err = c.produce(topic, []kafka.Message{{Value: value}}, func(writer *kafka.Writer) { writer.BatchBytes = 3_000_000 })
		c.Is(first(err), kafka.MessageSizeTooLarge)
		c.Ok(c.produce(topic, []kafka.Message{{Value: []byte("small")}}))
		c.Equal(string(c.consume(topic, 0, 0, 1)[0].Value), "small", "what is in the topic")
	})
	add("record without key is refused by a compacted topic", func(c c) {
		topic := c.topic(1, kafka.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "compact"})
		// Apache Kafka answers the creation of a topic a moment before its properties are in force.
		time.Sleep(time.Second)
		// kafka-go has no name for INVALID_RECORD.
		c.Is(first(c.produce(topic, []kafka.Message{{Value: []byte("v")}})), kafka.Error(87))
		c.Ok(c.produce(topic, []kafka.Message{{Key: []byte("k"), Value: []byte("v")}}))
	})
	add("produce to an unknown topic is refused", func(c c) {
		err := c.produce(c.Name(), []kafka.Message{{Value: []byte("v")}}, func(writer *kafka.Writer) { writer.MaxAttempts = 2 })
		c.Is(first(err), kafka.UnknownTopicOrPartition)
	})
	add("a writer creates its topic", func(c c) {
		writer := c.writer(c.Name(), func(writer *kafka.Writer) { writer.AllowAutoTopicCreation = true })
		c.Until("it is written", func() bool {
			err := writer.WriteMessages(c, kafka.Message{Value: []byte("v")})
			// The writer asks for the creation and does not wait for it: the caller has to try again.
			if err != nil && !errors.Is(first(err), kafka.UnknownTopicOrPartition) && !errors.Is(first(err), kafka.LeaderNotAvailable) {
				c.Ok(err)
			}
			return err == nil
		})
		c.Equal(values(c.consume(writer.Topic, 0, 0, 1)), "[v]", "what is in the topic")
	})
	add("keys choose the same partition", func(c c) {
		topic := c.topic(6)
		var messages []kafka.Message
		for i := range 60 {
			messages = append(messages, kafka.Message{Key: fmt.Appendf(nil, "key-%d", i%10), Value: []byte("v")})
		}
		c.Ok(c.produce(topic, messages, func(writer *kafka.Writer) { writer.Balancer = kafka.Murmur2Balancer{} }))
		partitions, count := map[string]int{}, 0
		for partition := range 6 {
			for _, message := range c.all(topic, partition) {
				if first, seen := partitions[string(message.Key)]; seen {
					c.Equal(partition, first, "partition of "+string(message.Key))
				}
				partitions[string(message.Key)] = partition
				count++
			}
		}
		c.Equal(count, 60, "records")
	})
	// kafka-go has no idempotent producer: what it sends again may be there twice, but it is there, and in order.
	add("produce over a broken connection", func(c c) {
		topic, proxy := c.topic(1), c.Proxy()
		writer := c.writer(topic, func(writer *kafka.Writer) {
			writer.MaxAttempts, writer.WriteBackoffMin, writer.WriteBackoffMax = 20, 20*time.Millisecond, 50*time.Millisecond
			writer.Transport = c.transport(behind(proxy))
		})
		proxy.CutEvery(3)
		const waves, each = 40, 50
		for wave := range waves {
			var messages []kafka.Message
			for i := range each {
				messages = append(messages, kafka.Message{Value: fmt.Append(nil, wave*each+i)})
			}
			c.Ok(first(writer.WriteMessages(c, messages...)))
		}
		halves, answers := proxy.Cuts()
		c.Equal(halves > 2 && answers > 2, true, fmt.Sprintf("%d requests cut, %d answers lost, enough", halves, answers))
		messages := c.all(topic, 0)
		c.Equal(len(messages), (waves+answers)*each, "records, and those again whose answers were lost")
		expected := 0
		for _, message := range messages {
			if string(message.Value) == fmt.Sprint(expected) {
				expected++
			} else if expected%each == 0 && string(message.Value) == fmt.Sprint(expected-each) {
				expected -= each - 1
			} else {
				c.Fail("%s instead of %d", message.Value, expected)
			}
		}
		c.Equal(expected, waves*each, "the last record")
	})
	add("no broker", func(c c) {
		err := c.produce("t", []kafka.Message{{Value: []byte("v")}}, func(writer *kafka.Writer) { writer.Addr, writer.MaxAttempts = kafka.TCP("127.0.0.1:1"), 2 })
		c.Equal(err != nil, true, "there is an error")
	})
}

func (c c) writer(topic string, options ...func(*kafka.Writer)) *kafka.Writer {
	writer := &kafka.Writer{
		Addr: kafka.TCP(c.Bootstrap), Topic: topic, RequiredAcks: kafka.RequireAll, BatchTimeout: 5 * time.Millisecond, Transport: c.transport(),
	}
	for _, option := range options {
		option(writer)
	}
	c.AtEnd(func() { writer.Close() })
	return writer
}

// Produces by a writer of its own.
func (c c) produce(topic string, messages []kafka.Message, options ...func(*kafka.Writer)) error {
	return c.writer(topic, options...).WriteMessages(c, messages...)
}

// The first of the errors, one for each record, that a writer returns.
func first(err error) error {
	if errs, several := err.(kafka.WriteErrors); several {
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
	}
	return err
}

// One record to partition 0 for each timestamp.
func (c c) produceTimes(topic string, timestampsMs ...int64) {
	var messages []kafka.Message
	for i, ms := range timestampsMs {
		messages = append(messages, kafka.Message{Value: fmt.Append(nil, i), Time: time.UnixMilli(ms)})
	}
	c.Ok(c.produce(topic, messages, func(writer *kafka.Writer) {
		writer.Balancer = kafka.BalancerFunc(func(kafka.Message, ...int) int { return 0 })
	}))
}

func (c c) sampleReturns(option func(*kafka.Writer)) {
	topic := c.topic(1)
	var sent []kafka.Message
	for _, record := range interop.Sample() {
		message := kafka.Message{Key: record.Key, Value: record.Value, Time: record.Timestamp}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, kafka.Header(header))
		}
		sent = append(sent, message)
	}
	c.Ok(c.produce(topic, sent, option))
	c.SameRecords(c.fetch(topic), interop.Sample())
}

// What a topic starts with, by the client: the reader takes empty for null.
func (c c) fetch(topic string) []interop.Record {
	var came []interop.Record
	client := c.client()
	for len(came) < len(interop.Sample()) {
		fetched, err := client.Fetch(c, &kafka.FetchRequest{Topic: topic, Offset: int64(len(came)), MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		c.Ok(err)
		c.Ok(fetched.Error)
		for {
			record, err := fetched.Records.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			c.Ok(err)
			c.Equal(record.Offset, len(came), "offset")
			key, err := kafka.ReadAll(record.Key)
			c.Ok(err)
			value, err := kafka.ReadAll(record.Value)
			c.Ok(err)
			headers := []interop.Header{}
			for _, header := range record.Headers {
				headers = append(headers, interop.Header(header))
			}
			came = append(came, interop.Record{Key: key, Value: value, Timestamp: record.Time, Headers: headers})
		}
	}
	return came
}
