// kafka-go as a user of a broker: its client, writer, reader, connection and groups. Usage: checks HOST:PORT [NAME]
package main

import (
	"context"
	"net"
	"time"

	"github.com/segmentio/kafka-go"

	"millstream/interop"
)

// c is a check that runs, and what it makes clients from.
type c struct{ *interop.C }

func main() {
	s := interop.New("kafka-go", "github.com/segmentio/kafka-go")
	add := func(name string, run func(c)) { s.Add(name, func(check *interop.C) { run(c{check}) }) }
	addAdmin(add)
	addProducer(add)
	addConsumer(add)
	addConnection(add)
	addGroups(add)
	s.Not("records are deleted", "kafka-go has no DeleteRecords")
	s.Not("consume, pause, resume", "a reader is not fetched from or it is; there is no pause")
	s.Main()
}

func (c c) client(options ...func(*kafka.Transport)) *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(c.Bootstrap), Transport: c.transport(options...)}
}

func (c c) transport(options ...func(*kafka.Transport)) *kafka.Transport {
	transport := &kafka.Transport{MetadataTTL: 200 * time.Millisecond}
	for _, option := range options {
		option(transport)
	}
	c.AtEnd(transport.CloseIdleConnections)
	return transport
}

func behind(proxy *interop.Proxy) func(*kafka.Transport) {
	return func(transport *kafka.Transport) {
		transport.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return proxy.DialContext(ctx, network, address)
		}
	}
}

// A new topic.
func (c c) topic(partitions int, configs ...kafka.ConfigEntry) string {
	name, client := c.Name(), c.client()
	c.Ok(c.create(client, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}))
	c.Until("the topic is there", func() bool { return c.describe(client, name).Error == nil })
	return name
}

func (c c) create(client *kafka.Client, topic kafka.TopicConfig) error {
	created, err := client.CreateTopics(c, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{topic}})
	c.Ok(err)
	return created.Errors[topic.Topic]
}

func (c c) describe(client *kafka.Client, topic string) kafka.Topic {
	metadata, err := client.Metadata(c, &kafka.MetadataRequest{Topics: []string{topic}})
	c.Ok(err)
	return metadata.Topics[0]
}
