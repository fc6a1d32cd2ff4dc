package refresh_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// line is a line of the log.
type line struct {
	Level   slog.Level
	Message string
	attrs   map[string]slog.Value
}

// logHandler keeps the lines in the bench.
type logHandler bench

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
	inBubble(t, func(t *testing.T, b *bench) {
		s := b.source()
		s.takes = time.Second
		b.set(usual, s.target("one"))
		for _, err := range []error{nil, nil, errDenied, errDenied, nil, nil} {
			s.now(func(s *source) { s.err = err })
			for attempts := len(b.of("one")); len(b.of("one")) == attempts; {
				b.pass(time.Second)
			}
		}
		type brief struct {
			Level   slog.Level
			Message string
			State   string
		}
		var got []brief
		for _, l := range b.said() {
			got = append(got, brief{l.Level, l.Message, l.attrs["state"].String()})
		}
		want := []brief{
			{slog.LevelInfo, "target refreshed", "ok"}, // for the first time
			{slog.LevelDebug, "target refreshed", "ok"},
			{slog.LevelWarn, "refresh of target failed", "denied"},
			{slog.LevelDebug, "refresh of target failed", "denied"}, // as before
			{slog.LevelInfo, "target refreshed", "ok"},              // again
			{slog.LevelDebug, "target refreshed", "ok"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		for _, l := range b.said() {
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
	inBubble(t, func(t *testing.T, b *bench) {
		issues := []string{"never seen before", "nor this one", "Agent not provisioned"}
		s := b.source()
		target := s.target("one")
		target.Read = func(ctx context.Context, _ *coverage.Snapshot) (string, *coverage.Snapshot, error) {
			account, _, err := s.read(ctx, nil)
			return account, &coverage.Snapshot{Resources: []coverage.Resource{
				coverage.New(coverage.Row{Issues: issues}), coverage.New(coverage.Row{Issues: issues[1:]}),
			}}, err
		}
		b.set(usual, target)
		check := func(when string, want float64) {
			t.Helper()
			families, err := b.metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			if got := families[0].GetMetric()[0].GetCounter().GetValue(); got != want {
				t.Errorf("%s: %v unclassified issues, want %v", when, got, want)
			}
		}
		b.pass(0)
		check("after the first refresh", 3)
		s.now(func(s *source) { s.err = errDenied })
		b.pass(usual.Interval)
		check("after one that failed", 3)
		s.now(func(s *source) { s.err = nil })
		b.pass(usual.Interval)
		check("after one that found them again", 6)
	})
}
