package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
	for name, balancer := range map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(), "sticky": kgo.StickyBalancer(),
	} {
		add("group of two shares by "+name, func(c c) { c.twoShare(kgo.Balancers(balancer)) })
	}
	add("group of two shares, one joins, one leaves", func(c c) { c.twoShare() })
	// KIP-848
	add("group of two shares by the broker's assignor", func(c c) { c.twoShare(kgo.ServerSideBalancer()) })
	add("group of two, one dies", func(c c) { c.oneDies() })
	add("group of two, one dies, by the broker's assignor", func(c c) { c.oneDies(kgo.ServerSideBalancer()) })
}

func (c c) twoShare(options ...kgo.Opt) {
	topic, group := c.topic(4), c.Name()
	one := c.member(group, topic, options...)
	c.Until("one has all", func() bool { return one.assigned() == 4 })
	two := c.member(group, topic, options...)
	c.Until("each has two", func() bool { return one.assigned() == 2 && two.assigned() == 2 })
	c.spread(topic)
	c.Until("all records came", func() bool { return one.count()+two.count() == 40 })
	c.Equal(one.count(), 20, "records of the first")
	two.leave()
	c.Until("one has all again", func() bool { return one.assigned() == 4 })
	c.spread(topic)
	c.Until("the first has them", func() bool { return one.count() == 60 })
	c.Equal(one.twice()+two.twice(), 0, "records that came twice")
}

func (c c) oneDies(options ...kgo.Opt) {
	topic, group, proxy := c.topic(4), c.Name(), c.Proxy()
	one := c.member(group, topic, options...)
	two := c.member(group, topic, append(options, kgo.Dialer(proxy.DialContext))...)
	c.Until("each has two", func() bool { return one.assigned() == 2 && two.assigned() == 2 })
	proxy.CutOff()
	c.spread(topic)
	c.Until("one has all", func() bool { return one.assigned() == 4 })
	c.Until("the first has all records", func() bool { return one.count() == 40 })
	c.Equal(one.twice(), 0, "records that came twice")
}

func inGroup(group, topic string, options ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, options...)
}

// Ten records to each of four partitions.
func (c c) spread(topic string) {
	var records []*kgo.Record
	for i := range 40 {
		records = append(records, &kgo.Record{Partition: int32(i % 4), Value: fmt.Append(nil, i)})
	}
	c.Ok(c.produce(topic, records, kgo.RecordPartitioner(kgo.ManualPartitioner())))
}

// A consumer in a group that polls in the background.
type member struct {
	client     *kgo.Client
	mutex      sync.Mutex
	partitions map[int32]bool
	seen       map[string]int
}

func (c c) member(group, topic string, options ...kgo.Opt) *member {
	m := &member{partitions: map[int32]bool{}, seen: map[string]int{}}
	gone := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		for _, partition := range lost[topic] {
			delete(m.partitions, partition)
		}
	}
	options = append([]kgo.Opt{
		kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsLost(gone),
		kgo.OnPartitionsRevoked(func(ctx context.Context, client *kgo.Client, lost map[string][]int32) {
			gone(ctx, client, lost)
			// As kgo does it where nobody asks to be called.
			client.CommitUncommittedOffsets(ctx)
		}),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			for _, partition := range assigned[topic] {
				m.partitions[partition] = true
			}
		}),
	}, options...)
	m.client = c.client(inGroup(group, topic, options...)...)
	go func() {
		for c.Err() == nil {
			fetches := m.client.PollFetches(c)
			if fetches.IsClientClosed() {
				return
			}
			m.take(fetches.Records())
		}
	}()
	return m
}

func (m *member) take(records []*kgo.Record) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, record := range records {
		m.seen[fmt.Sprint(record.Partition, "@", record.Offset)]++
	}
}

// Different records that came.
func (m *member) count() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.seen)
}

func (m *member) twice() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	twice := 0
	for _, times := range m.seen {
		twice += times - 1
	}
	return twice
}

func (m *member) assigned() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.partitions)
}

func (m *member) leave() { m.client.Close() }
