package status

import (
	"fmt"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// summarize counts over the unfiltered lists.
func (b *builder) summarize(s *Status) {
	sum := &s.Summary
	for _, t := range b.View.Totals {
		if t.ResourceType == coverage.ECS {
			sum.Clusters += t.ByStatus.Sum()
			sum.HealthyClusters += t.ByStatus[coverage.Healthy]
		} else {
			sum.OtherResources += t.ByStatus.Sum()
			sum.OtherUncovered += t.ByStatus.Sum() - t.ByStatus[coverage.Healthy]
		}
	}
	if sum.Clusters > 0 {
		percent := float64(sum.HealthyClusters) / float64(sum.Clusters) * 100
		sum.CoveragePercent = &percent
	}
	sum.EndingExclusions = b.endingExclusions()
	for i := range s.Targets {
		t := &s.Targets[i]
		sum.Targets++
		if t.State != "" && t.State != string(coverage.OK) {
			sum.FailedTargets++
		}
		if t.Withdrawn {
			sum.WithdrawnTargets++
		}
		if t.State != string(coverage.Denied) {
			sum.RefusedParts += len(t.Refused)
		}
	}
	for i := range s.Queues {
		if q := &s.Queues[i]; !q.Up && q.LastError != nil {
			sum.FailedQueues++
		}
	}
	for i := range s.ECSAccounts {
		if !s.ECSAccounts[i].Up {
			sum.FailedECSAccounts++
		}
	}
	for i := range s.Coverage {
		if c := &s.Coverage[i]; !c.Known && c.ResourceType == string(coverage.ECS) {
			sum.UnknownCoverage++
		}
	}
}

func (s *Status) health() Health {
	sum := &s.Summary
	switch {
	case sum.UnhealthyClusters+sum.UnlistedClusters > 0, sum.OtherUncovered > 0:
		return NotCovered
	case !s.Ready, sum.Clusters+sum.OtherResources == 0, sum.FailedTargets+sum.RefusedParts+sum.FailedECSAccounts+sum.UnknownCoverage+sum.FailedQueues > 0:
		return Unknown
	}
	return Covered
}

func (s *Status) verdict() string {
	sum := &s.Summary
	parts := []string{fmt.Sprintf("%d of %d clusters covered", sum.HealthyClusters, sum.Clusters)}
	switch {
	case sum.Clusters == 0 && sum.OtherResources > 0:
		parts[0] = "no ECS cluster is listed"
	case sum.Clusters == 0:
		parts[0] = "coverage is not known: no cluster is listed"
	}
	if !s.Ready {
		parts = append(parts, "not all targets have been read yet")
	}
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{int(sum.OtherUncovered), "EC2 instance or EKS cluster not covered", "EC2 instances and EKS clusters not covered"},
		{sum.UnlistedClusters, "cluster not listed by GuardDuty", "clusters not listed by GuardDuty"},
		{sum.FailedTargets, "target not readable", "targets not readable"},
		{sum.UnknownCoverage, "account and Region not known", "accounts and Regions not known"},
		{sum.RefusedParts, "part refused by AWS", "parts refused by AWS"},
		{sum.FailedECSAccounts, "account whose ECS is not readable", "accounts whose ECS is not readable"},
		{sum.FailedQueues, "event queue failing", "event queues failing"},
		{sum.ExcludedClusters, "uncovered cluster excluded", "uncovered clusters excluded"},
		{sum.EndingExclusions, "exclusion ends within 14 days", "exclusions end within 14 days"},
		{sum.ServicesToDeploy, "service needs a new deployment", "services need a new deployment"},
	} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
		}
	}
	return strings.Join(parts, "; ")
}
