package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

	"millstream/interop"
)

// kafka-go's connection, under its reader and older than its client: requests of its own, in older versions.
func addConnection(add func(string, func(c))) {
	add("connection creates and deletes a topic", func(c c) {
		conn, topic := c.connect(), c.Name()
		controller, err := conn.Controller()
		c.Ok(err)
		c.Equal(fmt.Sprintf("%s:%d", controller.Host, controller.Port), c.Bootstrap, "controller")
		c.Ok(conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: 2, ReplicationFactor: 1}))
		c.Until("it is there", func() bool {
			partitions, err := conn.ReadPartitions(topic)
			return err == nil && len(partitions) == 2
		})
		c.Is(conn.CreateTopics(kafka.TopicConfig{Topic: c.Name(), NumPartitions: 1, ReplicationFactor: 99}), kafka.InvalidReplicationFactor)
		c.Ok(conn.DeleteTopics(topic))
		c.Is(conn.DeleteTopics(c.Name()), kafka.UnknownTopicOrPartition)
	})
	for _, codec := range interop.Codecs {
		add("connection writes and reads codec="+codec, func(c c) {
			topic := c.topic(1)
			conn, err := kafka.DialLeader(c, "tcp", c.Bootstrap, topic, 0)
			c.Ok(err)
			c.bound(conn)
			var sent []kafka.Message
			for i := range 100 {
				sent = append(sent, kafka.Message{
					Key: fmt.Append(nil, "k", i), Value: bytes.Repeat([]byte("value"), i), Time: time.UnixMilli(1000 + int64(i)),
					Headers: []kafka.Header{{Key: "h", Value: []byte("v")}},
				})
			}
			for base := range 3 {
				_, partition, offset, _, err := conn.WriteCompressedMessagesAt(codecs[codec].Codec(), sent...)
				c.Ok(err)
				c.Equal(partition, 0, "partition")
				c.Equal(offset, base*len(sent), "first offset")
			}
			first, last, err := conn.ReadOffsets()
			c.Ok(err)
			c.Equal(first, 0, "first offset")
			c.Equal(last, 300, "last offset")
			at, err := conn.ReadOffset(time.UnixMilli(1050))
			c.Ok(err)
			c.Equal(at, 50, "offset at 1050 ms")
			// In the middle of a batch.
			at, err = conn.Seek(150, kafka.SeekAbsolute)
			c.Ok(err)
			for at < 300 {
				batch := conn.ReadBatch(1, 1<<20)
				for {
					message, err := batch.ReadMessage()
					if err == io.EOF {
						break
					}
					c.Ok(err)
					want := sent[at%100]
					c.Equal(message.Offset, at, "offset")
					c.Equal(string(message.Key), string(want.Key), "key")
					c.Equal(string(message.Value), string(want.Value), "value")
					c.Equal(message.Time.UnixMilli(), want.Time.UnixMilli(), "timestamp")
					c.Equal(message.Headers, want.Headers, "headers")
					at++
				}
				c.Equal(batch.HighWaterMark(), 300, "high watermark")
				c.Ok(batch.Close())
			}
		})
	}
}

// A connection to the broker.
func (c c) connect() *kafka.Conn {
	conn, err := kafka.DialContext(c, "tcp", c.Bootstrap)
	c.Ok(err)
	c.bound(conn)
	return conn
}

// A connection works until the check's deadline, and is closed at its end.
func (c c) bound(conn *kafka.Conn) {
	c.AtEnd(func() { conn.Close() })
	deadline, _ := c.Deadline()
	c.Ok(conn.SetDeadline(deadline))
}
