// Package capacity computes how many calls of AWS a configuration makes for a
// fleet of a given size, and what they cost. Nothing is asked.
//
// The numbers of pages are those of the API references: 50 rows of ListCoverage,
// 50 members of ListMembers, 50 accounts of GetMemberDetectors, 20 seconds of a
// ReceiveMessage without a message. Prices are those of the page on Amazon SQS
// pricing for us-east-1; there is no known price of a call to GuardDuty.
package capacity

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

const (
	rowsPerPage = 50
	// earliest is the part of an interval after which a refresh may come again;
	// the latest is the whole.
	earliest = 0.9

	pollsPerMinute = 3
	hoursPerMonth  = 730
	// DollarsPerMillion requests to standard queues of Amazon SQS in us-east-1,
	// after those that are free: https://aws.amazon.com/sqs/pricing/.
	DollarsPerMillion = 0.40
)

// Target is what there is to read in a Region with a role.
type Target struct {
	NoDetector       bool
	Rows             map[string]int // of each resource type that is listed
	AllEC2           bool           // ec2.only_ecs: false
	Detector         bool
	Members, Enabled int // accounts under the detector; none are asked for where there are none
}

// Calls is the number of GuardDuty calls of one refresh, after the first one,
// of a fleet that does not move meanwhile. With members, a large listing is
// split and may take about a tenth more.
func (t Target) Calls() int {
	if t.NoDetector {
		return 1 // ListDetectors
	}
	calls := 0
	for resourceType, rows := range t.Rows {
		calls += Pages(rows, rowsPerPage) // ListCoverage
		if resourceType != "EC2" || t.AllEC2 {
			calls += 2 // GetCoverageStatistics, before and after
		}
	}
	if t.Detector {
		calls++ // GetDetector
	}
	if t.Members > 0 {
		calls += Pages(t.Members, rowsPerPage) // ListMembers
	}
	if t.Enabled > 0 {
		calls += Pages(t.Enabled, rowsPerPage) // GetMemberDetectors
	}
	return calls
}

// Pages is how many there are of n items; a listing of nothing has one.
func Pages(n, size int) int { return max(1, (n+size-1)/size) }

// QueueRequests is the number of requests to an empty queue in a month.
func QueueRequests(queues int) int { return queues * pollsPerMinute * 60 * hoursPerMonth }

// Load is what a configuration asks of AWS.
type Load struct {
	Clusters  int
	Targets   int
	PerTarget int           // clusters of the largest target
	Calls     int           // of GuardDuty, in one refresh of all targets
	Interval  time.Duration // between two refreshes
	Slowest   time.Duration // the least that the largest refresh takes
	Timeout   time.Duration // the most that a refresh may take
	Queues    int
	AllIsMany bool // regions: [all] was taken for those that cannot be off

	perSecond float64 // the request rate
}

// Of returns the load of a configuration with so many ECS clusters, which are
// spread evenly over its targets. What else is configured counts as if there
// were none of it, that is with one page.
func Of(cfg *config.Config, clusters int) Load {
	l := Load{
		Clusters: clusters, perSecond: cfg.AWS.RequestsPerSecond, Interval: cfg.Refresh.Interval, Timeout: cfg.Refresh.Timeout, Queues: len(cfg.Events),
	}
	regions := make([]int, len(cfg.Targets))
	for i, t := range cfg.Targets {
		regions[i] = max(1, len(t.Regions))
		if t.AllRegions() {
			regions[i], l.AllIsMany = len(awsregion.Default()), true
		}
		l.Targets += regions[i]
	}
	l.PerTarget = (clusters + l.Targets - 1) / l.Targets
	largest := 0
	for i, t := range cfg.Targets {
		asked := Target{Rows: map[string]int{}, AllEC2: !cfg.EC2.OnlyECS, Detector: t.Detector}
		for _, resourceType := range t.ResourceTypes {
			asked.Rows[resourceType] = 0
		}
		if _, ok := asked.Rows["ECS"]; ok {
			asked.Rows["ECS"] = l.PerTarget
		}
		l.Calls += regions[i] * asked.Calls()
		largest = max(largest, asked.Calls())
	}
	l.Slowest = time.Duration(float64(largest-1) / cfg.AWS.RequestsPerSecond * float64(time.Second))
	return l
}

// PerHour bounds the calls of GuardDuty in an hour.
func (l Load) PerHour() (least, most float64) {
	least = float64(l.Calls) * float64(time.Hour) / float64(l.Interval)
	return least, least / earliest
}

// DollarsPerMonth is the price of the queues, without what is free.
func (l Load) DollarsPerMonth() float64 {
	return float64(QueueRequests(l.Queues)) / 1e6 * DollarsPerMillion
}

// Err says that the largest refresh cannot end in time, its first call of
// ListDetectors included.
func (l Load) Err() error {
	needed := l.Slowest + time.Duration(float64(time.Second)/l.perSecond)
	if needed < l.Timeout {
		return nil
	}
	return fmt.Errorf("%s clusters in one target take at least %s to list for the first time, and refresh.timeout (%s) is not longer: "+
		"raise aws.requests_per_second, or refresh.timeout and refresh.interval",
		Thousands(l.PerTarget), needed.Truncate(time.Millisecond), l.Timeout)
}

// String returns the load in a few lines.
func (l Load) String() string {
	var b strings.Builder
	in := "1 target"
	if l.Targets > 1 {
		in = fmt.Sprintf("each of %d targets", l.Targets)
	}
	fmt.Fprintf(&b, "%s ECS clusters, %s in %s:\n", Thousands(l.Clusters), Thousands(l.PerTarget), in)
	fmt.Fprintf(&b, "  %s calls of GuardDuty in a refresh of all, %s in an hour\n", Thousands(l.Calls), Span(l.PerHour()))
	fmt.Fprintf(&b, "  the largest refresh takes at least %.1f s of %s\n", l.Slowest.Seconds(), l.Timeout)
	if l.Queues > 0 {
		fmt.Fprintf(&b, "  queues: %d, with %s requests and $%.2f in a month\n", l.Queues, Thousands(QueueRequests(l.Queues)), l.DollarsPerMonth())
	}
	if l.AllIsMany {
		fmt.Fprintf(&b, "  regions: [all] counts as %d Regions\n", len(awsregion.Default()))
	}
	b.WriteString("  instances, EKS clusters, members, account names and credentials come on top\n")
	return b.String()
}

// Span writes bounds, outward to whole numbers.
func Span(least, most float64) string {
	const tiny = 1e-9 // of rounding
	from, to := int(math.Floor(least+tiny)), int(math.Ceil(most-tiny))
	if from == to {
		return Thousands(from)
	}
	return Thousands(from) + "–" + Thousands(to)
}

// Thousands writes a number with commas.
func Thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}
