package coverage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestPrecedence has an administrator and a member with rows of one cluster.
func TestPrecedence(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	row := func(covered int32, minute int) coverage.Resource {
		r := cluster(member, "web", coverage.Unhealthy, minute)
		r.Covered, r.Compatible = covered, 5
		return r
	}
	healthy := cluster(member, "web", coverage.Healthy, 1)
	one := func(state coverage.State, read int, rows ...coverage.Resource) coverage.Report {
		return coverage.Report{State: state, Snapshot: &coverage.Snapshot{ReadAt: at(read), Resources: rows}}
	}
	complete := func(r coverage.Report) coverage.Report {
		r.Snapshot.Accounts, r.Snapshot.Types = []string{member}, []coverage.ResourceType{coverage.ECS}
		return r
	}
	narrowed := func(r coverage.Report) coverage.Report {
		r.Snapshot.NarrowedByStatus = true
		return r
	}
	reread := func(r coverage.Report, minute int, row coverage.Resource) coverage.Report {
		r.Snapshot = r.Snapshot.WithUpdates(nil, []coverage.Resource{row}, at(minute))
		return r
	}
	const down = coverage.Denied
	for _, tc := range []struct {
		name                  string
		administrator, member coverage.Report
		want                  []coverage.Resource
	}{
		{"equally new, one target is down", one(coverage.OK, 30, row(5, 1)), one(down, 10, row(3, 1)), []coverage.Resource{row(5, 1)}},
		{"equally new, one target is down, healthy", one(coverage.OK, 30, healthy), one(down, 10, row(3, 1)), []coverage.Resource{healthy}},
		{"the target that is down has the newer row", one(coverage.OK, 30, row(5, 1)), one(down, 10, row(3, 2)), []coverage.Resource{row(5, 1)}},
		{"the target that is down has read later", one(coverage.OK, 10, row(5, 1)), one(down, 30, row(3, 1)), []coverage.Resource{row(5, 1)}},
		{"any failure is down", one(coverage.OK, 30, row(5, 1)), one(coverage.Unreachable, 10, row(3, 1)), []coverage.Resource{row(5, 1)}},
		{"both up, the newer row", one(coverage.OK, 30, row(5, 1)), one(coverage.OK, 10, row(3, 2)), []coverage.Resource{row(3, 2)}},
		{"both up, equally new, the row read later", one(coverage.OK, 30, row(5, 1)), one(coverage.OK, 10, row(3, 1)), []coverage.Resource{row(5, 1)}},
		{"both up, equally new, the other one read later", one(coverage.OK, 10, row(5, 1)), one(coverage.OK, 30, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"both up, equally new, one was read again", one(coverage.OK, 30, row(5, 1)), reread(one(coverage.OK, 10, row(4, 1)), 40, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"both up, read at the same time, the unhealthy one", one(coverage.OK, 10, healthy), one(coverage.OK, 10, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"both down, the row read later", one(down, 30, row(5, 1)), one(down, 10, row(3, 1)), []coverage.Resource{row(5, 1)}},
		{"gone since the target went down", complete(one(coverage.OK, 30)), one(down, 10, row(3, 1)), nil},
		{"gone, but not since the target went down", complete(one(coverage.OK, 10)), one(down, 30, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"not listed completely", one(coverage.OK, 30), one(down, 10, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"not listed because of its status", narrowed(complete(one(coverage.OK, 30))), one(down, 10, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"both down, not listed", complete(one(down, 30)), one(down, 10, row(3, 1)), []coverage.Resource{row(3, 1)}},
		{"both up, not listed by one", complete(one(coverage.OK, 30)), one(coverage.OK, 10, row(3, 1)), []coverage.Resource{row(3, 1)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.administrator.Target = coverage.TargetID{Name: administrator, Region: region}
			tc.member.Target = coverage.TargetID{Name: member, Region: region}
			reports := []coverage.Report{tc.administrator, tc.member}
			for range 2 {
				if diff := cmp.Diff(tc.want, coverage.Merge(reports).Resources); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				slices.Reverse(reports)
				reports[0].Target, reports[1].Target = reports[1].Target, reports[0].Target
			}
		})
	}
}

// TestPrecedenceOfAccounts has a target that is down, whose detector, feature and
// member were worse or newer.
func TestPrecedenceOfAccounts(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	up := report("a", coverage.Snapshot{
		Detectors: []coverage.Detector{{AccountID: member, Region: region, Enabled: true}},
		Features:  []coverage.Feature{{AccountID: member, Region: region, Name: "RUNTIME_MONITORING", Enabled: true, UpdatedAt: at}},
		Members:   []coverage.Member{{AccountID: member, Region: region, Relationship: "removed"}},
	})
	down := report("b", coverage.Snapshot{
		Detectors: []coverage.Detector{{AccountID: member, Region: region}},
		Features:  []coverage.Feature{{AccountID: member, Region: region, Name: "RUNTIME_MONITORING", UpdatedAt: at.Add(time.Hour)}},
		Members:   []coverage.Member{{AccountID: member, Region: region, Relationship: coverage.RelationshipEnabled}},
	})
	down.State = coverage.Timeout
	for _, reports := range [][]coverage.Report{{up, down}, {down, up}} {
		v := coverage.Merge(reports)
		if !v.Detectors[0].Enabled || !v.Features[0].Enabled || v.Members[0].Relationship != "removed" {
			t.Errorf("%+v, %+v, %+v", v.Detectors, v.Features, v.Members)
		}
	}
	v := coverage.Merge([]coverage.Report{down})
	if len(v.Detectors) != 1 || len(v.Features) != 1 || len(v.Members) != 1 {
		t.Errorf("without another target: %+v, %+v, %+v", v.Detectors, v.Features, v.Members)
	}
}

// TestTransitionsWithPrecedence: the row of a target that is down does not hide a
// change that another target has read.
func TestTransitionsWithPrecedence(t *testing.T) {
	healthy, unhealthy := cluster(member, "web", coverage.Healthy, 1), cluster(member, "web", coverage.Unhealthy, 2)
	stale := cluster(member, "web", coverage.Healthy, 3)
	one := func(state coverage.State, r coverage.Resource) coverage.Report {
		return coverage.Report{State: state, Snapshot: &coverage.Snapshot{Resources: []coverage.Resource{r}}}
	}
	for state, want := range map[coverage.State]int{coverage.OK: 0, coverage.Denied: 1} {
		got := coverage.Transitions(one(coverage.OK, healthy), one(coverage.OK, unhealthy), []coverage.Report{one(state, stale)})
		if len(got) != want {
			t.Errorf("the other target is %s: %v, want %d", state, got, want)
		}
	}
}

func TestWithOptional(t *testing.T) {
	feature := func(account string, enabled bool) coverage.Feature {
		return coverage.Feature{AccountID: account, Region: region, Name: "RUNTIME_MONITORING", Enabled: enabled}
	}
	unprocessed := 1
	known := &coverage.Snapshot{
		ReadAt: time.Unix(1, 0), Types: []coverage.ResourceType{coverage.ECS}, Resources: []coverage.Resource{cluster(member, "web", coverage.Healthy, 1)},
		Detectors: []coverage.Detector{{AccountID: administrator, Enabled: true}},
		Features:  []coverage.Feature{feature(administrator, true), feature(member, true)},
		Members:   []coverage.Member{{AccountID: member}}, UnprocessedMembers: &unprocessed,
		Capabilities: []coverage.Capability{{Name: coverage.StatisticsCapability, OK: true}, {Name: coverage.DetectorCapability}},
	}
	incomplete := &coverage.Snapshot{
		ReadAt:       time.Unix(2, 0),
		Detectors:    []coverage.Detector{{AccountID: administrator}},
		Features:     []coverage.Feature{feature(administrator, false)},
		Capabilities: []coverage.Capability{{Name: coverage.DetectorCapability, OK: true}},
	}
	want := *known
	want.Detectors = incomplete.Detectors
	want.Features = []coverage.Feature{feature(administrator, false), feature(member, true)}
	want.Capabilities = []coverage.Capability{{Name: coverage.StatisticsCapability, OK: true}, {Name: coverage.DetectorCapability, OK: true}}
	if diff := cmp.Diff(&want, known.WithOptional(incomplete)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var none *coverage.Snapshot
	only := *incomplete
	only.OptionalOnly = true
	if diff := cmp.Diff(&only, none.WithOptional(incomplete)); diff != "" {
		t.Errorf("without a snapshot, -want +got:\n%s", diff)
	}
	if known.WithOptional(nil) != known || none.WithOptional(nil) != nil {
		t.Error("without optional data the snapshot is another one")
	}
	members := &coverage.Snapshot{Members: []coverage.Member{{AccountID: "777788889999"}}, Capabilities: []coverage.Capability{{Name: coverage.MembersCapability, OK: true}}}
	if got := known.WithOptional(members); got.Members[0].AccountID != "777788889999" || got.UnprocessedMembers != &unprocessed || len(got.Detectors) != 1 ||
		len(got.Features) != 1 || got.Features[0].AccountID != administrator { // the other member has left
		t.Errorf("%+v", got)
	}
	denied := &coverage.Snapshot{Capabilities: []coverage.Capability{{Name: coverage.DetectorCapability}, {Name: coverage.MembersCapability}}}
	granted := want
	if got := granted.WithOptional(denied); len(got.Detectors) != 1 || len(got.Members) != 1 || len(got.Features) != 2 ||
		!slices.Contains(got.Capabilities, coverage.Capability{Name: coverage.DetectorCapability, OK: true}) ||
		!slices.Contains(got.Capabilities, coverage.Capability{Name: coverage.MembersCapability}) {
		t.Errorf("denied now: %+v", got)
	}
}

// TestLookupOfALongName has a name that sanitizing changes: the key of an event
// has AWS's own name.
func TestLookupOfALongName(t *testing.T) {
	name := string(make([]byte, 0, 300))
	for len(name) < 255 {
		name += "a"
	}
	known := coverage.New(coverage.Row{Key: coverage.Key{Type: coverage.ECS, AccountID: member, Region: region, Name: name}})
	s := &coverage.Snapshot{Resources: []coverage.Resource{known}}
	key := coverage.Key{Type: coverage.ECS, AccountID: member, Region: region, Name: name}
	if s.Lookup(key) == nil || s.Lookup(known.Key) == nil {
		t.Error("not found")
	}
	if got := s.WithUpdates([]coverage.Key{key}, nil, time.Unix(1, 0)); len(got.Resources) != 0 {
		t.Errorf("not removed: %+v", got.Resources)
	}
}
