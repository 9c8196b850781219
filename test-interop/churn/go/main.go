// franz-go as a member of the group.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type options struct {
	Bootstrap        string `json:"bootstrap"`
	Client           string `json:"client"`
	Group            string `json:"group"`
	Topic            string `json:"topic"`
	SessionTimeoutMs int64  `json:"sessionTimeoutMs"`
	HeartbeatMs      int64  `json:"heartbeatMs"`
}

type line struct {
	At        int64  `json:"at"`
	Client    string `json:"client"`
	Kind      string `json:"kind"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	Text      string `json:"text,omitempty"`
}

var settings options

// Unbuffered: what was told is told, whatever becomes of the process.
func tell(l line) {
	l.At, l.Client = time.Now().UnixMilli(), settings.Client
	text, _ := json.Marshal(l)
	os.Stdout.Write(append(text, '\n'))
}

func deal(p kgo.FetchTopicPartition) {
	if len(p.Records) == 0 {
		return
	}
	for _, record := range p.Records {
		if string(record.Value) != strconv.FormatInt(record.Offset, 10) {
			tell(line{Kind: "complaint", Text: fmt.Sprintf("offset %d of partition %d holds %q", record.Offset, p.Partition, record.Value)})
		}
	}
	last := p.Records[len(p.Records)-1].Offset
	tell(line{Kind: "processed", Partition: p.Partition, From: p.Records[0].Offset, To: last + 1})
}

func main() {
	if err := json.Unmarshal([]byte(os.Args[1]), &settings); err != nil {
		panic(err)
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	client, err := kgo.NewClient(
		kgo.SeedBrokers(settings.Bootstrap), kgo.ClientID(settings.Client), kgo.ConsumerGroup(settings.Group),
		kgo.ConsumeTopics(settings.Topic), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.SessionTimeout(ms(settings.SessionTimeoutMs)),
		kgo.HeartbeatInterval(ms(settings.HeartbeatMs)), kgo.RebalanceTimeout(time.Minute),
		kgo.FetchMaxWait(ms(100)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RetryBackoffFn(func(int) time.Duration { return ms(50) }), kgo.MetadataMinAge(ms(100)),
	)
	if err != nil {
		panic(err)
	}
	leaving, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for leaving.Err() == nil {
		fetches := client.PollRecords(leaving, 500)
		fetches.EachPartition(deal)
		if records := fetches.Records(); len(records) > 0 {
			timeout, cancel := context.WithTimeout(context.Background(), ms(2_000))
			// A commit that is refused is made up for by the next one, or by whoever takes over.
			_ = client.CommitRecords(timeout, records...)
			cancel()
		}
		client.AllowRebalance()
	}
	client.CloseAllowingRebalance()
}
