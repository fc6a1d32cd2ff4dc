package ecs

import (
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// maxStaleness is the number of intervals after which what cannot be read any more
// is too old to be reported.
const maxStaleness = 4

// diagnose replaces the diagnosis of a cluster. What AWS refuses now and did not
// before stays until it is stale.
func (a *account) diagnose(c *clusterState, e diagnosis.Evidence) {
	a.known.Complete(&e)
	d := a.target.monitor.o.Diagnose(e)
	d.Tags = a.target.chosen(d.Tags)
	refusedSince := time.Time{}
	if c.diagnosis != nil {
		if since := a.unreadSince(c); d.Lacks(*c.diagnosis) && !a.isStale(since) {
			d, refusedSince = d.Retaining(*c.diagnosis), since
		}
	}
	c.diagnosis, c.refusedSince = &d, refusedSince
}

// chosen returns the sanitized values of the tags that reports have; nil if the
// tags are unknown.
func (t *Target) chosen(tags map[string]string) map[string]string {
	if tags == nil {
		return nil
	}
	chosen := map[string]string{}
	for _, key := range t.Tags {
		if value, ok := tags[key]; ok {
			chosen[key] = coverage.Sanitize(value)
		}
	}
	return chosen
}

// diagnoseUnread gives the pending clusters that have not been read yet, or not for
// too long, a diagnosis that reports why they cannot be read.
func (a *account) diagnoseUnread(err error) {
	cause := awserr.CauseOf(err)
	denied, reason := awserr.Refusal(a.key.region, err)
	refusal := diagnosis.Refusal{Action: action(cause.Operation), Denied: denied, Reason: reason}
	if strings.HasPrefix(cause.Operation, "AssumeRole") {
		refusal.Action = "sts:" + cause.Operation
	}
	for name, c := range a.clusters {
		if c.pending && c.diagnosis == nil || a.isStale(a.unreadSince(c)) {
			a.diagnose(c, diagnosis.Evidence{
				Cluster: diagnosis.Cluster{AccountID: a.key.id, Region: a.key.region, Name: name},
				ReadAt:  time.Now(), Row: c.Row, Refusals: []diagnosis.Refusal{refusal},
			})
		}
	}
}

// unreadSince returns since when a cluster could not be read, or not completely;
// now if it could be at the last attempt.
func (a *account) unreadSince(c *clusterState) time.Time {
	switch {
	case !c.refusedSince.IsZero():
		return c.refusedSince
	case a.failures == 0:
		return time.Now()
	case c.readAt.After(a.failingSince):
		return c.readAt
	}
	return a.failingSince
}

// isStale reports whether what could be read until then is too old.
func (a *account) isStale(unreadSince time.Time) bool {
	return time.Since(unreadSince) > maxStaleness*a.target.Interval
}
