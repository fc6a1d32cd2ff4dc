package e2e

import (
	"regexp"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// scale divides all durations of the rules and the routing: a minute becomes 0.6 s.
const scale = 100

// durations matches the durations of a PromQL expression: range and step in
// brackets, and offsets. It does not match brackets in the regular expression of a
// matcher.
var durations = regexp.MustCompile(`\[\s*[0-9a-z]+\s*(?::\s*(?:[0-9a-z]+)?\s*)?\]|\boffset\s+-?\s*[0-9a-z]+`)

// duration matches one duration of PromQL or of the configuration files.
var duration = regexp.MustCompile(`\b(?:[0-9]+(?:ms|[smhdwy]))+\b`)

// scaleExpression divides the durations of a PromQL expression by scale. It does
// not change numbers of seconds, as in time() - x > 1800, which are compared with
// timestamps of the real clock.
func scaleExpression(expression string) string {
	return durations.ReplaceAllStringFunc(expression, func(found string) string {
		return duration.ReplaceAllStringFunc(found, scaleDuration)
	})
}

// scaleDuration divides a duration by scale.
func scaleDuration(text string) string {
	d, err := model.ParseDuration(text)
	if err != nil {
		return text // the reader of the file reports it
	}
	return (d / scale).String()
}

func TestScaleExpression(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{`up == 0`, `up == 0`},
		{`a:x:last10m == 0`, `a:x:last10m == 0`},
		{`rate(x[5m])`, `rate(x[3s])`},
		{`x offset 1h`, `x offset 36s`},
		{`x offset -30m`, `x offset -18s`},
		{`max_over_time(x[1d])`, `max_over_time(x[14m24s])`},
		{`max_over_time(x[1h30m] offset 15m) > 0`, `max_over_time(x[54s] offset 9s) > 0`},
		{`min_over_time((a / b)[30m:1m])`, `min_over_time((a / b)[18s:600ms])`},
		{`min_over_time((a / b)[1h:])`, `min_over_time((a / b)[36s:])`},
		{`rate(x[ 30s ])`, `rate(x[ 300ms ])`},
		{`rate(x{a="b"}[5m])`, `rate(x{a="b"}[3s])`},
		{`x{region=~"eu-[a-z]+-[1-3]"}`, `x{region=~"eu-[a-z]+-[1-3]"}`},
		{`x{offset_5m="offset"} offset 5m`, `x{offset_5m="offset"} offset 3s`},
		{`time() - x > 1800`, `time() - x > 1800`},
		{"x\n  offset 1h\n  unless y", "x\n  offset 36s\n  unless y"},
	} {
		if got := scaleExpression(c.expression); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.expression, got, c.want)
		}
	}
}

func TestScaleDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"15m": 9 * time.Second, "4h": 144 * time.Second, "30s": 300 * time.Millisecond} {
		if got, err := model.ParseDuration(scaleDuration(text)); err != nil || time.Duration(got) != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got := scaleDuration("soon"); got != "soon" {
		t.Errorf("invalid duration changed to %q", got)
	}
}
