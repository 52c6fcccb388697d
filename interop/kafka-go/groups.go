package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"millstream/interop"
)

func addGroups(add func(string, func(c))) {
	add("group goes on from manual commits", func(c c) {
		topic, group := c.topic(1), c.Name()
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		reader := c.reader(kafka.ReaderConfig{GroupID: group, Topic: topic})
		messages := c.read(reader, 4)
		c.Ok(reader.CommitMessages(c, messages[1]))
		c.Ok(reader.Close())
		c.Equal(values(c.read(c.reader(kafka.ReaderConfig{GroupID: group, Topic: topic}), 2)), "[2 3]", "what was not committed")
	})
	add("group goes on from automatic commits", func(c c) {
		topic, group, client := c.topic(1), c.Name(), c.client()
		c.produceTimes(topic, 1000, 2000)
		reader := c.reader(kafka.ReaderConfig{GroupID: group, Topic: topic, CommitInterval: 100 * time.Millisecond})
		for range 2 {
			_, err := reader.ReadMessage(c)
			c.Ok(err)
		}
		c.Until("it is committed", func() bool { return c.committed(client, group, topic, 0).CommittedOffset == 2 })
		c.Ok(reader.Close())
		c.produceTimes(topic, 3000)
		c.Equal(c.read(c.reader(kafka.ReaderConfig{GroupID: group, Topic: topic}), 1)[0].Offset, 2, "the next offset")
	})
	add("group reads several topics", func(c c) {
		topics := []string{c.topic(1), c.topic(2)}
		for _, topic := range topics {
			c.produceTimes(topic, 1000, 2000)
		}
		counts := map[string]int{}
		for _, message := range c.read(c.reader(kafka.ReaderConfig{GroupID: c.Name(), GroupTopics: topics}), 4) {
			counts[message.Topic]++
		}
		c.Equal(counts, map[string]int{topics[0]: 2, topics[1]: 2}, "records of each")
	})
	for name, balancer := range interop.Each(map[string]kafka.GroupBalancer{"round robin": kafka.RoundRobinGroupBalancer{}, "rack": kafka.RackAffinityGroupBalancer{}}) {
		add("group of two shares by "+name, func(c c) { c.twoShare(balancer) })
	}
	add("group of two shares, one joins, one leaves", func(c c) { c.twoShare() })
	add("group of two, one dies", func(c c) {
		topic, group := c.topic(4), c.Name()
		c.OneDies(
			func() *interop.Member { return c.member(group, topic) },
			func(proxy *interop.Proxy) *interop.Member { return c.memberBy(proxy.DialContext, group, topic) },
			func() { c.spread(topic) })
	})
}

func (c c) twoShare(balancers ...kafka.GroupBalancer) {
	topic, group := c.topic(4), c.Name()
	c.TwoShare(func() *interop.Member { return c.member(group, topic, balancers...) }, func() { c.spread(topic) })
}

// The records to each of four partitions.
func (c c) spread(topic string) {
	var messages []kafka.Message
	for i := range interop.Spread {
		messages = append(messages, kafka.Message{Value: fmt.Append(nil, i)})
	}
	c.Ok(c.produce(topic, messages, func(writer *kafka.Writer) { writer.Balancer = &kafka.RoundRobin{} }))
}

func (c c) member(group, topic string, balancers ...kafka.GroupBalancer) *interop.Member {
	return c.memberBy((&net.Dialer{}).DialContext, group, topic, balancers...)
}

// A member that reads the partitions of one generation after the other, and commits every record.
func (c c) memberBy(dial func(context.Context, string, string) (net.Conn, error), group, topic string, balancers ...kafka.GroupBalancer) *interop.Member {
	m, dialer := interop.NewMember(), &kafka.Dialer{DialFunc: dial, Timeout: 2 * time.Second}
	client, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: []string{c.Bootstrap}, Dialer: dialer, Topics: []string{topic}, GroupBalancers: balancers, StartOffset: kafka.FirstOffset,
		SessionTimeout: 6 * time.Second, RebalanceTimeout: 6 * time.Second, HeartbeatInterval: 300 * time.Millisecond, JoinGroupBackoff: 200 * time.Millisecond,
	})
	c.Ok(err)
	m.Leave = sync.OnceFunc(func() { client.Close() })
	c.AtEnd(m.Leave)
	go func() {
		for c.Err() == nil {
			generation, err := client.Next(c)
			if errors.Is(err, kafka.ErrGroupClosed) {
				return
			}
			if err != nil {
				continue
			}
			for _, assignment := range generation.Assignments[topic] {
				m.Assign(int32(assignment.ID))
				generation.Start(func(ctx context.Context) {
					defer m.Unassign(int32(assignment.ID))
					reader := kafka.NewReader(kafka.ReaderConfig{
						Brokers: []string{c.Bootstrap}, Dialer: dialer, Topic: topic, Partition: assignment.ID, MaxWait: 200 * time.Millisecond,
					})
					defer reader.Close()
					reader.SetOffset(assignment.Offset)
					for {
						message, err := reader.ReadMessage(ctx)
						if err != nil {
							return
						}
						m.Take(int32(message.Partition), message.Offset)
						generation.CommitOffsets(map[string]map[int]int64{topic: {assignment.ID: message.Offset + 1}})
					}
				})
			}
		}
	}()
	return m
}
