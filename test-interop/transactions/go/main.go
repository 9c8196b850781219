// One member of a read-process-write chain, with franz-go's GroupTransactSession. What it did is told line by line; it
// leaves when its input ends. Whatever a transaction dies of, it begins anew with a new session.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const partitions = 3

type chain struct {
	options  map[string]string
	leaving  context.Context
	random   *rand.Rand
	attempts int
}

func (c *chain) number(option string) int {
	value, err := strconv.Atoi(c.options[option])
	if err != nil {
		panic(err)
	}
	return value
}

func (c *chain) milliseconds(option string) time.Duration {
	return time.Duration(c.number(option)) * time.Millisecond
}

func (c *chain) session() error {
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(c.options["bootstrap"]),
		kgo.ConsumerGroup(c.options["group"]),
		kgo.ConsumeTopics(c.options["input"]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequireStableFetchOffsets(),
		kgo.TransactionalID(c.options["transactional"]),
		kgo.TransactionTimeout(c.milliseconds("timeout")),
		kgo.SessionTimeout(c.milliseconds("session")),
		kgo.HeartbeatInterval(300*time.Millisecond),
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(time.Millisecond),
		kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer session.Close()
	for c.leaving.Err() == nil {
		fetches := session.PollRecords(c.leaving, c.number("batch"))
		if records := fetches.Records(); len(records) > 0 {
			if err := c.process(session, records); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *chain) process(session *kgo.GroupTransactSession, records []*kgo.Record) error {
	attempt := fmt.Sprintf("%s.%d", c.options["attempts"], c.attempts)
	c.attempts++
	if err := session.Begin(); err != nil {
		return err
	}
	produced := kgo.AbortingFirstErrPromise(session.Client())
	for _, each := range records {
		input, err := strconv.Atoi(string(each.Value))
		if err != nil {
			panic(err)
		}
		for shift, kind := range []string{"a", "b"} {
			session.Produce(context.Background(), &kgo.Record{
				Topic:     c.options["output"],
				Partition: int32((input + shift) % partitions),
				Value:     fmt.Appendf(nil, "%s %d %s", kind, input, attempt),
			}, produced.Promise())
		}
	}
	wanted := c.random.IntN(100) >= c.number("aborts")
	failure := produced.Err()
	committed, err := session.End(context.Background(), kgo.TransactionEndTry(wanted && failure == nil))
	if err != nil {
		return fmt.Errorf("end of %s: %w", attempt, err)
	}
	outcome := "ABORTED"
	if committed {
		outcome = "COMMITTED"
	} else if wanted {
		fmt.Println("NOTE aborts", attempt, failure)
	}
	fmt.Println(outcome, attempt, len(records))
	return nil
}

func main() {
	options := map[string]string{}
	for _, each := range os.Args[1:] {
		name, value, _ := strings.Cut(each, "=")
		options[name] = value
	}
	leaving, leave := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		leave()
	}()
	c := &chain{options: options, leaving: leaving}
	c.random = rand.New(rand.NewPCG(uint64(c.number("seed")), 0))
	for leaving.Err() == nil {
		if err := c.session(); err != nil {
			fmt.Println("NOTE begins anew:", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
}
