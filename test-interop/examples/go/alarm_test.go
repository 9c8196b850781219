package alarm

import (
	"context"
	"net/http"
	"testing"
)

type record struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// watch runs a watcher until the test is over.
func watch(t *testing.T) {
	t.Helper()
	watcher, err := NewWatcher(klamm.BootstrapServers, 30)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- watcher.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		watcher.Close()
	})
}

func TestHighTemperaturesRaiseAnAlarm(t *testing.T) {
	reset(t)
	const temperatures = `{"records": [{"key": "cellar", "value": "12"}, {"key": "roof", "value": "41.5"}]}`
	call[[]record](t, http.MethodPost, "/topics/temperatures/records", temperatures)
	watch(t)
	alarms := call[[]record](t, http.MethodGet, "/topics/alarms/consume?count=1&timeout=20000", "")
	if len(alarms) != 1 || alarms[0] != (record{"roof", "41.5"}) {
		t.Fatalf("the alarms are %v", alarms)
	}
}

func TestWatchersShareThePartitions(t *testing.T) {
	reset(t)
	call[struct{}](t, http.MethodPost, "/topics", `{"name": "temperatures", "partitions": 4}`)
	watch(t)
	watch(t)
	group := call[struct {
		Members []struct {
			Assignment []struct{ Partitions []int }
		}
	}](t, http.MethodGet, "/groups/alarm/stable?members=2&timeout=20000", "")
	for _, member := range group.Members {
		if len(member.Assignment) != 1 || len(member.Assignment[0].Partitions) != 2 {
			t.Fatalf("the assignments are %+v", group.Members)
		}
	}
}
