package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"millstream/interop"
)

// c is a check that runs, and what it makes clients from.
type c struct{ *interop.C }

func (c c) client(options ...kgo.Opt) *kgo.Client {
	options = append([]kgo.Opt{
		kgo.SeedBrokers(c.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, options...)
	client, err := kgo.NewClient(options...)
	c.Ok(err)
	c.AtEnd(client.Close)
	return client
}

func (c c) admin() *kadm.Client { return kadm.NewClient(c.client()) }

func (c c) topic(partitions int32) string {
	name := c.Name()
	_, err := c.admin().CreateTopic(c, partitions, 1, nil, name)
	c.Ok(err)
	return name
}

func (c c) write(client *kgo.Client, topic string, partition int32, values ...string) error {
	var records []*kgo.Record
	for _, value := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value)})
	}
	return client.ProduceSync(c, records...).FirstErr()
}

// What a reader finds of all partitions, up to the ends that are its.
func (c c) values(level kgo.IsolationLevel, topic string) []string {
	ends, err := c.ends(level, topic)
	c.Ok(err)
	reader := c.client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	var values []string
	at := map[int32]int64{}
	done := func() bool {
		for _, end := range ends {
			if at[end.Partition] < end.Offset {
				return false
			}
		}
		return true
	}
	for !done() {
		fetches := reader.PollFetches(c)
		c.Ok(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				values = append(values, string(r.Value))
			}
			at[r.Partition] = r.Offset + 1
		})
	}
	reader.Close()
	return values
}

func (c c) ends(level kgo.IsolationLevel, topic string) ([]kadm.ListedOffset, error) {
	list := c.admin().ListEndOffsets
	if level == kgo.ReadCommitted() {
		list = c.admin().ListCommittedOffsets
	}
	offsets, err := list(c, topic)
	if err != nil {
		return nil, err
	}
	return slices.Collect(func(yield func(kadm.ListedOffset) bool) {
		offsets.Each(func(each kadm.ListedOffset) { yield(each) })
	}), nil
}

func (c c) untilValues(topic string, wanted ...string) {
	c.Until(fmt.Sprint("a reader of what is committed sees ", wanted), func() bool { return slices.Equal(c.values(kgo.ReadCommitted(), topic), wanted) })
}

