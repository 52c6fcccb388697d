package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millstream/interop"
)

func addGroups(add func(string, func(c))) {
	add("group goes on from manual commits", func(c c) {
		topic, group := c.topic(1), c.Name()
		c.produceTimes(topic, 1000, 2000, 3000, 4000)
		client := c.client(inGroup(group, topic, kgo.DisableAutoCommit())...)
		records := c.poll(client, 4)
		c.Ok(client.CommitRecords(c, records[1]))
		client.Close()
		c.Equal(values(c.poll(c.client(inGroup(group, topic, kgo.DisableAutoCommit())...), 2)), "[2 3]", "what was not committed")
	})
	add("group goes on from automatic commits", func(c c) {
		topic, group := c.topic(1), c.Name()
		c.produceTimes(topic, 1000, 2000)
		admin := c.admin()
		client := c.client(inGroup(group, topic, kgo.AutoCommitInterval(200*time.Millisecond))...)
		c.poll(client, 2)
		short, cancel := context.WithTimeout(c, time.Second)
		defer cancel()
		client.PollFetches(short)
		c.Until("it is committed", func() bool {
			offsets, err := admin.FetchOffsets(c, group)
			c.Ok(err)
			committed, _ := offsets.Lookup(topic, 0)
			return committed.At == 2
		})
		client.Close()
		c.produceTimes(topic, 3000)
		next := c.poll(c.client(inGroup(group, topic)...), 1)
		c.Equal(next[0].Offset, 2, "the next offset")
	})
	for name, balancer := range interop.Each(map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
	}) {
		add("group of two shares by "+name, func(c c) { c.twoShare(kgo.Balancers(balancer)) })
	}
	add("group of two shares, one joins, one leaves", func(c c) { c.twoShare() })
	add("group of two, one dies", func(c c) { c.oneDies() })
	// KIP-848: the broker assigns.
	for name, balancer := range interop.Each(map[string]kgo.GroupBalancer{
		"uniform": kgo.StickyBalancer(), "range": kgo.RangeBalancer(),
	}) {
		add("consumer protocol: group of two shares by "+name, func(c c) {
			c.twoShare(kgo.ServerSideBalancer(), kgo.Balancers(balancer))
		})
	}
	add("consumer protocol: a pattern of topics", func(c c) {
		topic := c.topic(1)
		c.produceTimes(topic, 1000, 2000)
		client := c.client(inGroup(c.Name(), "^"+topic+"$", kgo.ConsumeRegex(), kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()))...)
		c.Equal(values(c.poll(client, 2)), "[0 1]", "the records")
	})
}

func (c c) twoShare(options ...kgo.Opt) {
	topic, group := c.topic(4), c.Name()
	c.TwoShare(func() *interop.Member { return c.member(group, topic, options...) }, func() { c.spread(topic) })
}

func (c c) oneDies(options ...kgo.Opt) {
	topic, group := c.topic(4), c.Name()
	c.OneDies(
		func() *interop.Member { return c.member(group, topic, options...) },
		func(proxy *interop.Proxy) *interop.Member {
			return c.member(group, topic, append(options, kgo.Dialer(proxy.DialContext))...)
		},
		func() { c.spread(topic) })
}

func inGroup(group, topic string, options ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, options...)
}

// Ten records to each of four partitions.
func (c c) spread(topic string) {
	var records []*kgo.Record
	for i := range interop.Spread {
		records = append(records, &kgo.Record{Partition: int32(i % 4), Value: fmt.Append(nil, i)})
	}
	c.Ok(c.produce(topic, records, kgo.RecordPartitioner(kgo.ManualPartitioner())))
}

// A consumer in a group that polls in the background.
func (c c) member(group, topic string, options ...kgo.Opt) *interop.Member {
	m := interop.NewMember()
	options = append([]kgo.Opt{
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) { m.Assign(assigned[topic]...) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { m.Unassign(lost[topic]...) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, revoked map[string][]int32) {
			m.Unassign(revoked[topic]...)
			// As kgo does it where nobody asks to be called.
			client.CommitUncommittedOffsets(ctx)
		}),
	}, options...)
	client := c.client(inGroup(group, topic, options...)...)
	m.Leave = client.Close
	go func() {
		for c.Err() == nil {
			fetches := client.PollFetches(c)
			if fetches.IsClientClosed() {
				return
			}
			fetches.EachRecord(func(record *kgo.Record) { m.Take(record.Partition, record.Offset) })
		}
	}()
	return m
}
