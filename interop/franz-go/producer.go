package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"millstream/interop"
)

var acks = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func addProducer(add func(string, func(c))) {
	for _, codec := range interop.Codecs {
		for name, acks := range interop.Each(acks) {
			options := []kgo.Opt{kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(codecs[codec])}
			add(interop.RecordReturns(name, codec), func(c c) { c.sampleReturns(options...) })
		}
		add("record returns idempotently codec="+codec, func(c c) { c.sampleReturns(kgo.ProducerBatchCompression(codecs[codec])) })
		add(interop.LargeRecordReturns(codec), func(c c) {
			topic, value := c.topic(1), interop.LargeValue()
			c.Ok(c.produce(topic, []*kgo.Record{{Value: value}}, kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerBatchMaxBytes(1_048_576)))
			c.Equal(bytes.Equal(c.consume(topic, 1)[0].Value, value), true, "it is the same")
		})
	}
	add("record that is too large is refused", func(c c) {
		topic := c.topic(1)
		large := []*kgo.Record{{Value: interop.LargeValue()}}
		c.Is(c.produce(topic, large, kgo.ProducerBatchMaxBytes(500_000)), kerr.MessageTooLarge)
		large[0].Value = append(large[0].Value, large[0].Value...)
		c.Is(c.produce(topic, large, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(3_000_000)), kerr.MessageTooLarge)
		c.Ok(c.produce(topic, []*kgo.Record{{Value: []byte("small")}}))
		c.Equal(string(c.consume(topic, 1)[0].Value), "small", "what is in the topic")
	})
	add("record without key is refused by a compacted topic", func(c c) {
		topic := c.topic(1, "cleanup.policy", "compact")
		// Apache Kafka answers the creation of a topic a moment before its properties are in force.
		time.Sleep(time.Second)
		c.Is(c.produce(topic, []*kgo.Record{{Value: []byte("v")}}), kerr.InvalidRecord)
		c.Ok(c.produce(topic, []*kgo.Record{{Key: []byte("k"), Value: []byte("v")}}))
	})
	add("produce to an unknown topic is refused", func(c c) {
		c.Is(c.produce(c.Name(), []*kgo.Record{{Value: []byte("v")}}, kgo.UnknownTopicRetries(1)), kerr.UnknownTopicOrPartition)
	})
	add("keys choose the same partition", func(c c) {
		topic := c.topic(6)
		var records []*kgo.Record
		for i := range 60 {
			records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "key-%d", i%10), Value: []byte("v")})
		}
		c.Ok(c.produce(topic, records))
		partitions := map[string]int32{}
		for _, record := range c.consume(topic, 60) {
			if first, seen := partitions[string(record.Key)]; seen {
				c.Equal(record.Partition, first, "partition of "+string(record.Key))
			}
			partitions[string(record.Key)] = record.Partition
		}
		c.Equal(len(partitions), 10, "keys")
	})
	add("produce over a broken connection", func(c c) {
		topic, proxy := c.topic(1), c.Proxy()
		client := c.client(kgo.Dialer(proxy.DialContext), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
		proxy.CutEvery(3)
		for wave := range 40 {
			for i := range 50 {
				client.Produce(c, &kgo.Record{Value: fmt.Append(nil, wave*50+i)}, func(_ *kgo.Record, err error) {
					if err != nil {
						fmt.Println("     |", err)
					}
				})
			}
			c.Ok(client.Flush(c))
		}
		halves, answers := proxy.Cuts()
		c.Equal(halves > 2 && answers > 2, true, fmt.Sprintf("%d requests cut, %d answers lost, enough", halves, answers))
		for i, record := range c.consumeAll(topic, 0) {
			c.Equal(string(record.Value), i, "record")
			c.Equal(record.Offset, i, "offset")
		}
		c.Equal(len(c.consumeAll(topic, 0)), 2000, "records")
	})
	add("no broker", func(c c) {
		client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:1"), kgo.RecordDeliveryTimeout(2*time.Second), kgo.DefaultProduceTopic("t"))
		c.Ok(err)
		defer client.Close()
		c.Equal(client.Ping(c) != nil, true, "there is an error")
		c.Is(client.ProduceSync(c, &kgo.Record{Value: []byte("v")}).FirstErr(), kgo.ErrRecordTimeout)
	})
}

// Produces by a client of its own, and returns the first error.
func (c c) produce(topic string, records []*kgo.Record, options ...kgo.Opt) error {
	client := c.client(append(options, kgo.DefaultProduceTopic(topic))...)
	defer client.Close()
	return client.ProduceSync(c, records...).FirstErr()
}

// One record to partition 0 for each timestamp.
func (c c) produceTimes(topic string, timestampsMs ...int64) {
	var records []*kgo.Record
	for i, ms := range timestampsMs {
		records = append(records, &kgo.Record{Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(ms)})
	}
	c.Ok(c.produce(topic, records, kgo.RecordPartitioner(kgo.ManualPartitioner())))
}

func (c c) sampleReturns(options ...kgo.Opt) {
	topic := c.topic(1)
	var sent []*kgo.Record
	for _, record := range interop.Sample() {
		headers := []kgo.RecordHeader{}
		for _, header := range record.Headers {
			headers = append(headers, kgo.RecordHeader(header))
		}
		sent = append(sent, &kgo.Record{Key: record.Key, Value: record.Value, Timestamp: record.Timestamp, Headers: headers})
	}
	c.Ok(c.produce(topic, sent, options...))
	var came []interop.Record
	for i, record := range c.consume(topic, len(sent)) {
		c.Equal(record.Offset, i, "offset")
		c.Equal(record.Attrs.TimestampType(), 0, "timestamp type")
		headers := []interop.Header{}
		for _, header := range record.Headers {
			headers = append(headers, interop.Header(header))
		}
		came = append(came, interop.Record{Key: record.Key, Value: record.Value, Timestamp: record.Timestamp, Headers: headers})
	}
	c.SameRecords(came, interop.Sample())
}
