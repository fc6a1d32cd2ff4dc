package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	maxRequestsPerSecond = 1000
	maxIssuesPerCluster  = 1000
	minRefreshInterval   = time.Second
	minRefreshTimeout    = time.Millisecond
)

// validate records what is wrong with a decoded and completed configuration, except where a mistake that r already
// has would be the cause.
func validate(r *report, c *Config) {
	validateRefresh(r, c.Refresh)
	if !visible(c.AWS.Profile) {
		r.addf("aws.profile", "must not have spaces round it or characters that cannot be printed")
	}
	if rps := c.AWS.RequestsPerSecond; !(rps > 0 && rps <= maxRequestsPerSecond) { // as written, refuses NaN
		r.addf("aws.requests_per_second", "must be above 0 and at most %d, not %v", maxRequestsPerSecond, rps)
	}
	if n := c.Issues.MaxPerCluster; n < 0 || n > maxIssuesPerCluster {
		r.addf("issues.max_per_cluster", "must be between 0 and %d, not %d", maxIssuesPerCluster, n)
	}
	if len(c.Targets) == 0 {
		r.addf("targets", "must have at least one entry; leave the key out for the ambient credentials")
	}
	for i, t := range c.Targets {
		if key := targetKey(i); !r.unusable(key) {
			validateTarget(r, key, t)
		}
	}
	validateNames(r, c.Targets)
	validateQuestions(r, c.Targets)
	validateAccountNames(r, c.Targets)
	for i, q := range c.Events {
		if key := queueKey(i); !r.unusable(key) {
			validateQueue(r, key, q)
		}
	}
	validateQueueNames(r, c.Events)
}

func targetKey(i int) string { return fmt.Sprintf("targets[%d]", i) }

func validateRefresh(r *report, refresh Refresh) {
	const interval, timeout, staleness = "refresh.interval", "refresh.timeout", "refresh.max_staleness"
	checkDuration(r, interval, refresh.Interval, minRefreshInterval)
	checkDuration(r, timeout, refresh.Timeout, minRefreshTimeout)
	checkDuration(r, staleness, refresh.MaxStaleness, minRefreshInterval)
	// The value that a message speaks of may be a default, which is not in the file for its author to see.
	describe := func(key string, d time.Duration) string {
		if r.given(key) {
			return fmt.Sprintf("%s (%s)", key, formatDuration(d))
		}
		return fmt.Sprintf("%s (%s, the default)", key, formatDuration(d))
	}
	if r.sound(interval, timeout) && refresh.Interval <= refresh.Timeout {
		r.addAcross(firstGiven(r, interval, timeout), "%s must be longer than %s",
			describe(interval, refresh.Interval), describe(timeout, refresh.Timeout))
	}
	if least := refresh.Interval + refresh.Timeout; r.sound(interval, timeout, staleness) && refresh.MaxStaleness < least {
		r.addAcross(firstGiven(r, staleness, interval, timeout), "%s must be at least %s and %s together",
			describe(staleness, refresh.MaxStaleness), describe(interval, refresh.Interval), describe(timeout, refresh.Timeout))
	}
}

func checkDuration(r *report, key string, d, least time.Duration) {
	if d < least || d > maxDuration {
		r.addf(key, "must be between %s and %s, not %s",
			formatDuration(least), formatDuration(maxDuration), formatDuration(d))
	}
}

// firstGiven returns the first of the keys that the file has, or the first of all.
func firstGiven(r *report, keys ...string) string {
	if i := slices.IndexFunc(keys, r.given); i >= 0 {
		return keys[i]
	}
	return keys[0]
}

// visible reports whether text is what it looks like: no space at its ends and nothing that cannot be printed.
func visible(text string) bool {
	return strings.TrimSpace(text) == text &&
		strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