func checks() {
	s := interop.Own("franz-go", "github.com/twmb/franz-go")
	add := func(name string, run func(c)) { s.Add("franz-go: "+name, func(check *interop.C) { run(c{check}) }) }
	add("commit and abort", func(c c) {
		topic := c.topic(1)
		producer := c.client(kgo.TransactionalID(topic))
		for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
			c.Ok(producer.BeginTransaction())
			c.Ok(c.write(producer, topic, 0, fmt.Sprint(bool(end))))
			c.Ok(producer.EndTransaction(c, end))
		}
		c.untilValues(topic, "true")
		c.Equal(c.values(kgo.ReadUncommitted(), topic), "[true false]", "what any reader sees")
	})
	add("empty transactions", func(c c) {
		topic := c.topic(1)
		producer := c.client(kgo.TransactionalID(topic))
		for turn := range 6 {
			c.Ok(producer.BeginTransaction())
			c.Ok(producer.EndTransaction(c, kgo.TransactionEndTry(turn%2 == 0)))
		}
		c.Ok(producer.BeginTransaction())
		c.Ok(c.write(producer, topic, 0, "a"))
		c.Ok(producer.EndTransaction(c, kgo.TryCommit))
		c.untilValues(topic, "a")
	})
	add("many transactions of many partitions", func(c c) {
		topic := c.topic(5)
		producer := c.client(kgo.TransactionalID(topic))
		var wanted []string
		for turn := range 60 {
			c.Ok(producer.BeginTransaction())
			var failed kgo.FirstErrPromise
			for partition := range int32(5) {
				producer.Produce(c, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, turn)}, failed.Promise())
				if turn%3 != 0 {
					wanted = append(wanted, fmt.Sprint(turn))
				}
			}
			c.Ok(failed.Err())
			c.Ok(producer.EndTransaction(c, kgo.TransactionEndTry(turn%3 != 0)))
		}
		slices.Sort(wanted)
		c.Until("whole transactions are seen", func() bool {
			seen := c.values(kgo.ReadCommitted(), topic)
			slices.Sort(seen)
			return slices.Equal(seen, wanted)
		})
	})
	add("one transaction right after the other", func(c c) {
		topic := c.topic(1)
		producer := c.client(kgo.TransactionalID(topic))
		c.Ok(producer.BeginTransaction())
		var wanted []string
		for turn := range 40 {
			value := fmt.Sprint(turn)
			wanted = append(wanted, value)
			c.Ok(c.write(producer, topic, 0, value))
			c.Ok(producer.EndAndBeginTransaction(c, kgo.EndBeginTxnSafe, kgo.TryCommit, func(_ context.Context, err error) error { return err }))
		}
		c.Ok(producer.EndTransaction(c, kgo.TryCommit))
		c.untilValues(topic, wanted...)
	})
	add("a second producer fences the first", func(c c) {
		topic := c.topic(1)
		first, second := c.client(kgo.TransactionalID(topic)), c.client(kgo.TransactionalID(topic))
		c.Ok(first.BeginTransaction())
		c.Ok(c.write(first, topic, 0, "first"))
		c.Ok(second.BeginTransaction())
		c.Ok(c.write(second, topic, 0, "second"))
		c.Is(first.EndTransaction(c, kgo.TryCommit), kerr.ProducerFenced)
		c.Ok(second.EndTransaction(c, kgo.TryCommit))
		c.untilValues(topic, "second")
	})
	add("a transaction that takes too long is aborted", func(c c) {
		topic := c.topic(1)
		producer := c.client(kgo.TransactionalID(topic), kgo.TransactionTimeout(time.Second))
		c.Ok(producer.BeginTransaction())
		c.Ok(c.write(producer, topic, 0, "late"))
		c.Until("it is aborted", func() bool {
			ends, err := c.ends(kgo.ReadCommitted(), topic)
			return err == nil && ends[0].Offset == 2
		})
		c.Equal(producer.EndTransaction(c, kgo.TryCommit) != nil, true, "it was refused")
		c.untilValues(topic)
	})
	add("transactions are described and listed", func(c c) {
		topic := c.topic(2)
		producer, admin := c.client(kgo.TransactionalID(topic)), c.admin()
		c.Ok(producer.BeginTransaction())
		c.Ok(c.write(producer, topic, 1, "a"))
		described, err := admin.DescribeTransactions(c, topic)
		c.Ok(err)
		c.Equal(described[topic].State, "Ongoing", "state")
		c.Equal(described[topic].Topics[topic], "map[1:{}]", "partitions")
		listed, err := admin.ListTransactions(c, []int64{described[topic].ProducerID}, []string{"Ongoing"})
		c.Ok(err)
		c.Equal(listed.TransactionalIDs(), "["+topic+"]", "listed")
		var set kadm.TopicsSet
		set.Add(topic, 1)
		producers, err := admin.DescribeProducers(c, set)
		c.Ok(err)
		c.Equal(producers[topic].Partitions[1].ActiveProducers[described[topic].ProducerID].CurrentTxnStartOffset, 0, "start")
		c.Ok(producer.EndTransaction(c, kgo.TryAbort))
	})
	add("a session copies, and a member that comes aborts none", copies)
	s.Main()
}

// Two sessions of one group, the second of which comes while the first works.
func copies(c c) {
	input, output := c.topic(4), c.topic(4)
	producer := c.client()
	var wanted []string
	for i := range 400 {
		wanted = append(wanted, fmt.Sprint(i))
		c.Ok(c.write(producer, input, int32(i%4), fmt.Sprint(i)))
	}
	done, stop := make(chan error, 2), make(chan struct{})
	for instance := range 2 {
		session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(c.Bootstrap), kgo.TransactionalID(fmt.Sprint(input, instance)), kgo.ConsumerGroup(input),
			kgo.ConsumeTopics(input), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.HeartbeatInterval(200*time.Millisecond), kgo.FetchMaxWait(100*time.Millisecond))
		c.Ok(err)
		c.AtEnd(session.Close)
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				ctx, cancel := context.WithTimeout(c, 200*time.Millisecond)
				fetches := session.PollRecords(ctx, 10)
				cancel()
				if fetches.NumRecords() == 0 {
					continue
				}
				if err := session.Begin(); err != nil {
					done <- err
					return
				}
				var failed kgo.FirstErrPromise
				fetches.EachRecord(func(r *kgo.Record) {
					session.Produce(c, &kgo.Record{Topic: output, Partition: r.Partition, Value: r.Value}, failed.Promise())
				})
				if _, err := session.End(c, failed.Err() == nil); err != nil {
					done <- err
					return
				}
			}
		}()
		time.Sleep(300 * time.Millisecond)
	}
	slices.Sort(wanted)
	c.Until("everything is copied, once", func() bool {
		seen := c.values(kgo.ReadCommitted(), output)
		slices.Sort(seen)
		return slices.Equal(seen, wanted)
	})
	close(stop)
	for range 2 {
		c.Ok(<-done)
	}
}
