package faulttest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// attempt is one run of a test case. It collects failures instead of reporting
// them, so that an attempt can be discarded.
type attempt struct {
	*testing.T
	checked       map[guarantee]bool
	cleanupWithin time.Duration // how long goroutines may take to end

	mu       sync.Mutex
	failures []string
}

func newAttempt(t *testing.T) *attempt {
	return &attempt{T: t, checked: map[guarantee]bool{}, cleanupWithin: 10 * time.Second}
}

// maxAttempts limits the attempts of a test case. Each one is slower.
const maxAttempts = 3

// attempt runs a test case, again if it fails and the process stalled
// meanwhile. It returns the number of attempts and the failures of the last.
func (tc testCase) attempt(t *testing.T, stalls *stallDetector) (made int, failures []string) {
	for made = 1; ; made++ {
		began := time.Now()
		a := newAttempt(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			tc.runOnce(a, made)
		}()
		<-done
		if len(a.failures) == 0 || made == maxAttempts || !stalls.since(began) {
			return made, a.failures
		}
		t.Logf("attempt %d failed while the process stalled: %s", made, a.failures[0])
	}
}

// runOnce runs a test case once, n times slower than its pace.
func (tc testCase) runOnce(a *attempt, n int) {
	withLabel(a.Context(), a.Name(), func() {
		h := newHarness(a, tc, n)
		defer h.close()
		if tc.setup != nil {
			tc.setup(h)
		}
		if tc.run != nil {
			tc.run(h)
		} else {
			h.runSteps()
		}
	})
	a.checkGoroutines()
	a.checkComplete(tc)
}

// checkComplete checks that every guarantee was either checked or skipped.
func (a *attempt) checkComplete(tc testCase) {
	for _, p := range guarantees() {
		if _, skipped := tc.skip[p]; skipped == a.checked[p] && !a.Failed() {
			a.Errorf("%s: checked: %v, skipped: %v", p, a.checked[p], skipped)
		}
	}
}

// Error records a failure.
func (a *attempt) Error(args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failures = append(a.failures, fmt.Sprint(args...))
}

// Errorf records a failure.
func (a *attempt) Errorf(format string, args ...any) { a.Error(fmt.Sprintf(format, args...)) }

// Fatal records a failure and ends the attempt. Only the goroutine of the
// attempt may call it.
func (a *attempt) Fatal(args ...any) {
	a.Error(args...)
	runtime.Goexit()
}

// Fatalf is Fatal with a format.
func (a *attempt) Fatalf(format string, args ...any) { a.Fatal(fmt.Sprintf(format, args...)) }

// Failed reports whether the attempt has failed.
func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.failures) > 0
}

// stallDetector records when the process did not get enough CPU time.
type stallDetector struct {
	stop   chan struct{}
	mu     sync.Mutex
	stalls []time.Time
}

const (
	stallInterval  = 25 * time.Millisecond
	stallTolerance = 75 * time.Millisecond // how late a timer may fire
)

func newStallDetector() *stallDetector {
	d := &stallDetector{stop: make(chan struct{})}
	go d.run()
	return d
}

func (d *stallDetector) run() {
	last := time.Now()
	for {
		select {
		case <-d.stop:
			return
		case <-time.After(stallInterval):
		}
		now := time.Now()
		if now.Sub(last) > stallInterval+stallTolerance {
			d.mu.Lock()
			d.stalls = append(d.stalls, now)
			d.mu.Unlock()
		}
		last = now
	}
}

// since reports whether the process has stalled since t.
func (d *stallDetector) since(t time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.stalls, t.Before)
}

// TestAttempts checks which failures lead to another attempt.
func TestAttempts(t *testing.T) {
	stalls := &stallDetector{}
	for _, tc := range []struct {
		name     string
		stall    bool // during every attempt
		failing  int  // number of failing attempts
		attempts int
		fails    bool
	}{
		{"passes", false, 0, 1, false},
		{"fails", false, 9, 1, true},
		{"fails once during a stall", true, 1, 2, false},
		{"always fails", true, 9, maxAttempts, true},
	} {
		runs := 0
		failing := testCase{run: func(h *harness) {
			runs++
			if tc.stall {
				stalls.stalls = append(stalls.stalls, time.Now())
			}
			if runs <= tc.failing {
				h.Fatal("fails")
			}
		}, skip: skips{isolation: "", lastGood: "", validPage: "", recovery: ""}}
		if made, failures := failing.attempt(t, stalls); made != tc.attempts || runs != made || (len(failures) > 0) != tc.fails {
			t.Errorf("%s: %d attempts, %d runs, %q", tc.name, made, runs, failures)
		}
	}
}

// TestAttemptDetects checks that leaks after the run are detected.
func TestAttemptDetects(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  func(h *harness, stop <-chan struct{})
		want string
	}{
		{"a goroutine", func(_ *harness, stop <-chan struct{}) { go func() { <-stop }() }, "1 goroutines remain"},
		{"a secret", func(h *harness, _ <-chan struct{}) { h.options.Logger.Info("role", "external_id", subjectExternalID) }, "the log contains an external ID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			a := newAttempt(t)
			a.cleanupWithin = time.Second
			testCase{run: func(h *harness) { tc.run(h, stop) }}.runOnce(a, 1)
			if len(a.failures) != 1 || !strings.Contains(a.failures[0], tc.want) {
				t.Errorf("%q, want only %s", a.failures, tc.want)
			}
		})
	}
}
