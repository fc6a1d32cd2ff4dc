package status

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
)

// Input is what a Status is made of. Only View and Guide are required. Nothing of
// it is changed, and a Status keeps no more of it than its rows show.
type Input struct {
	Now     time.Time
	Version string
	Ready   bool
	View    *coverage.View
	ECS     []diagnosis.Report // no two of them have the same target, account and Region
	Guide   guide.Guide
	// Next has all targets with the start of their next refresh, zero for one that
	// has not finished its first.
	Next   map[coverage.TargetID]time.Time
	Queues []Queue
	// Exclusions is the result of the exclusions of the configuration.
	Exclusions exclusion.Result
	Tags       []string // the keys of the tags to show
	// Statement returns the statement of an IAM policy that allows a target an
	// operation, "" for none; nil for no statements.
	Statement func(target, operation string) string
}

// New returns the status.
func New(in Input, q Query) *Status {
	b := newBuilder(in, q)
	s := &Status{
		SchemaVersion: SchemaVersion, GeneratedAt: in.Now.UTC().Truncate(time.Second), Version: in.Version, Ready: in.Ready, Query: q,
		Targets: b.targets(), Queues: append([]Queue{}, in.Queues...), ECSAccounts: b.ecsAccounts(), Coverage: b.coverage(), Exclusions: b.exclusions(),
	}
	b.addClusters(s)
	b.summarize(s)
	s.Coverage = slices.DeleteFunc(s.Coverage, func(c Coverage) bool {
		return !b.matchesAccount(c.AccountID) || q.Region != "" && c.Region != q.Region
	})
	s.Verdict, s.Health = s.verdict(), s.health()
	return s
}

// builder has indexes of the input.
type builder struct {
	Input
	q         Query
	parts     parts             // of q
	names     map[string]string // of accounts
	diagnoses map[diagnosis.Cluster]*diagnosis.Diagnosis
	unlisted  map[diagnosis.Cluster]bool
	ownerTags []string // the keys of the tags that may have the owner, the first first
}

func newBuilder(in Input, q Query) *builder {
	b := &builder{
		Input: in, q: q, parts: q.parts(), names: map[string]string{}, diagnoses: map[diagnosis.Cluster]*diagnosis.Diagnosis{},
		unlisted: diagnosis.Unlisted(in.View, in.ECS),
	}
	b.ownerTags = slices.SortedStableFunc(slices.Values(in.Tags), func(x, y string) int { return cmp.Compare(rankTag(x), rankTag(y)) })
	for _, a := range in.View.AccountNames {
		b.names[a.AccountID] = a.Name
	}
	for d := range diagnosis.Clusters(in.ECS) {
		b.diagnoses[d.Cluster] = d
	}
	return b
}

// rankTag orders the keys that have an owner in most organizations first.
func rankTag(key string) int {
	switch strings.ToLower(key) {
	case "owner":
		return 0
	case "team":
		return 1
	}
	return 2
}

func (b *builder) matchesAccount(id string) bool {
	return contains(id, b.parts.account) || contains(b.names[id], b.parts.account)
}

// targets returns the targets with a report, and those of Next that have none yet.
func (b *builder) targets() []Target {
	targets := []Target{}
	reported := map[coverage.TargetID]bool{}
	for i := range b.View.Reports {
		r := &b.View.Reports[i]
		reported[r.Target] = true
		targets = append(targets, b.target(r))
	}
	for id := range b.Next {
		if !reported[id] {
			targets = append(targets, b.target(&coverage.Report{Target: id}))
		}
	}
	slices.SortFunc(targets, func(a, b Target) int {
		return cmp.Or(
			cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Region, b.Region),
		)
	})
	return targets
}

// rank orders targets that failed first.
func (t *Target) rank() int {
	switch {
	case t.State != "" && t.State != string(coverage.OK):
		return 0
	case len(t.Refused) > 0:
		return 1
	}
	return 2
}

func (b *builder) target(r *coverage.Report) Target {
	t := Target{
		Target: r.Target.Name, Kind: r.Target.Kind.String(), AccountID: r.AccountID, AccountName: b.names[r.AccountID], Region: r.Target.Region,
		State: string(r.State), LastSuccess: timeOf(r.LastSuccess), NextRefresh: timeOf(b.Next[r.Target]), DataExpires: timeOf(r.Expires),
		LastError: failureOf(r.LastFailure), Refused: []Refused{},
	}
	known := r.Snapshot != nil && !r.Snapshot.OptionalOnly
	t.Withdrawn = !known && !r.LastSuccess.IsZero() && r.Target.Kind != coverage.KindRegions
	if known && r.Target.Kind == coverage.KindCoverage {
		n := len(r.Snapshot.Resources)
		t.Resources = &n
	}
	if r.State == coverage.Denied && r.LastFailure != nil && r.LastFailure.Operation != "" {
		t.Refused = append(t.Refused, b.refused(t.Target, r.LastFailure.Operation, r.LastFailure.Operation))
	}
	if r.Snapshot != nil {
		for _, c := range r.Snapshot.Capabilities {
			if !c.OK {
				t.Refused = append(t.Refused, b.refused(t.Target, c.Name, operationOf(c.Name)))
			}
		}
	}
	return t
}

func (b *builder) refused(target, part, operation string) Refused {
	r := Refused{Part: part}
	if b.Statement != nil {
		r.Statement = b.Statement(target, operation)
	}
	return r
}

// operationOf returns an operation whose statement allows a capability.
func operationOf(capability string) string {
	return map[string]string{
		coverage.StatisticsCapability:      "GetCoverageStatistics",
		coverage.DetectorCapability:        "GetDetector",
		coverage.MembersCapability:         "ListMembers",
		coverage.MemberDetectorsCapability: "GetMemberDetectors",
	}[capability]
}

func (b *builder) ecsAccounts() []ECSAccount {
	accounts := []ECSAccount{}
	for i := range b.ECS {
		r := &b.ECS[i]
		a := ECSAccount{
			Target: r.Target, AccountID: r.AccountID, AccountName: b.names[r.AccountID], Region: r.Region, Up: r.Up,
			LastSuccess: timeOf(r.LastSuccess), LastError: failureOf(r.LastFailure), Refused: []Refused{},
		}
		if !r.Up && r.LastFailure != nil && r.LastFailure.Operation != "" {
			if refused := b.refused(r.Target, r.LastFailure.Operation, r.LastFailure.Operation); refused.Statement != "" {
				a.Refused = append(a.Refused, refused)
			}
		}
		accounts = append(accounts, a)
	}
	slices.SortFunc(accounts, func(a, b ECSAccount) int {
		return cmp.Or(
			cmp.Compare(rankUp(a.Up), rankUp(b.Up)), cmp.Compare(a.AccountID, b.AccountID), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Target, b.Target),
		)
	})
	return accounts
}

func rankUp(up bool) int {
	if up {
		return 1
	}
	return 0
}

// timeOf returns nil for the zero time.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func failureOf(f *coverage.Failure) *Failure {
	if f == nil {
		return nil
	}
	return &Failure{At: f.At.UTC().Truncate(time.Second), Operation: f.Operation, Error: f.Text}
}

// NewQueue returns an event queue with the last success of a receive request.
func NewQueue(url string, up bool, lastSuccess time.Time, last *coverage.Failure) Queue {
	return Queue{Queue: url, Up: up, LastSuccess: timeOf(lastSuccess), LastError: failureOf(last)}
}
