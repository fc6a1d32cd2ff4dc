package refresh

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// anySource is a KeyReader without resources.
type anySource struct{ SourceFunc }

func (anySource) ReadKeys(context.Context, []coverage.Key) ([]coverage.Resource, error) {
	return nil, nil
}
func (anySource) Matches(coverage.Key) bool            { return true }
func (anySource) FiltersByAttribute(coverage.Key) bool { return false }
func (anySource) Omits(coverage.Event) bool            { return false }

// TestStoppedWorkerPutsNothing ends a refresh, a partial read and the time of a
// snapshot just after the worker has stopped.
func TestStoppedWorkerPutsNothing(t *testing.T) {
	puts := 0
	r := New(Options{
		Put: func(coverage.Report) { puts++ }, Drop: func(coverage.TargetID) {},
		Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler),
	})
	target := Target{Name: "one", Region: "r", Source: anySource{}}
	settings := Settings{Interval: time.Hour, Timeout: time.Minute, MaxStaleness: 3 * time.Hour}
	w := newWorker(r, target, settings)
	good := result{accountID: "1", snapshot: &coverage.Snapshot{}}
	w.finish(t.Context(), target, good)
	if puts != 1 {
		t.Fatalf("%d reports, want 1", puts)
	}
	w.report.Expires = time.Now().Add(-time.Second)
	w.stop()

	w.finish(t.Context(), target, good)
	w.expire()
	w.update(target, Settings{MaxStaleness: time.Minute})
	if _, err := w.putPartialRead(newBatch(), partialRead{}, 0); !errors.Is(err, errStopped) {
		t.Errorf("a partial read ends with %v", err)
	}
	if _, _, err := w.apply(t.Context(), coverage.Event{Status: coverage.Healthy}); !errors.Is(err, errStopped) {
		t.Errorf("an event ends with %v", err)
	}
	if puts != 1 {
		t.Errorf("%d reports after the worker has stopped", puts-1)
	}
}

func TestBatchKeepsTheNewestEvent(t *testing.T) {
	older := pendingRead{event: coverage.Event{Status: coverage.Healthy, UpdatedAt: time.Unix(1, 0)}}
	newer := pendingRead{event: coverage.Event{Status: coverage.Unhealthy, UpdatedAt: time.Unix(2, 0)}}
	unconfirmed := pendingRead{unconfirmed: true}
	for _, tc := range []struct {
		reads []pendingRead
		want  pendingRead
	}{
		{[]pendingRead{older, newer}, newer},
		{[]pendingRead{newer, older}, newer},
		{[]pendingRead{newer, unconfirmed}, unconfirmed},
		{[]pendingRead{unconfirmed, newer}, unconfirmed},
	} {
		b := newBatch()
		for _, r := range tc.reads {
			b.add(coverage.Key{}, r)
		}
		if got := b.pending[coverage.Key{}]; got != tc.want {
			t.Errorf("of %v the batch has %v, want %v", tc.reads, got, tc.want)
		}
	}
}
