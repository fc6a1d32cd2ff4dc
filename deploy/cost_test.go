package deploy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/capacity"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The numbers in docs/cost.md are computed from these, which requests_test.go compares with the code.
const (
	rowsPerPage         = 50  // of ListCoverage, ListMembers and GetMemberDetectors
	accountsPerPage     = 20  // of ListAccounts
	minIntervalFraction = 0.9 // shortest time between two refreshes, as a fraction of the interval
	roleMinutes         = 60  // lifetime of assumed credentials
	renewBefore         = 5   // minutes before expiry at which they are renewed
)

func clusters(n int) capacity.Listing {
	return capacity.Listing{Rows: map[coverage.ResourceType]int{"ECS": n}}
}

// fleet is an example in docs/cost.md.
type fleet struct {
	name     string
	targets  []capacity.Listing
	roles    int // assumed
	all      int // entries with regions: [all]
	accounts int // of the organization, where their names are read
}

func exampleFleets() []fleet {
	withEC2 := capacity.Listing{Rows: map[coverage.ResourceType]int{"ECS": 400, "EC2": 3000}}
	whole := capacity.Listing{
		Rows:     map[coverage.ResourceType]int{"ECS": 400, "EC2": 3000, "EKS": 60},
		Detector: true, Members: 120, Enabled: 120,
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
			targets: slices.Concat(times(2, clusters(2500)), times(12, clusters(0)), times(3, capacity.Listing{NoDetector: true})),
			roles:   1, all: 1,
		},
		{name: "Delegated administrator, 4 Regions with 10,000 clusters each", targets: times(4, clusters(10_000)), roles: 1},
		{name: "200 accounts with a role each, 2 Regions with 10 clusters each", targets: times(400, clusters(10)), roles: 200},
	}
}

func times(n int, t capacity.Listing) []capacity.Listing {
	return slices.Repeat([]capacity.Listing{t}, n)
}

// row returns the row of the fleet in the table.
func (f fleet) row(cfg *config.Config) string {
	calls, largest := 0, 0
	for _, t := range f.targets {
		calls += t.Calls()
		largest = max(largest, t.Calls())
	}
	least := 60 / cfg.Refresh.Interval.Minutes() // refreshes in an hour
	perHour := func(calls int) string {
		return capacity.Span(float64(calls)*least, float64(calls)*least/minIntervalFraction)
	}
	// A refresh renews the credentials, at most one interval after they are due.
	due := float64(roleMinutes - renewBefore)
	roles := capacity.Span(float64(f.roles)*60/(due+cfg.Refresh.Interval.Minutes()), float64(f.roles)*60/due)
	names := 0
	if f.accounts > 0 {
		names = capacity.Pages(f.accounts, accountsPerPage)
	}
	seconds := float64(largest-1) / cfg.AWS.RequestsPerSecond
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %.1f s |\n",
		f.name, capacity.Thousands(calls), perHour(calls), roles, perHour(f.all), perHour(names), seconds)
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
	// The first call is not delayed by the rate limit. The first refresh also calls ListDetectors.
	calls := 1 + int(cfg.Refresh.Timeout.Seconds()*cfg.AWS.RequestsPerSecond)
	// Leave time for one more call, because calls take time too.
	limit := fmt.Sprintf("%s rows (%s calls)", capacity.Thousands((calls-5)*rowsPerPage), capacity.Thousands(calls-1))
	t.Logf("\n%s\nwithin refresh.timeout: %s", table.String(), limit)

	document := string(read(t, "../docs/cost.md"))
	if !strings.Contains(document, "\n"+table.String()+"\n") {
		t.Errorf("docs/cost.md does not contain this table:\n%s", table.String())
	}
	if !strings.Contains(document, limit) {
		t.Errorf("docs/cost.md does not contain %q", limit)
	}
}
