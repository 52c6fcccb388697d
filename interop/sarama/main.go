// sarama as a user of a broker: its cluster admin, producers, consumers and groups. Usage: checks HOST:PORT [NAME]
package main

import (
	"time"

	"github.com/IBM/sarama"

	"millstream/interop"
)

// c is a check that runs, and what it makes clients from.
type c struct{ *interop.C }

func main() {
	s := interop.New("sarama")
	add := func(name string, run func(c)) { s.Add(name, func(check *interop.C) { run(c{check}) }) }
	addAdmin(add)
	addProducer(add)
	addConsumer(add)
	addGroups(add)
	s.Main()
}

type option func(*sarama.Config)

func config(options ...option) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.AllowAutoTopicCreation = false
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	for _, option := range options {
		option(config)
	}
	return config
}

func (c c) admin() sarama.ClusterAdmin {
	admin, err := sarama.NewClusterAdmin([]string{c.Bootstrap}, config())
	c.Ok(err)
	c.AtEnd(func() { admin.Close() })
	return admin
}

// A new topic, with pairs of a config's name and value.
func (c c) topic(partitions int32, configs ...string) string {
	name, admin := c.Name(), c.admin()
	values := map[string]*string{}
	for i := 0; i < len(configs); i += 2 {
		values[configs[i]] = &configs[i+1]
	}
	c.Ok(admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: values}, false))
	c.Until("the topic is there", func() bool {
		topics, err := admin.DescribeTopics([]string{name})
		c.Ok(err)
		return topics[0].Err == sarama.ErrNoError
	})
	return name
}

// What a channel brings, or the deadline.
func next[T any](c c, what string, from <-chan T) T {
	select {
	case value, open := <-from:
		if !open {
			c.Fail("%s: it was closed", what)
		}
		return value
	case <-c.Done():
		c.Fail("not by the deadline: %s", what)
		panic("unreachable")
	}
}

// Nothing comes for a second.
func none[T any](c c, what string, from <-chan T) {
	select {
	case value := <-from:
		c.Fail("%s: %v", what, value)
	case <-time.After(time.Second):
	}
}
