package refresh

import (
	"math"
	"testing"
	"time"
)

func TestFirstDelay(t *testing.T) {
	for _, tc := range []struct {
		name     string
		i, n     int
		interval time.Duration
		want     time.Duration
	}{
		{"one target", 0, 1, time.Minute, 0},
		{"the first of many", 0, 1000, time.Minute, 0},
		{"the second of two", 1, 2, 5 * time.Minute, 50 * time.Millisecond},
		{"the last of 200 within a minute", 199, 200, time.Minute, 199 * 50 * time.Millisecond},
		{"the last of 600 fills half a minute", 599, 600, time.Minute, 599 * 50 * time.Millisecond},
		{"the last of 1000 is pressed for time", 999, 1000, time.Minute, 999 * 30 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := firstDelay(tc.i, tc.n, tc.interval); got != tc.want {
				t.Errorf("firstDelay(%d, %d, %v) is %v, want %v", tc.i, tc.n, tc.interval, got, tc.want)
			}
		})
	}
}

func TestFirstDelaysAreSpread(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, time.Minute, time.Hour} {
		for _, n := range []int{1, 2, 3, 50, 1000, 20_000} {
			previous := time.Duration(-1)
			for i := range n {
				delay := firstDelay(i, n, interval)
				if delay <= previous || delay > interval/2 {
					t.Fatalf("firstDelay(%d, %d, %v) is %v after %v", i, n, interval, delay, previous)
				}
				previous = delay
			}
		}
	}
}

func TestNextStart(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		random float64
		want   time.Duration
	}{
		{0, 100 * time.Second},
		{0.5, 95 * time.Second},
		{0.25, 97500 * time.Millisecond},
		{math.Nextafter(1, 0), 90 * time.Second},
	} {
		if got := nextStart(start, 100*time.Second, tc.random).Sub(start); got != tc.want {
			t.Errorf("with %v the next refresh starts after %v, want %v", tc.random, got, tc.want)
		}
	}
}
