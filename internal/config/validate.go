package config

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	maxRequestsPerSecond = 1000
	maxIssuesPerCluster  = 1000
)

// validate records the mistakes in a decoded configuration with defaults, except those that only follow from a mistake
// already in errs.
func validate(errs *errorList, c *Config, now time.Time) {
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
	if reason := oneOf(DetailAll, DetailUnhealthy)(c.Detail); reason != "" {
		errs.addf("detail", "%s", reason)
	}
	if len(c.Targets) == 0 {
		errs.addf("targets", "must not be empty; omit the key to use the ambient credentials")
	}
	for i, t := range c.Targets {
		if key := targetKey(i); !errs.invalid(key) {
			validateTarget(errs, key, t)
			validateSchedule(errs, key, t, c.Refresh)
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
	validateExclusions(errs, c.Exclusions, now)
	validateExclusionsFile(errs, c)
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

// isPrintable reports whether text has no leading or trailing space and only printable characters.
func isPrintable(text string) bool {
	return strings.TrimSpace(text) == text &&
		strings.IndexFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}
