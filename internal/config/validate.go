package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/prometheus/common/model"
)

const (
	maxRequestsPerSecond = 1000
	maxIssuesPerCluster  = 1000
	minRefreshInterval   = time.Second
	minRefreshTimeout    = time.Millisecond
	// maxDuration limits every duration, so that a sum of durations cannot overflow.
	maxDuration = 365 * 24 * time.Hour
)

// validate records the mistakes in a decoded configuration with defaults, except those that only follow from a mistake
// already in errs.
func validate(errs *errorList, c *Config) {
	validateRefresh(errs, c.Refresh)
	if !isPrintable(c.AWS.Profile) {
		errs.addf("aws.profile", "must not contain leading or trailing spaces or non-printable characters")
	}
	if rps := c.AWS.RequestsPerSecond; !(rps > 0 && rps <= maxRequestsPerSecond) { // in this form it rejects NaN
		errs.addf("aws.requests_per_second", "must be above 0 and at most %d, not %v", maxRequestsPerSecond, rps)
	}
	if n := c.Issues.MaxPerCluster; n < 0 || n > maxIssuesPerCluster {
		errs.addf("issues.max_per_cluster", "must be between 0 and %d, not %d", maxIssuesPerCluster, n)
	}
	if len(c.Targets) == 0 {
		errs.addf("targets", "must not be empty; omit the key to use the ambient credentials")
	}
	for i, t := range c.Targets {
		if key := targetKey(i); !errs.invalid(key) {
			validateTarget(errs, key, t)
		}
	}
	validateNames(errs, c.Targets)
	validateListings(errs, c.Targets)
	validateAccountNames(errs, c.Targets)
	validateTagLabels(errs, c.Targets)
	for i, q := range c.Events {
		if key := queueKey(i); !errs.invalid(key) {
			validateQueue(errs, key, q)
		}
	}
	validateQueueNames(errs, c.Events)
	validateSinglePartition(errs, c)
}

// validateSinglePartition rejects targets and queues in different partitions, because credentials are valid in only one
// and all roles are assumed with the same ambient credentials.
func validateSinglePartition(errs *errorList, c *Config) {
	firstKey, first := "", ""
	check := func(key, partition string) {
		switch {
		case partition == "" || !errs.valid(join(key, "role_arn"), join(key, "regions"), join(key, "region")):
		case first == "":
			firstKey, first = key, partition
		case partition != first:
			errs.addf(key, "is in the partition %s, but %s (line %d) is in %s; use one exporter for each partition",
				partition, firstKey, errs.line(firstKey), first)
		}
	}
	for i, t := range c.Targets {
		check(targetKey(i), t.Partition())
		if t.ECS != nil {
			check(ecsKey(i), t.ECS.partition())
		}
	}
	for i, q := range c.Events {
		if errs.valid(join(queueKey(i), "queue_url")) {
			check(queueKey(i), q.partition())
		}
	}
}

func targetKey(i int) string { return fmt.Sprintf("targets[%d]", i) }

func validateRefresh(errs *errorList, refresh Refresh) {
	const interval, timeout, staleness = "refresh.interval", "refresh.timeout", "refresh.max_staleness"
	checkDuration(errs, interval, refresh.Interval, minRefreshInterval)
	checkDuration(errs, timeout, refresh.Timeout, minRefreshTimeout)
	checkDuration(errs, staleness, refresh.MaxStaleness, minRefreshInterval)
	// Mark defaults, because the file does not contain them.
	describe := func(key string, d time.Duration) string {
		if errs.isSet(key) {
			return fmt.Sprintf("%s (%s)", key, model.Duration(d))
		}
		return fmt.Sprintf("%s (%s, the default)", key, model.Duration(d))
	}
	if errs.valid(interval, timeout) && refresh.Interval <= refresh.Timeout {
		errs.addCross(firstSet(errs, interval, timeout), "%s must be longer than %s",
			describe(interval, refresh.Interval), describe(timeout, refresh.Timeout))
	}
	if least := refresh.Interval + refresh.Timeout; errs.valid(interval, timeout, staleness) && refresh.MaxStaleness < least {
		errs.addCross(firstSet(errs, staleness, interval, timeout), "%s must be at least the sum of %s and %s",
			describe(staleness, refresh.MaxStaleness), describe(interval, refresh.Interval), describe(timeout, refresh.Timeout))
	}
}

func checkDuration(errs *errorList, key string, d, least time.Duration) {
	if d < least || d > maxDuration {
		errs.addf(key, "must be between %s and %s, not %s",
			model.Duration(least), model.Duration(maxDuration), model.Duration(d))
	}
}

// firstSet returns the first key that the file contains, or keys[0] if it contains none.
func firstSet(errs *errorList, keys ...string) string {
	if i := slices.IndexFunc(keys, errs.isSet); i >= 0 {
		return keys[i]
	}
	return keys[0]
}

// isPrintable reports whether text has no leading or trailing space and only printable characters.
func isPrintable(text string) bool {
	return strings.TrimSpace(text) == text &&
		strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
