package faulttest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// promise is one of what the exporter promises under every fault.
type promise int

const (
	isolation promise = iota // other targets keep their series and refresh on time
	lastGood                 // the failing one keeps its own, up is 0 and its state names the cause; past max_staleness they go
	valid                    // /metrics answers 200 with OpenMetrics
	recovery                 // within an interval after the fault
	leftovers                // no goroutine is left over
	secrecy                  // no secret in any output
)

func promises() []promise {
	return []promise{isolation, lastGood, valid, recovery, leftovers, secrecy}
}

func (p promise) String() string {
	return [...]string{"isolation", "last good", "valid page", "recovery", "nothing left", "secrecy"}[p]
}

// row is one fault, and what it comes to.
type row struct {
	group, name string
	// state is what the state of the targets concerned becomes; OK for a fault
	// that they bear.
	state coverage.State
	// concerned are the targets that the fault is about: nil for the one that
	// most are about, see [near].
	concerned []target
	// except says of a promise why it cannot be checked under this fault.
	except map[promise]string
	short  bool // whether the row is one of those that stand for the others
	heavy  bool // whether it works so much that it would slow others down

	pace    pace     // zero for the usual one
	config  string   // the targets in YAML; "" for the usual ones
	targets []target // of config; nil for the usual ones
	// arrange prepares the rig before the exporter starts.
	arrange func(*rig)
	// begin brings the fault about and returns what ends it.
	begin func(*rig) (end func())
	// fromStart begins the fault before the exporter starts.
	fromStart bool
	// grace is how long a fault may go unnoticed, such as while credentials last.
	grace time.Duration
	// stumbles is how many of the first refreshes may end in another state.
	stumbles int
	// keeps says that the series outlive the target's snapshot, for another
	// target shows them, too.
	keeps bool
	// shows says what is wrong with the series of the targets concerned on a
	// page while they bear the fault. nil wants them as they were before.
	shows func(before, now page) error
	// also looks, once the fault has shown its effect, at what no page tells.
	also func(*rig)
	// after looks, once everything is as before, at what no page tells.
	after func(*rig)
	// run takes the place of the usual course, see [rig.course].
	run func(*rig)
}

// fails is a row whose fault makes the targets concerned fail.
func fails(group, name string, state coverage.State, begin func(*rig) (end func())) row {
	return row{group: group, name: name, state: state, begin: begin}
}

// bears is a row whose fault the targets concerned bear without failing.
func bears(group, name string, begin func(*rig) (end func())) row {
	r := fails(group, name, coverage.OK, begin)
	return r.but(lastGood, "the refresh succeeds, so nothing old is shown; that it does, and that what it shows is right, is checked")
}

// but leaves a promise out, and says why.
func (r row) but(p promise, why string) row {
	except := map[promise]string{p: why}
	for p, why := range r.except {
		except[p] = why
	}
	r.except = except
	return r
}

// with changes what the constructors have left at its zero.
func (r row) with(change func(*row)) row {
	change(&r)
	return r
}

// stands makes the row one of those that stand for the others: they run always,
// the others with -every or -full.
func (r row) stands() row {
	r.short = true
	return r
}

// evidence is what the run of one row has checked.
type evidence struct {
	mu   sync.Mutex
	kept map[promise]bool
}

func (e *evidence) keep(p promise) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept[p] = true
}

// close wants every promise checked that the row does not leave out.
func (e *evidence) close(x *trial, r row) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range promises() {
		if _, left := r.except[p]; left == e.kept[p] && !x.Failed() {
			x.Errorf("%s: checked: %v, left out: %v", p, e.kept[p], left)
		}
	}
}

// tick is how the matrix shows a promise that has been checked.
const tick = "✓"

// matrix writes rows as Markdown: a table for each group, with the reasons for
// what is left out below it.
func matrix(rows []row) string {
	var b strings.Builder
	var group string
	var reasons []string
	finish := func() {
		for i, why := range reasons {
			fmt.Fprintf(&b, "%s%d: %s.\n", map[bool]string{true: "\n"}[i == 0], i+1, why)
		}
		reasons = nil
	}
	for _, r := range rows {
		if r.group != group {
			finish()
			group = r.group
			fmt.Fprintf(&b, "\n### %s\n\n| Fault | State | 1 | 2 | 3 | 4 | 5 | 6 |\n|---|---|---|---|---|---|---|---|\n", group)
		}
		cells := []string{r.name, "`" + string(r.state) + "`"}
		for _, p := range promises() {
			why, left := r.except[p]
			if !left {
				cells = append(cells, tick)
				continue
			}
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
			cells = append(cells, fmt.Sprintf("n/a %d", slices.Index(reasons, why)+1))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	finish()
	return b.String()
}

// calls tells which calls of the simulator a fault is about.
type calls func(simulator.Call) bool

// of are the calls of these targets: of any operation, or of those named.
func of(t target, operations ...string) calls {
	return func(c simulator.Call) bool {
		return c.Service == "guardduty" && c.Region == t.region && c.AccountID == t.account() &&
			(len(operations) == 0 || slices.Contains(operations, c.Operation))
	}
}
