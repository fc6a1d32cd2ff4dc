package events

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBackoff(t *testing.T) {
	longest := []time.Duration{1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 60e9, 60e9}
	for i, want := range append(longest, make([]time.Duration, 100)...) {
		if want == 0 {
			want = time.Minute
		}
		if low, high := backoff(i+1, 0), backoff(i+1, 1); low != want/2 || high != want {
			t.Errorf("after %d failures between %v and %v, want up to %v", i+1, low, high, want)
		}
	}
}

func TestPacer(t *testing.T) {
	type step struct {
		messages int
		err      error
		took     time.Duration

		limit       int32 // of the next receive, as are the others
		wait, pause time.Duration
	}
	failed := errors.New("failed")
	p := newPacer()
	if p.limit != 10 || p.wait() != 0 {
		t.Errorf("begins with %d messages and %v", p.limit, p.wait())
	}
	for i, s := range []step{
		{limit: 10, wait: longPoll},
		{took: longPoll, limit: 10, wait: longPoll, pause: time.Second - longPoll},
		{took: time.Millisecond, limit: 10, wait: longPoll, pause: 999 * time.Millisecond},
		{messages: 10, limit: 10, wait: longPoll},
		{err: failed, limit: 1, pause: time.Second},
		{err: failed, limit: 1, pause: 2 * time.Second},
		{limit: 1, wait: longPoll},
		{took: longPoll, limit: 1, wait: longPoll, pause: time.Second - longPoll},
		{messages: 1, limit: 2, wait: longPoll},
		{messages: 1, limit: 3, wait: longPoll},
		{err: failed, limit: 1, pause: time.Second},
	} {
		pause := p.next(s.messages, s.err, s.took, 1)
		if p.limit != s.limit || p.wait() != s.wait || pause != s.pause {
			t.Errorf("step %d: next %d messages, waiting for %v, after %v; want %+v", i, p.limit, p.wait(), pause, s)
		}
	}
}

func TestRedeliveryDelay(t *testing.T) {
	var delays []time.Duration
	for receives := 1; ; receives++ {
		delay, again := redeliveryDelay(receives)
		if !again {
			break
		}
		delays = append(delays, delay)
	}
	if diff := cmp.Diff([]time.Duration{2e9, 5e9, 15e9, 30e9, 60e9}, delays); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, receives := range []int{-1, 0, 6, 1000} {
		if _, again := redeliveryDelay(receives); again {
			t.Errorf("looks again at a message received %d times", receives)
		}
	}
}

func TestRecentIDs(t *testing.T) {
	m := newRecentIDs(3)
	for _, c := range []struct {
		text  string
		isNew bool
	}{
		{"a", true},
		{"a", false},
		{"b", true},
		{"c", true},
		{"a", false},
		{"d", true}, // in place of a
		{"b", false},
		{"a", true}, // in place of b
		{"b", true},
		{"d", false},
	} {
		if isNew := m.add(c.text); isNew != c.isNew {
			t.Errorf("%s is new: %t", c.text, isNew)
		}
	}
	for i := range 100 {
		m.add(fmt.Sprint(i))
	}
	if len(m.known) != 3 {
		t.Errorf("remembers %d texts, want 3", len(m.known))
	}
}
