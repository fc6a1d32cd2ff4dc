package statuspage

import (
	"testing"
	"time"
)

func TestCodeIsEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"a `b<i>` c & `d`": "a <code>b&lt;i&gt;</code> c &amp; <code>d</code>",
		"`<script>":        "<code>&lt;script&gt;</code>",
		"":                 "",
	} {
		if got := string(code(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "0 s", 59 * time.Second: "59 s", 119 * time.Minute: "119 min", 2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 48 * time.Hour: "2 d",
	} {
		at := now.Add(-d)
		if got := age(now, &at); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	at := now.Add(time.Minute)
	if got := next(now, &at); got != "in 1 min" {
		t.Errorf("%q", got)
	}
	if got := next(now, &now); got != "running" {
		t.Errorf("%q", got)
	}
}

// TestPercentIsNotRoundedUp: 100 % is all.
func TestPercentIsNotRoundedUp(t *testing.T) {
	for p, want := range map[float64]string{100: "100 %", 99.999: "99.9 %", 80: "80 %", 83.333: "83.3 %", 0: "0 %"} {
		if got := percent(&p); got != want {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
}
