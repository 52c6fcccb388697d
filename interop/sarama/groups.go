package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"millstream/interop"
)

func addGroups(add func(string, func(c))) {
	add("group goes on from manual commits", func(c c) {
		topic, group := c.topic(1), c.Name()
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		manually := func(config *sarama.Config) { config.Consumer.Offsets.AutoCommit.Enable = false }
		c.inGroup(group, topic, 4, func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
			if message.Offset == 1 {
				session.MarkMessage(message, "half")
				session.Commit()
			}
		}, manually)
		mark := func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage) {}
		c.Equal(c.inGroup(group, topic, 2, mark, manually), "[2 3]", "offsets that were not committed")
	})
	add("group goes on from automatic commits", func(c c) {
		topic, group, admin := c.topic(1), c.Name(), c.admin()
		c.produceTimes(topic, 1000, 2000)
		mark := func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
			session.MarkMessage(message, "")
			// In the session, as its end commits too.
			for c.Err() == nil {
				offsets, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
				if err == nil && offsets.GetBlock(topic, 0).Offset == message.Offset+1 {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		quick := func(config *sarama.Config) { config.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond }
		c.Equal(c.inGroup(group, topic, 2, mark, quick), "[0 1]", "offsets")
		c.produceTimes(topic, 3000)
		c.Equal(c.inGroup(group, topic, 1, mark, quick), "[2]", "the next offsets")
	})
	for name, strategy := range map[string]sarama.BalanceStrategy{
		"round robin": sarama.NewBalanceStrategyRoundRobin(), "sticky": sarama.NewBalanceStrategySticky(), "cooperative sticky": sarama.NewBalanceStrategyCooperativeSticky(),
	} {
		add("group of two shares by "+name, func(c c) {
			c.twoShare(func(config *sarama.Config) {
				config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
			})
		})
	}
	add("group of two shares, one joins, one leaves", func(c c) { c.twoShare() })
	add("group of two, one dies", func(c c) {
		topic, group := c.topic(4), c.Name()
		c.OneDies(
			func() *interop.Member { return c.member(group, topic) },
			func(proxy *interop.Proxy) *interop.Member { return c.member(group, topic, behind(proxy)) },
			func() { c.spread(topic) })
	})
}

func (c c) twoShare(options ...option) {
	topic, group := c.topic(4), c.Name()
	c.TwoShare(func() *interop.Member { return c.member(group, topic, options...) }, func() { c.spread(topic) })
}

// The records to each of four partitions.
func (c c) spread(topic string) {
	var messages []*sarama.ProducerMessage
	for i := range interop.Spread {
		messages = append(messages, &sarama.ProducerMessage{Partition: int32(i % 4), Value: sarama.StringEncoder(fmt.Sprint(i))})
	}
	c.Ok(c.produce(topic, messages, manual))
}

// The handler of one session after the other. A partition is a member's from the begin to the end of ConsumeClaim: in a cooperative
// rebalance the session goes on.
type handler struct {
	member *interop.Member
	record func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage)
}

func (handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.member.Assign(claim.Partition())
	defer h.member.Unassign(claim.Partition())
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			h.record(session, message)
		case <-session.Context().Done():
			return nil
		}
	}
}

func (c c) group(group string, options ...option) sarama.ConsumerGroup {
	client, err := sarama.NewConsumerGroup([]string{c.Bootstrap}, group, config(append([]option{func(config *sarama.Config) {
		config.Consumer.Return.Errors = false
		config.Consumer.Group.Session.Timeout = 6 * time.Second
		config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	}}, options...)...))
	c.Ok(err)
	c.AtEnd(func() { client.Close() })
	return client
}

// Consumes so many records in a group as its only member, and leaves. Returns their offsets.
func (c c) inGroup(group, topic string, count int, record func(sarama.ConsumerGroupSession, *sarama.ConsumerMessage), options ...option) []int64 {
	client := c.group(group, options...)
	defer client.Close()
	ctx, enough := context.WithCancel(c)
	defer enough()
	var offsets []int64
	c.Ok(client.Consume(ctx, []string{topic}, handler{interop.NewMember(), func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
		offsets = append(offsets, message.Offset)
		record(session, message)
		if len(offsets) == count {
			enough()
		}
	}}))
	c.Equal(len(offsets), count, "records")
	return offsets
}

// A consumer in a group that consumes in the background.
func (c c) member(group, topic string, options ...option) *interop.Member {
	m, client := interop.NewMember(), c.group(group, options...)
	ctx, stop := context.WithCancel(c)
	var stopped sync.WaitGroup
	m.Leave = func() {
		stop()
		stopped.Wait()
		client.Close()
	}
	stopped.Go(func() {
		for ctx.Err() == nil {
			client.Consume(ctx, []string{topic}, handler{m, func(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) {
				m.Take(message.Partition, message.Offset)
				session.MarkMessage(message, "")
			}})
		}
	})
	return m
}
