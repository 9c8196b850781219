// kfake inside a Go process, under the loads of bench.mjs: prints the same figures as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topics          = 100
	recordsPerTopic = 1000
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func since(begin time.Time) float64 {
	return float64(time.Since(begin).Microseconds()) / 1000
}

func start(names ...string) *kfake.Cluster {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, names...))
	must(err)
	return cluster
}

func connect(cluster *kfake.Cluster) *kgo.Client {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(cluster.ListenAddrs()...),
		kgo.DisableIdempotentWrite(),
		kgo.ProducerLinger(0),
	)
	must(err)
	return client
}

func produce(client *kgo.Client, topic string, count int) {
	records := make([]*kgo.Record, count)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: make([]byte, 100)}
	}
	must(client.ProduceSync(context.Background(), records...).FirstErr())
}

func startToProduce() float64 {
	begin := time.Now()
	cluster := start("a")
	client := connect(cluster)
	produce(client, "a", 1)
	took := since(begin)
	client.Close()
	cluster.Close()
	return took
}

// kfake has no reset: a test begins with a new cluster.
func resetByNewCluster(names []string) float64 {
	cluster := start(names...)
	client := connect(cluster)
	for _, name := range names {
		produce(client, name, recordsPerTopic)
	}
	client.Close()
	begin := time.Now()
	cluster.Close()
	start().Close()
	return since(begin)
}

func rssBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	must(err)
	return pages * int64(os.Getpagesize())
}

func main() {
	runs := 20
	var starts, resets []float64
	for i := 0; i < 3; i++ {
		startToProduce()
	}
	for i := 0; i < runs; i++ {
		starts = append(starts, startToProduce())
	}
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("t%d", i)
	}
	for i := 0; i < runs; i++ {
		resets = append(resets, resetByNewCluster(names))
	}
	runtime.GC()
	for i := 0; i < 50; i++ {
		client := connect(start("a"))
		produce(client, "a", 1)
	}
	figures := map[string]any{"starts": starts, "resets": resets, "rssOf50": rssBytes()}
	must(json.NewEncoder(os.Stdout).Encode(figures))
}
