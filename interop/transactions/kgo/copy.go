package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Copies a topic to another exactly once, from partition to partition, and tells of each transaction. What it cannot go on from ends
// it: the next one goes on.
func copier(bootstrap, input, output, group, instance string) {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumeTopics(input),
		kgo.ConsumerGroup(group),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RequireStableFetchOffsets(),
		kgo.SessionTimeout(3*time.Second),
		kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.TransactionalID(group+"-"+instance),
		kgo.TransactionTimeout(5*time.Second),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.MetadataMinAge(100*time.Millisecond),
		kgo.MetadataMaxAge(2*time.Second),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
	)
	ended(err)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		fetches := session.PollRecords(ctx, 50)
		cancel()
		if fetches.NumRecords() == 0 {
			continue
		}
		ended(session.Begin())
		var failed kgo.FirstErrPromise
		fetches.EachRecord(func(r *kgo.Record) {
			copied := &kgo.Record{Topic: output, Partition: r.Partition, Key: fmt.Append(nil, r.Offset), Value: append([]byte("copied "), r.Value...)}
			session.Produce(context.Background(), copied, failed.Promise())
		})
		ctx, cancel = context.WithTimeout(context.Background(), 15*time.Second)
		// A failed record, or a rebalance, aborts; the session goes back to where it was.
		committed, err := session.End(ctx, failed.Err() == nil)
		cancel()
		ended(err)
		if committed {
			fmt.Println("copied", fetches.NumRecords())
		} else {
			fmt.Println("aborted", fetches.NumRecords())
		}
	}
}

func ended(err error) {
	if err != nil {
		fmt.Println("ended:", err)
		os.Exit(3)
	}
}
