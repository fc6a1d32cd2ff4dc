package refresh_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// line is a line of the log.
type line struct {
	Level   slog.Level
	Message string
	attrs   map[string]slog.Value
}

// logHandler keeps the lines in the harness.
type logHandler harness

func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	l := line{Level: record.Level, Message: record.Message, attrs: map[string]slog.Value{}}
	record.Attrs(func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, l)
	return nil
}

func (h *logHandler) WithAttrs([]slog.Attr) slog.Handler { panic("not expected") }
func (h *logHandler) WithGroup(string) slog.Handler      { panic("not expected") }

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestOneLinePerAttempt(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.latency = time.Second
		h.set(settings, s.target("one"))
		for _, err := range []error{nil, nil, errDenied, errDenied, nil, nil} {
			s.update(func(s *source) { s.err = err })
			for attempts := len(h.reportsOf("one")); len(h.reportsOf("one")) == attempts; {
				h.advance(time.Second)
			}
		}
		type brief struct {
			Level   slog.Level
			Message string
			State   string
		}
		var got []brief
		for _, l := range h.logged() {
			got = append(got, brief{l.Level, l.Message, l.attrs["state"].String()})
		}
		want := []brief{
			{slog.LevelInfo, "target refreshed", "ok"}, // for the first time
			{slog.LevelDebug, "target refreshed", "ok"},
			{slog.LevelWarn, "target refresh failed", "denied"},
			{slog.LevelDebug, "target refresh failed", "denied"}, // as before
			{slog.LevelInfo, "target refreshed", "ok"},           // again
			{slog.LevelDebug, "target refreshed", "ok"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		for _, l := range h.logged() {
			if l.attrs["target"].String() != "one" || l.attrs["account_id"].String() != s.account ||
				l.attrs["region"].String() != region || l.attrs["duration"].Duration() != time.Second {
				t.Errorf("a line says %v", l.attrs)
			}
			err, failed := l.attrs["err"]
			if failed != (l.attrs["state"].String() == "denied") || failed && err.String() != errDenied.Error() {
				t.Errorf("a line at %v has the err %v", l.Level, err)
			}
			if clusters, ok := l.attrs["resources"]; ok == failed || ok && clusters.Int64() != 1 {
				t.Errorf("a line at %v has %v resources", l.Level, clusters)
			}
		}
	})
}

func TestUnclassifiedIssuesAreCounted(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		issues := []string{"never seen before", "nor this one", "Agent not provisioned"}
		s := h.source()
		target := s.target("one")
		target.Source = refresh.SourceFunc(func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			account, _, err := s.read(ctx, nil)
			return account, &coverage.Snapshot{Resources: []coverage.Resource{
				coverage.New(coverage.Row{Issues: issues}), coverage.New(coverage.Row{Issues: issues[1:]}),
			}}, err
		})
		h.set(settings, target)
		check := func(when string, want float64) {
			t.Helper()
			families, err := h.metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			if got := families[0].GetMetric()[0].GetCounter().GetValue(); got != want {
				t.Errorf("%s: %v unclassified issues, want %v", when, got, want)
			}
		}
		h.advance(0)
		check("after the first refresh", 3)
		s.update(func(s *source) { s.err = errDenied })
		h.advance(settings.Interval)
		check("after one that failed", 3)
		s.update(func(s *source) { s.err = nil })
		h.advance(settings.Interval)
		check("after one that found them again", 6)
	})
}
