// Package alarm watches temperatures and raises an alarm for those that are too high.
package alarm

import (
	"context"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Watcher reads temperatures and writes alarms.
type Watcher struct {
	client *kgo.Client
	limit  float64
}

// NewWatcher joins the group "alarm".
func NewWatcher(bootstrapServers string, limit float64) (*Watcher, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrapServers),
		kgo.ConsumerGroup("alarm"),
		kgo.ConsumeTopics("temperatures"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.AllowAutoTopicCreation(),
	)
	return &Watcher{client, limit}, err
}

// Watch takes temperatures until the context ends, and commits those that it has judged.
func (w *Watcher) Watch(ctx context.Context) error {
	for {
		fetches := w.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var alarms []*kgo.Record
		fetches.EachRecord(func(record *kgo.Record) {
			degrees, err := strconv.ParseFloat(string(record.Value), 64)
			if err == nil && degrees > w.limit {
				alarms = append(alarms, &kgo.Record{Topic: "alarms", Key: record.Key, Value: record.Value})
			}
		})
		// What is begun is brought to its end, also when the context ends meanwhile.
		if err := w.client.ProduceSync(context.Background(), alarms...).FirstErr(); err != nil {
			return err
		}
		if err := w.client.CommitUncommittedOffsets(context.Background()); err != nil {
			return err
		}
	}
}

// Close leaves the group.
func (w *Watcher) Close() {
	w.client.Close()
}
