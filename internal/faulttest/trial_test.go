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

// trial is one run of a row. It takes failures as a testing.T does, but a run
// that failed on a machine with no time for it can be thrown away.
type trial struct {
	*testing.T
	evidence evidence
	patience time.Duration // how long goroutines may take to end

	mu       sync.Mutex
	failures []string
}

func newTrial(t *testing.T) *trial {
	return &trial{T: t, evidence: evidence{kept: map[promise]bool{}}, patience: 10 * time.Second}
}

// tries is how often a row is run at most, each time at a slower pace.
const tries = 3

// try runs a row until it passes, or fails on a machine that was not late. It
// returns the last run's failures.
func (r row) try(t *testing.T, p *pulse) []string {
	for n := 1; ; n++ {
		begun := time.Now()
		x := newTrial(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.play(x, n)
		}()
		<-ended
		if len(x.failures) == 0 || n == tries || !p.lateSince(begun) {
			return x.failures
		}
		t.Logf("run %d failed while the machine was late: %s", n, x.failures[0])
	}
}

// play runs a row once; n stretches its pace.
func (r row) play(x *trial, n int) {
	labelled(x.Context(), x.Name(), func() {
		rig := newRig(x, r, n)
		defer rig.close()
		if r.arrange != nil {
			r.arrange(rig)
		}
		if r.run != nil {
			r.run(rig)
		} else {
			rig.course()
		}
	})
	x.nothingLeft()
	x.evidence.close(x, r)
}

// Error takes a failure.
func (x *trial) Error(args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failures = append(x.failures, fmt.Sprint(args...))
}

// Errorf takes a failure.
func (x *trial) Errorf(format string, args ...any) { x.Error(fmt.Sprintf(format, args...)) }

// Fatal takes a failure and ends the run. It is for the goroutine of the run.
func (x *trial) Fatal(args ...any) {
	x.Error(args...)
	runtime.Goexit()
}

// Fatalf is Fatal with a format.
func (x *trial) Fatalf(format string, args ...any) { x.Fatal(fmt.Sprintf(format, args...)) }

// Failed tells whether the run has failed.
func (x *trial) Failed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.failures) > 0
}

// pulse tells when the machine had no time for this process.
type pulse struct {
	stop chan struct{}
	mu   sync.Mutex
	late []time.Time
}

const (
	beat = 25 * time.Millisecond
	// tolerable is how late a beat may come.
	tolerable = 75 * time.Millisecond
)

func newPulse() *pulse {
	p := &pulse{stop: make(chan struct{})}
	go p.run()
	return p
}

func (p *pulse) run() {
	last := time.Now()
	for {
		select {
		case <-p.stop:
			return
		case <-time.After(beat):
		}
		now := time.Now()
		if now.Sub(last) > beat+tolerable {
			p.mu.Lock()
			p.late = append(p.late, now)
			p.mu.Unlock()
		}
		last = now
	}
}

func (p *pulse) lateSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.late, t.Before)
}

// TestTrial has rows fail: for good, and once while the machine was late.
func TestTrial(t *testing.T) {
	p := &pulse{}
	for _, tc := range []struct {
		name  string
		late  bool // in every run
		fails int  // so many runs fail
		runs  int
		fail  bool
	}{
		{"passes", false, 0, 1, false},
		{"fails", false, 9, 1, true},
		{"fails while late", true, 1, 2, false},
		{"fails always", true, 9, tries, true},
	} {
		runs := 0
		r := row{run: func(r *rig) {
			runs++
			if tc.late {
				p.late = append(p.late, time.Now())
			}
			if runs <= tc.fails {
				r.Fatal("no")
			}
		}, except: map[promise]string{isolation: "", lastGood: "", valid: "", recovery: ""}}
		if failures := r.try(t, p); runs != tc.runs || (len(failures) > 0) != tc.fail {
			t.Errorf("%s: %d runs, %q", tc.name, runs, failures)
		}
	}
}

// TestTrialFinds has rows do what is found only after their course.
func TestTrialFinds(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  func(r *rig, stop <-chan struct{})
		want string
	}{
		{"a goroutine", func(_ *rig, stop <-chan struct{}) { go func() { <-stop }() }, "1 goroutines are left over"},
		{"a secret", func(r *rig, _ <-chan struct{}) { r.options.Logger.Info("role", "external_id", nearSesame) }, "the log shows an external ID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stop := make(chan struct{})
			defer close(stop)
			x := newTrial(t)
			x.patience = time.Second
			row{run: func(r *rig) { tc.run(r, stop) }}.play(x, 1)
			if len(x.failures) != 1 || !strings.Contains(x.failures[0], tc.want) {
				t.Errorf("%q, want only %s", x.failures, tc.want)
			}
		})
	}
}
