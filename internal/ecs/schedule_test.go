package ecs

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestTooManyClusters: the account is not up, because some clusters are not read.
func TestTooManyClusters(t *testing.T) {
	var log bytes.Buffer
	monitor := NewMonitor(MonitorOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	a := &account{target: &runningTarget{monitor: monitor}, clusters: map[string]*clusterState{}}
	known := &Account{}
	for i := range maxClusters + 1 {
		key := coverage.Key{Type: coverage.ECS, Name: fmt.Sprintf("c%05d", i)}
		known.Rows = append(known.Rows, coverage.New(coverage.Row{Key: key, Status: coverage.Unhealthy}))
	}
	a.observe(known)
	if err := a.begins(t.Context(), time.Now()); err != nil || len(a.clusters) != maxClusters || !errors.Is(a.gap, errTooMany) || a.report().Up {
		t.Errorf("%d clusters, %v, %v\n%s", len(a.clusters), a.gap, err, &log)
	}
	if batch := a.next(); len(batch) != batchSize || batch[0].Cluster != "c00000" || batch[batchSize-1].Cluster != "c00024" {
		t.Errorf("the first batch is %v", batch)
	}
	known = &Account{Rows: known.Rows[:maxClusters]}
	a.observe(known)
	if err := a.begins(t.Context(), time.Now()); err != nil || a.gap != nil {
		t.Errorf("%v, %v", a.gap, err)
	}
}
