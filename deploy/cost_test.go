package deploy_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"guardduty_coverage_exporter/internal/config"
)

// The numbers of docs/cost.md come from here; requests_test.go holds what they rest on against the code.
const (
	rowsPerPage = 50
	earliest    = 0.9 // part of the interval after which a refresh may come again; the latest is the whole
	roleMinutes = 60  // life of assumed credentials
	renewBefore = 5   // minutes before their end that they are renewed
)

// noDetector stands for the rows of a target where GuardDuty is not enabled.
const noDetector = -1

// fleet is an example: the rows of each target, which is a role in a Region.
type fleet struct {
	name  string
	rows  []int
	roles int // assumed
	all   int // entries with regions: [all]
}

func exampleFleets() []fleet {
	return []fleet{
		{name: "One account, one Region, 12 clusters", rows: times(1, 12)},
		{name: "Delegated administrator, 3 Regions with 400 clusters each", rows: times(3, 400), roles: 1},
		{
			name: "Delegated administrator, `[all]`: 2 Regions with 2,500 clusters each, 12 with none, 3 without a detector",
			rows: append(append(times(2, 2500), times(12, 0)...), times(3, noDetector)...), roles: 1, all: 1,
		},
		{name: "Delegated administrator, 4 Regions with 10,000 clusters each", rows: times(4, 10_000), roles: 1},
		{name: "200 accounts with a role each, 2 Regions with 10 clusters each", rows: times(400, 10), roles: 200},
	}
}

func times(n, rows int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = rows
	}
	return all
}

// refreshCalls is the number of GuardDuty calls of one refresh of a target, after the first one.
func refreshCalls(rows int) int {
	if rows == noDetector {
		return 1 // ListDetectors
	}
	pages := max(1, (rows+rowsPerPage-1)/rowsPerPage)
	return 1 + pages // GetCoverageStatistics and ListCoverage
}

// row is the line of the fleet in the table.
func (f fleet) row(cfg *config.Config) string {
	calls, largest := 0, 0
	for _, rows := range f.rows {
		calls += refreshCalls(rows)
		largest = max(largest, refreshCalls(rows))
	}
	least := 60 / cfg.Refresh.Interval.Minutes() // refreshes in an hour
	most := least / earliest
	guardDuty := span(float64(calls)*least, float64(calls)*most)
	// A refresh renews the credentials: one interval after they are due at the latest.
	due := float64(roleMinutes - renewBefore)
	roles := span(float64(f.roles)*60/(due+cfg.Refresh.Interval.Minutes()), float64(f.roles)*60/due)
	regions := span(float64(f.all)*least, float64(f.all)*most)
	seconds := float64(largest-1) / cfg.AWS.RequestsPerSecond
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %.1f s |\n", f.name, thousands(calls), guardDuty, roles, regions, seconds)
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
	table.WriteString("| Fleet | Calls of one refresh of all | GuardDuty calls per hour | AssumeRole per hour | ListRegions per hour | Largest refresh, at least |\n")
	table.WriteString("|---|---|---|---|---|---|\n")
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
