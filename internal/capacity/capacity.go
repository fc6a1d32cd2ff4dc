// Package capacity estimates how many AWS requests a configuration makes for a
// fleet of a given size, and what they cost. It makes no requests itself.
//
// Page sizes are from the API references: 50 rows of ListCoverage, 50 members
// of ListMembers and 50 accounts of GetMemberDetectors. An empty
// ReceiveMessage takes 20 seconds. The price is that of Amazon SQS in
// us-east-1; no price of a GuardDuty request is published (read November 2026).
package capacity

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	rowsPerPage = 50
	// minIntervalFraction is the shortest time between two refreshes, as a fraction of
	// the interval.
	minIntervalFraction = 0.9

	pollsPerMinute = 3
	hoursPerMonth  = 730
	// DollarsPerMillion is the price of a million requests to standard queues
	// of Amazon SQS in us-east-1, beyond the free ones:
	// https://aws.amazon.com/sqs/pricing/ (read November 2026).
	DollarsPerMillion = 0.40
)

// Listing is what a refresh of one target reads in one Region.
type Listing struct {
	NoDetector bool                          // GuardDuty is not enabled in the Region
	Rows       map[coverage.ResourceType]int // rows of each resource type in resource_types
	AllEC2     bool                          // ec2.only_ecs is false
	Detector   bool                          // detector is true
	Members    int                           // member accounts; 0 if members is false
	Enabled    int                           // enabled member accounts
}

// Calls returns the number of GuardDuty calls of one refresh. It excludes the
// ListDetectors call of the first refresh, and assumes that the fleet does not
// change during the refresh. With members, a large listing is split and may
// need about a tenth more.
func (l Listing) Calls() int {
	if l.NoDetector {
		return 1 // ListDetectors
	}
	calls := 1 // GetCoverageStatistics by resource type
	for resourceType, rows := range l.Rows {
		calls += Pages(rows, rowsPerPage) // ListCoverage
		if resourceType != coverage.EC2 || l.AllEC2 {
			calls += 2 // GetCoverageStatistics, before and after
		}
	}
	if l.Detector {
		calls++ // GetDetector
	}
	if l.Members > 0 {
		calls += Pages(l.Members, rowsPerPage) // ListMembers
	}
	if l.Enabled > 0 {
		calls += Pages(l.Enabled, rowsPerPage) // GetMemberDetectors
	}
	return calls
}

// Pages returns the number of pages of n items. An empty listing has one page.
func Pages(n, size int) int { return max(1, (n+size-1)/size) }

// QueueRequests returns the number of requests to empty queues in a month.
func QueueRequests(queues int) int { return queues * pollsPerMinute * 60 * hoursPerMonth }

// Plan is an estimate for a configuration.
type Plan struct {
	Clusters   int
	Targets    int           // one for each role and Region
	PerTarget  int           // clusters of the largest target
	Calls      int           // GuardDuty calls to refresh every target once
	Slowest    time.Duration // minimum duration of the refresh that has the least time to spare
	Timeout    time.Duration // maximum duration of that refresh
	Queues     int
	AllRegions bool // regions: [all] was counted as the Regions that cannot be disabled

	perSecond float64 // request rate limit
	perHour   float64 // GuardDuty calls without jitter
}

// Estimate returns the plan of a configuration for a number of ECS clusters,
// evenly distributed over its targets. Every other kind of data is assumed to
// be empty, so it counts as one page.
func Estimate(cfg *config.Config, clusters int) Plan {
	p := Plan{
		Clusters: clusters, perSecond: cfg.AWS.RequestsPerSecond,
		Queues: len(cfg.Events),
	}
	regions := make([]int, len(cfg.Targets))
	for i, t := range cfg.Targets {
		regions[i] = max(1, len(t.Regions))
		if t.AllRegions() {
			regions[i], p.AllRegions = len(awsregion.Default()), true
		}
		p.Targets += regions[i]
	}
	p.PerTarget = (clusters + p.Targets - 1) / p.Targets
	for i, t := range cfg.Targets {
		listing := Listing{Rows: map[coverage.ResourceType]int{}, AllEC2: !cfg.EC2.OnlyECS, Detector: t.Detector}
		for _, resourceType := range t.ResourceTypes {
			listing.Rows[resourceType] = 0
		}
		if _, ok := listing.Rows[coverage.ECS]; ok {
			listing.Rows[coverage.ECS] = p.PerTarget
		}
		calls := regions[i] * listing.Calls()
		p.Calls += calls
		p.perHour += float64(calls) * float64(time.Hour) / float64(t.Interval)
		needed := time.Duration(float64(listing.Calls()-1) / p.perSecond * float64(time.Second))
		if p.Timeout == 0 || needed-t.Timeout > p.Slowest-p.Timeout {
			p.Slowest, p.Timeout = needed, t.Timeout
		}
	}
	return p
}

// PerHour returns bounds for the number of GuardDuty calls per hour.
func (p Plan) PerHour() (least, most float64) {
	return p.perHour, p.perHour / minIntervalFraction
}

// DollarsPerMonth returns the price of the queues, including the free requests.
func (p Plan) DollarsPerMonth() float64 {
	return float64(QueueRequests(p.Queues)) / 1e6 * DollarsPerMillion
}

// Err returns an error if the first refresh of a target, which also
// calls ListDetectors, cannot finish before its timeout.
func (p Plan) Err() error {
	needed := p.Slowest + time.Duration(float64(time.Second)/p.perSecond)
	if needed < p.Timeout {
		return nil
	}
	return fmt.Errorf("the first refresh of a target with %s clusters takes at least %s, longer than its timeout (%s): "+
		"raise aws.requests_per_second, or the timeout and the interval",
		Thousands(p.PerTarget), needed.Truncate(time.Millisecond), p.Timeout)
}

// String returns the plan in a few lines.
func (p Plan) String() string {
	var b strings.Builder
	in := "1 target"
	if p.Targets > 1 {
		in = fmt.Sprintf("each of %d targets", p.Targets)
	}
	fmt.Fprintf(&b, "%s ECS clusters, %s in %s:\n", Thousands(p.Clusters), Thousands(p.PerTarget), in)
	fmt.Fprintf(&b, "  GuardDuty calls: %s per refresh of all targets, %s per hour\n", Thousands(p.Calls), Span(p.PerHour()))
	fmt.Fprintf(&b, "  refresh with the least time to spare: at least %.1f s, timeout %s\n", p.Slowest.Seconds(), p.Timeout)
	if p.Queues > 0 {
		fmt.Fprintf(&b, "  queues: %d, %s requests and $%.2f per month\n", p.Queues, Thousands(QueueRequests(p.Queues)), p.DollarsPerMonth())
	}
	if p.AllRegions {
		fmt.Fprintf(&b, "  regions: [all] counts as %d Regions\n", len(awsregion.Default()))
	}
	b.WriteString("  excluding instances, EKS clusters, members, account names, credentials and ecs\n")
	return b.String()
}

// Span formats bounds, rounded outward to whole numbers.
func Span(least, most float64) string {
	const epsilon = 1e-9 // for rounding errors
	from, to := int(math.Floor(least+epsilon)), int(math.Ceil(most-epsilon))
	if from == to {
		return Thousands(from)
	}
	return Thousands(from) + "–" + Thousands(to)
}

// Thousands formats n with commas.
func Thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}
