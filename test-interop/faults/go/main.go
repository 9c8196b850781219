// franz-go, doing one thing: produce or consume records of a topic, with a line for each that came through.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	command, bootstrap, topic := os.Args[1], os.Args[2], os.Args[3]
	count, _ := strconv.Atoi(os.Args[4])
	deadline, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	options := []kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.ClientID("franz-go"), kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 50 * time.Millisecond }),
		kgo.MetadataMinAge(50 * time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.SessionTimeout(6 * time.Second),
		kgo.ManualFlushing(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}
	if command == "consume" {
		options = append(options, kgo.ConsumerGroup("franz-go"), kgo.ConsumeTopics(topic),
			kgo.OnPartitionsAssigned(tell("assigned")), kgo.OnPartitionsLost(tell("lost")),
			kgo.OnPartitionsRevoked(tell("revoked")))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		panic(err)
	}
	if command == "produce" {
		produce(deadline, client, topic, count)
	} else {
		consume(deadline, client, count)
	}
	client.Close()
}

func tell(what string) func(context.Context, *kgo.Client, map[string][]int32) {
	return func(_ context.Context, _ *kgo.Client, topics map[string][]int32) {
		for _, partitions := range topics {
			fmt.Println(what, len(partitions))
		}
	}
}

func produce(ctx context.Context, client *kgo.Client, topic string, count int) {
	for i := range count {
		record := &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "record %d", i)}
		client.Produce(ctx, record, func(sent *kgo.Record, err error) {
			if err != nil {
				fmt.Println("failed", err)
			} else {
				fmt.Println("sent", sent.Offset)
			}
		})
		_ = client.Flush(ctx)
	}
}

func consume(ctx context.Context, client *kgo.Client, count int) {
	for read := 0; read < count && ctx.Err() == nil; {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) { fmt.Println("failed", err) })
		fetches.EachRecord(func(record *kgo.Record) {
			fmt.Println("record", record.Offset, string(record.Value))
			read++
		})
	}
	// Whoever leaves a group at once says nothing of its health.
	time.Sleep(500 * time.Millisecond)
}
