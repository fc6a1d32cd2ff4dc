package faulttest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// guarantee is one of the exporter's guarantees under every fault.
type guarantee int

const (
	isolation guarantee = iota // other targets keep their series and are refreshed on time
	lastGood                   // the affected target keeps its series until max_staleness, up is 0, its state is the cause
	validPage                  // /metrics returns 200 and OpenMetrics
	recovery                   // the affected target recovers within an interval after the fault
	cleanup                    // no goroutine remains
	secrecy                    // no output contains a secret
)

func guarantees() []guarantee {
	return []guarantee{isolation, lastGood, validPage, recovery, cleanup, secrecy}
}

func (p guarantee) String() string {
	return [...]string{"isolation", "last good data", "valid page", "recovery", "cleanup", "secrecy"}[p]
}

// skips are the guarantees that a test case cannot check, with the reason.
type skips map[guarantee]string

// refreshSucceeds is the usual reason for skipping lastGood.
const refreshSucceeds = "the refresh succeeds, so no old data is shown; its success and its values are checked"

// testCase is one fault and its expected effect.
type testCase struct {
	group, name string
	// state is the expected state of the affected targets, OK if they tolerate
	// the fault.
	state    coverage.State
	affected []target // default: the subject
	skip     skips
	short    bool // runs by default
	heavy    bool // needs so much CPU that it would delay light cases
	flood    bool // needs so much CPU that it would delay heavy cases
	process  bool // runs a process without the race detector

	pace    pace     // default: defaultPace
	config  string   // the targets in YAML; default: defaultTargets
	targets []target // the targets of config; default: allTargets

	// setup prepares the harness before the exporter starts.
	setup func(*harness)
	// begin begins the fault and returns the function that ends it.
	begin func(*harness) (end func())
	// fromStart begins the fault before the exporter starts.
	fromStart bool
	// delay is how long the fault may have no effect, for example while
	// credentials are still valid.
	delay time.Duration
	// failures is how many refreshes may fail before the state is as expected.
	failures int
	// keepsSeries is set if another target exports the same series, so they
	// remain after max_staleness.
	keepsSeries bool
	// checkPage checks the last page during the fault against the one before.
	// By default the series of the affected targets must not change.
	checkPage func(before, during page) error
	// during runs additional checks while the fault lasts.
	during func(*harness)
	// after runs additional checks after the recovery.
	after func(*harness)
	// run replaces the usual sequence of steps, see [harness.runSteps].
	run func(*harness)
}

// matrix formats test cases as Markdown: one table per group with the reasons
// for skipped checks below it. repeated has the number of attempts of cases
// that needed more than one.
func matrix(cases []testCase, repeated map[string]int) string {
	var b strings.Builder
	var group string
	var reasons []string
	writeReasons := func() {
		for i, reason := range reasons {
			fmt.Fprintf(&b, "%s%d: %s.\n", map[bool]string{true: "\n"}[i == 0], i+1, reason)
		}
		reasons = nil
	}
	for _, tc := range cases {
		if tc.group != group {
			writeReasons()
			group = tc.group
			fmt.Fprintf(&b, "\n### %s\n\n| Fault | State | 1 | 2 | 3 | 4 | 5 | 6 |\n|---|---|---|---|---|---|---|---|\n", group)
		}
		cells := []string{tc.name, "`" + string(tc.state) + "`"}
		if n := repeated[tc.name]; n > 1 {
			cells[0] += fmt.Sprintf(" (attempt %d: the process stalled during the others)", n)
		}
		for _, p := range guarantees() {
			reason, skipped := tc.skip[p]
			if !skipped {
				cells = append(cells, "✓")
				continue
			}
			if !slices.Contains(reasons, reason) {
				reasons = append(reasons, reason)
			}
			cells = append(cells, fmt.Sprintf("n/a %d", slices.Index(reasons, reason)+1))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	writeReasons()
	return b.String()
}

// callMatcher reports whether a fault applies to a call that the simulator
// received.
type callMatcher func(simulator.Call, *http.Request) bool

// callsOf matches the GuardDuty calls of a target: all, or those of the given
// operations.
func callsOf(t target, operations ...string) callMatcher {
	return func(c simulator.Call, _ *http.Request) bool {
		return c.Service == "guardduty" && c.Region == t.region && c.AccountID == t.account() &&
			(len(operations) == 0 || slices.Contains(operations, c.Operation))
	}
}

// listCalls matches the subject's calls of ListCoverage that filter for exactly
// one value.
func listCalls(key, value string) callMatcher {
	list := callsOf(subject(), "ListCoverage")
	return func(c simulator.Call, r *http.Request) bool {
		return list(c, r) && slices.Equal(filterValues(r, key), []string{value})
	}
}

// callsTo matches the calls of one operation by an account.
func callsTo(service, account, operation string) callMatcher {
	return func(c simulator.Call, _ *http.Request) bool {
		return c.Service == service && c.AccountID == account && c.Operation == operation
	}
}
