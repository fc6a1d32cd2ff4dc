// Package check is the result of the command check: the status of the fleet against
// thresholds, as one of the four levels of monitoring plugins, and its formats. It
// does no I/O and does not read the clock.
package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
)

// Level is the result of a check. Its value is the exit status, as of monitoring
// plugins.
type Level int

// The levels.
const (
	OK       Level = 0
	Warning  Level = 1
	Critical Level = 2
	Unknown  Level = 3
)

// String returns the level in capitals, as monitoring plugins print it.
func (l Level) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[l] }

// rank orders levels by what decides the result: critical, unknown, warning, OK.
func (l Level) rank() int { return [...]int{3, 2, 0, 1}[l] }

// Thresholds decide the level.
type Thresholds struct {
	// Warning and Critical are percentages. Coverage of an account, Region and resource
	// type below them has that level.
	Warning, Critical float64
	// MaxUnhealthy is how many resources may be uncovered in total; -1 for any number.
	MaxUnhealthy int
}

// Input is what is checked.
type Input struct {
	Status     *status.Status      // without filters and limits
	Resources  []coverage.Resource // all that GuardDuty lists, sorted
	Exclusions exclusion.Result
	Thresholds Thresholds
	Problems   []string // further reasons why not everything is known
}

// Result is the status with a level for each of its parts.
type Result struct {
	Input
	Level Level
	// Findings are what was checked, in the order of the levels that decide.
	Findings []Finding
	// Covered and Total count resources of all types. Uncovered includes clusters that
	// GuardDuty does not list, and not those that are excluded.
	Covered, Total, Uncovered int64
	// Worst is the coverage with the least percentage, without excluded clusters; nil
	// without resources.
	Worst *status.Coverage
}

// Finding is one thing that was checked.
type Finding struct {
	Level Level
	Suite string // "coverage", "targets", "ecs" or "fleet"
	Name  string // unique in its suite
	Text  string
}

// New checks a status.
func New(in Input) *Result {
	r, s := &Result{Input: in}, in.Status
	for i := range s.Coverage {
		r.addCoverage(&s.Coverage[i])
	}
	r.addFleet()
	for i := range s.Targets {
		r.addTarget(&s.Targets[i])
	}
	for i := range s.ECSAccounts {
		r.addECSAccount(&s.ECSAccounts[i])
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Level.rank(), b.Level.rank()) })
	r.Level = r.Findings[0].Level
	return r
}

func (r *Result) add(l Level, suite, name, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{Level: l, Suite: suite, Name: name, Text: fmt.Sprintf(format, args...)})
}

func (r *Result) addCoverage(c *status.Coverage) {
	name := join(c.ResourceType, account(c.AccountID, c.AccountName), c.Region)
	r.Covered, r.Total = r.Covered+c.Healthy, r.Total+c.Resources
	if c.ResourceType != string(coverage.ECS) {
		r.Uncovered += c.Resources - c.Healthy
	}
	excluded := ""
	if c.Excluded > 0 {
		excluded = fmt.Sprintf(", %d excluded", c.Excluded)
	}
	switch {
	case !c.Known:
		r.add(Unknown, "coverage", name, "coverage of %s is not known: %s", name, c.Reason)
	case c.InScopePercent == nil:
		r.add(OK, "coverage", name, "%s has no resources%s", name, excluded)
	default:
		if r.Worst == nil || *c.InScopePercent < *r.Worst.InScopePercent {
			r.Worst = c
		}
		level := r.Thresholds.level(*c.InScopePercent)
		text := fmt.Sprintf("%s: %s covered, %d of %d%s", name, percent(*c.InScopePercent), c.Healthy, c.Resources, excluded)
		if limit := map[Level]float64{Warning: r.Thresholds.Warning, Critical: r.Thresholds.Critical}[level]; level != OK {
			text += fmt.Sprintf(", less than %g%%", limit)
		}
		r.add(level, "coverage", name, "%s", text)
	}
}

func (t Thresholds) level(percent float64) Level {
	percent += tolerance
	switch {
	case percent < t.Critical:
		return Critical
	case percent < t.Warning:
		return Warning
	}
	return OK
}

func (r *Result) addFleet() {
	unlisted := int64(r.Status.Summary.UnlistedClusters)
	r.Uncovered += int64(r.Status.Summary.UnhealthyClusters) + unlisted
	for _, problem := range r.Problems {
		r.add(Unknown, "fleet", problem, "%s", problem)
	}
	if r.Total == 0 {
		r.add(Unknown, "fleet", "resources", "GuardDuty lists no resources")
	}
	if unlisted > 0 {
		r.add(Warning, "fleet", "clusters that GuardDuty does not list", "%s with running tasks, which GuardDuty does not list", count(unlisted, "cluster"))
	}
	level, allowed := OK, ""
	if limit := r.Thresholds.MaxUnhealthy; limit >= 0 {
		allowed = fmt.Sprintf(", %d allowed", limit)
		if r.Uncovered > int64(limit) {
			level = Critical
		}
	}
	r.add(level, "fleet", "uncovered resources", "%s not covered%s", count(r.Uncovered, "resource"), allowed)
}

func (r *Result) addTarget(t *status.Target) {
	name := join(t.Target, t.Kind, t.Region)
	switch {
	case t.State == "":
		r.add(Unknown, "targets", name, "target %s has not been read in time", name)
	case t.State != string(coverage.OK):
		r.add(Unknown, "targets", name, "target %s is not readable: %s%s", name, t.State, after(": ", errorOf(t.LastError)))
	case len(t.Refused) > 0:
		var parts []string
		for _, refused := range t.Refused {
			parts = append(parts, refused.Part)
		}
		r.add(Unknown, "targets", name, "target %s is not whole, because AWS denies %s", name, strings.Join(parts, ", "))
	default:
		r.add(OK, "targets", name, "target %s is readable", name)
	}
}

func (r *Result) addECSAccount(a *status.ECSAccount) {
	name := join(a.Target, account(a.AccountID, a.AccountName), a.Region)
	if a.Up {
		r.add(OK, "ecs", name, "ECS of %s is readable", name)
		return
	}
	r.add(Unknown, "ecs", name, "ECS of %s is not readable%s", name, after(": ", errorOf(a.LastError)))
}

// NotOK returns the findings that are not OK.
func (r *Result) NotOK() []Finding {
	for i, f := range r.Findings {
		if f.Level == OK {
			return r.Findings[:i]
		}
	}
	return r.Findings
}

func errorOf(f *status.Failure) string {
	if f == nil {
		return ""
	}
	return f.Error
}

// after returns the text with a prefix, or "" for no text.
func after(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// account returns "111122223333 (shop)".
func account(id, name string) string {
	if name == "" {
		return id
	}
	return id + " (" + name + ")"
}

// join joins what is not empty.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// count returns "1 cluster" or "2 clusters".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// tolerance is more than the error of a percentage in floating point, and less than
// the share of one resource.
const tolerance = 1e-9

// percent returns the percentage rounded down, so that 99.99 is not 100.
func percent(p float64) string { return fmt.Sprintf("%g%%", roundDown(p, 10)) }

// roundDown returns the percentage as a multiple of 1/parts.
func roundDown(p, parts float64) float64 { return math.Floor((p+tolerance)*parts) / parts }
