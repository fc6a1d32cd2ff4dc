package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
)

// line is a log line.
type line struct {
	Level   slog.Level
	Message string
	attrs   map[string]slog.Value
}

// logHandler stores the lines in the harness.
type logHandler harness

func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(_ context.Context, record slog.Record) error {
	l := line{Level: record.Level, Message: record.Message, attrs: map[string]slog.Value{}}
	record.Attrs(func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value
		return true
	})
	h.mu.Lock()
	blocked := h.blocked
	h.lines = append(h.lines, l)
	h.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
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
			{slog.LevelInfo, "target refreshed", "ok"}, // the first success
			{slog.LevelDebug, "target refreshed", "ok"},
			{slog.LevelWarn, "target refresh failed", "denied"},
			{slog.LevelDebug, "target refresh failed", "denied"}, // unchanged
			{slog.LevelInfo, "target refreshed", "ok"},           // recovered
			{slog.LevelDebug, "target refreshed", "ok"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
		for _, l := range h.logged() {
			if l.attrs["target"].String() != "one" || l.attrs["account_id"].String() != s.account ||
				l.attrs["region"].String() != region || l.attrs["duration"].Duration() != time.Second {
				t.Errorf("a line has the attributes %v", l.attrs)
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

// TestAttributesByKind has targets of each kind and a partial read: all lines name
// the target, and what was read is counted.
func TestAttributesByKind(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		w, lister := newSource(t, ownAccount, wasHealthy), h.source()
		names := refresh.Target{
			Name: "names", Kind: coverage.KindAccountNames,
			Source: refresh.SourceFunc(func(context.Context, *coverage.Snapshot) (string, *coverage.Snapshot, error) {
				return ownAccount, &coverage.Snapshot{AccountNames: make([]coverage.AccountName, 2)}, nil
			}),
		}
		h.set(settings, w.target("one"), names, lister.lister(func() []refresh.Target { return nil }))
		h.advance(settings.Interval)
		w.set(isUnhealthy)
		h.apply(eventOf(isUnhealthy))
		got := map[string]bool{}
		for _, l := range h.logged() {
			if l.attrs["account_id"].String() != ownAccount {
				t.Errorf("%s has the attributes %v", l.Message, l.attrs)
			}
			got[fmt.Sprint(l.Message, ": ", l.attrs["target"], " ", l.attrs["kind"], " ", l.attrs["resources"], " ", l.attrs["accounts"])] = true
		}
		want := map[string]bool{
			"target refreshed: one coverage 1 <nil>":        true,
			"target refreshed: names account_names <nil> 2": true,
			"target refreshed: all regions <nil> <nil>":     true,
			"resources read again: one coverage 1 <nil>":    true,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
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

// loud returns the messages above debug level with their errors.
func (h *harness) loud() (messages []string) {
	for _, l := range h.logged() {
		if l.Level > slog.LevelDebug {
			text := l.Level.String() + " " + l.Message
			if err, ok := l.attrs["err"]; ok {
				text += ": " + err.String()
			}
			messages = append(messages, text)
		}
	}
	return messages
}

// Failures with the same state have different causes.
func TestEachCauseOfAFailureIsLogged(t *testing.T) {
	failure := func(operation, code, message string) error {
		return &smithy.OperationError{
			ServiceID: "any", OperationName: operation, Err: &smithy.GenericAPIError{Code: code, Message: message},
		}
	}
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.err = failure("ListCoverage", "AccessDeniedException", "request 1")
		h.set(settings, s.target("one"))
		h.advance(0)
		for _, err := range []error{
			failure("ListCoverage", "AccessDeniedException", "request 2"),
			failure("AssumeRole", "AccessDeniedException", "request 3"),
			failure("AssumeRole", "ExpiredToken", "request 4"),
			failure("AssumeRole", "ExpiredToken", "request 5"),
			errors.New("no route"),
			nil,
			failure("AssumeRole", "ExpiredToken", "request 6"),
		} {
			s.update(func(s *source) { s.err = err })
			h.advance(settings.Interval)
		}
		var got []string
		for _, l := range h.loud() {
			got = append(got, l[:strings.LastIndex(l, " ")])
		}
		want := []string{
			"WARN target refresh failed: operation error any: ListCoverage, api error AccessDeniedException: request",
			"WARN target refresh failed: operation error any: AssumeRole, api error AccessDeniedException: request",
			"WARN target refresh failed: operation error any: AssumeRole, api error ExpiredToken: request",
			"WARN target refresh failed: no",
			"INFO target",
			"WARN target refresh failed: operation error any: AssumeRole, api error ExpiredToken: request",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestLastingFailureIsLoggedHourly(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s := h.source()
		s.err = errDenied
		h.set(settings, s.target("one"))
		h.advance(0)
		for hours, want := range []int{1, 2, 3} {
			if got := len(h.loud()); got != want {
				t.Errorf("%d lines after %d hours, want %d", got, hours, want)
			}
			h.advance(time.Hour + settings.Interval)
		}
	})
}

// A log that blocks must not keep others from the data: the snapshot expires and
// the target can be reloaded and stopped.
func TestBlockedLog(t *testing.T) {
	run(t, func(t *testing.T, h *harness) {
		s, other := h.source(), h.source()
		release := make(chan struct{})
		h.update(func(h *harness) { h.blocked = release })
		h.set(settings, s.target("one"), other.target("two"))
		h.advance(time.Second)
		if got := h.lastReport("one"); got.cluster() != "web" {
			t.Fatalf("the report is %+v", got)
		}
		h.advanceTo(settings.MaxStaleness) // all refreshes wait for the log
		if got := h.lastReport("one"); got.Snapshot != nil {
			t.Error("the snapshot did not expire")
		}
		if !h.Ready() {
			t.Error("not ready")
		}
		h.set(settings, s.target("one"))
		close(release)
	})
}
