package deploy_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"guardduty_coverage_exporter/internal/config"
	"guardduty_coverage_exporter/internal/coverage"
)

// The numbers of docs/cost.md come from here; requests_test.go holds what they rest on against the code.
const (
	rowsPerPage     = 50  // of ListCoverage and ListMembers, and accounts of one GetMemberDetectors
	accountsPerPage = 20  // of ListAccounts
	earliest        = 0.9 // part of the interval after which a refresh may come again; the latest is the whole
	roleMinutes     = 60  // life of assumed credentials
	renewBefore     = 5   // minutes before their end that they are renewed
)

// target is what there is to read in a Region with a role.
type target struct {
	noDetector       bool
	rows             map[coverage.ResourceType]int // of each type that is listed
	allEC2           bool                          // ec2.only_ecs: false
	detector         bool
	members, enabled int // accounts under the detector; none are asked for where there are none
}

func clusters(n int) target { return target{rows: map[coverage.ResourceType]int{coverage.ECS: n}} }

// fleet is an example.
type fleet struct {
	name     string
	targets  []target
	roles    int // assumed
	all      int // entries with regions: [all]
	accounts int // of the organization, where their names are read
}

func exampleFleets() []fleet {
	withEC2 := target{rows: map[coverage.ResourceType]int{coverage.ECS: 400, coverage.EC2: 3000}}
	whole := target{
		rows:     map[coverage.ResourceType]int{coverage.ECS: 400, coverage.EC2: 3000, coverage.EKS: 60},
		detector: true, members: 120, enabled: 120,
	}
	return []fleet{
		{name: "One account, one Region, 12 clusters", targets: times(1, clusters(12))},
		{name: "Delegated administrator, 3 Regions with 400 clusters each", targets: times(3, clusters(400)), roles: 1},
		{name: "The same with `EC2`, 3,000 instances in each Region", targets: times(3, withEC2), roles: 1},
		{
			name:    "The same with `EKS` too, 60 clusters in each Region, `detector`, `members` (120 accounts) and `account_names`",
			targets: times(3, whole), roles: 1, accounts: 122,
		},
		{
			name:    "Delegated administrator, `[all]`: 2 Regions with 2,500 clusters each, 12 with none, 3 without a detector",
			targets: slices.Concat(times(2, clusters(2500)), times(12, clusters(0)), times(3, target{noDetector: true})),
			roles:   1, all: 1,
		},
		{name: "Delegated administrator, 4 Regions with 10,000 clusters each", targets: times(4, clusters(10_000)), roles: 1},
		{name: "200 accounts with a role each, 2 Regions with 10 clusters each", targets: times(400, clusters(10)), roles: 200},
	}
}

func times(n int, t target) []target { return slices.Repeat([]target{t}, n) }

// pages is how many there are of n items; a listing of nothing has one.
func pages(n, size int) int { return max(1, (n+size-1)/size) }

// refreshCalls is the number of GuardDuty calls of one refresh of a target, after the first one.
func refreshCalls(t target) int {
	if t.noDetector {
		return 1 // ListDetectors
	}
	calls := 0
	for resourceType, rows := range t.rows {
		calls += pages(rows, rowsPerPage) // ListCoverage
		if resourceType != coverage.EC2 || t.allEC2 {
			calls++ // GetCoverageStatistics
		}
	}
	if t.detector {
		calls++ // GetDetector
	}
	if t.members > 0 {
		calls += pages(t.members, rowsPerPage) // ListMembers
	}
	if t.enabled > 0 {
		calls += pages(t.enabled, rowsPerPage) // GetMemberDetectors
	}
	return calls
}

// row is the line of the fleet in the table.
func (f fleet) row(cfg *config.Config) string {
	calls, largest := 0, 0
	for _, t := range f.targets {
		calls += refreshCalls(t)
		largest = max(largest, refreshCalls(t))
	}
	least := 60 / cfg.Refresh.Interval.Minutes() // refreshes in an hour
	perHour := func(calls int) string { return span(float64(calls)*least, float64(calls)*least/earliest) }
	// A refresh renews the credentials: one interval after they are due at the latest.
	due := float64(roleMinutes - renewBefore)
	roles := span(float64(f.roles)*60/(due+cfg.Refresh.Interval.Minutes()), float64(f.roles)*60/due)
	names := 0
	if f.accounts > 0 {
		names = pages(f.accounts, accountsPerPage)
	}
	seconds := float64(largest-1) / cfg.AWS.RequestsPerSecond
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %.1f s |\n",
		f.name, thousands(calls), perHour(calls), roles, perHour(f.all), perHour(names), seconds)
}

// span writes bounds, outward to whole numbers.
func span(least, most float64) string {
	const tiny = 1e-9 // of rounding
	from, to := int(math.Floor(least+tiny)), int(math.Ceil(most-tiny))
	if from == to {
		return thousands(from)
	}
	return thousands(from) + "–" + thousands(to)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func TestCost(t *testing.T) {
	cfg, err := config.Parse("defaults", nil)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| Fleet | Calls of one refresh of all | GuardDuty calls per hour | AssumeRole per hour | ListRegions per hour | ListAccounts per hour | Largest refresh, at least |\n")
	table.WriteString("|---|---|---|---|---|---|---|\n")
	for _, f := range exampleFleets() {
		table.WriteString(f.row(cfg))
	}
	// In the time of one refresh: a first call at once, then one each turn. The first refresh also has ListDetectors.
	calls := 1 + int(cfg.Refresh.Timeout.Seconds()*cfg.AWS.RequestsPerSecond)
	limit := fmt.Sprintf("%s rows (%s calls)", thousands((calls-2)*rowsPerPage), thousands(calls))
	t.Logf("\n%s\nwithin refresh.timeout: %s", table.String(), limit)

	document := string(read(t, "../docs/cost.md"))
	if !strings.Contains(document, "\n"+table.String()+"\n") {
		t.Errorf("docs/cost.md has another table than:\n%s", table.String())
	}
	if !strings.Contains(document, limit) {
		t.Errorf("docs/cost.md does not have %q", limit)
	}
}
