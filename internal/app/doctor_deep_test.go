package app

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// verdicts returns the verdicts on the assumptions.
func verdicts(t *testing.T, w *simulator.World) map[string]doctor.Verdict {
	t.Helper()
	server := httptest.NewServer(simulator.New(w, simulator.Options{}))
	defer server.Close()
	r, announced := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{Deep: true})
	if r.Requests > announced {
		t.Errorf("%d requests, announced at most %d", r.Requests, announced)
	}
	all := map[string]doctor.Verdict{}
	for _, a := range r.Assumptions {
		all[a.Assumption] = a.Verdict
		if a.Evidence == "" {
			t.Errorf("%s has no evidence", a.Assumption)
		}
	}
	return all
}

// TestDoctorDeep tests the assumptions with a world that has the data for all that
// can be told by reading.
func TestDoctorDeep(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	for id, d := range map[string]*simulator.Detector{
		"333344445555": {Region: "us-east-1", RuntimeMonitoringOff: true}, "444455556666": {Region: "us-east-1"},
	} {
		w.Accounts = append(w.Accounts, &simulator.Account{
			ID: id, Detectors: []*simulator.Detector{d},
			Clusters: []*simulator.Cluster{{Region: "us-east-1", Name: "hidden", Status: "HEALTHY"}},
		})
	}
	administrator := w.Account("111122223333")
	administrator.Detectors[0].Members = []string{member, "333344445555", "444455556666"}
	administrator.Detectors[0].Relationships = map[string]string{"444455556666": "Disabled"}
	administrator.Cluster("us-east-1", "private-111122223333").Tags = map[string]string{"GuardDutyManaged": "false"}
	administrator.Cluster("us-east-1", "private-111122223333").Status = "UNHEALTHY"
	want := map[string]doctor.Verdict{
		doctor.FeatureOff: doctor.Holds, doctor.Suspended: doctor.Holds, doctor.Relationships: doctor.Holds, doctor.ResourceID: doctor.Holds,
		doctor.CriteriaAnd: doctor.Holds, doctor.EqualsAny: doctor.Holds, doctor.EqualsNotEquals: doctor.Holds, doctor.EqualsLength: doctor.Holds,
		doctor.SortOrder: doctor.Holds, doctor.SortTies: doctor.Holds, doctor.StatisticsZero: doctor.Unknown, doctor.StatisticsMatch: doctor.Holds,
		doctor.FilteredLag: doctor.Holds, doctor.TagsRight: doctor.Holds, doctor.ExcludedByTag: doctor.Holds,
		doctor.MemberEvents: doctor.Unknown, doctor.RequestRate: doctor.Unknown,
	}
	if diff := cmp.Diff(want, verdicts(t, w)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDoctorDeepAbsentCount: the statistics of a healthy fleet have no count of
// unhealthy clusters.
func TestDoctorDeepAbsentCount(t *testing.T) {
	t.Parallel()
	if got := verdicts(t, examinedWorld())[doctor.StatisticsZero]; got != doctor.Holds {
		t.Errorf("got %s", got)
	}
}

// TestDoctorWithoutList: while Runtime Monitoring is off, AWS may leave out lists.
func TestDoctorWithoutList(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	for _, a := range w.Accounts[:2] {
		a.Detectors[0].RuntimeMonitoringOff = true
	}
	aws := simulator.New(w, simulator.Options{Intercept: func(c simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if c.Operation != "ListCoverage" && c.Operation != "GetCoverageStatistics" {
			return false
		}
		_, _ = io.WriteString(w, "{}")
		return true
	}})
	server := httptest.NewServer(aws)
	defer server.Close()
	r, _ := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{Deep: true})
	for _, c := range r.Checks {
		if c.Status == doctor.Error {
			t.Errorf("%+v", c)
		}
	}
	want := doctor.Answer{Assumption: doctor.FeatureOff, Verdict: doctor.Holds, Evidence: "a listing of 2 such accounts is a response without a list"}
	if !slices.Contains(r.Assumptions, want) {
		t.Errorf("got %+v", r.Assumptions)
	}
}

// TestDoctorManyMembers: of a large organization, the first members are checked.
func TestDoctorManyMembers(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	for i := range 220 {
		id := fmt.Sprintf("3333%08d", i)
		w.Accounts = append(w.Accounts, &simulator.Account{ID: id, Detectors: []*simulator.Detector{{Region: "us-east-1"}}})
		w.Accounts[0].Detectors[0].Members = append(w.Accounts[0].Detectors[0].Members, id)
	}
	server := httptest.NewServer(simulator.New(w, simulator.Options{}))
	defer server.Close()
	r, announced := examine(t, examinedConfig, ambientKeys(server.URL), DoctorOptions{})
	var text bytes.Buffer
	if err := r.Write(&text, "table"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 enabled, of the first 200", "the role cannot be assumed in 199 of 200 other accounts, such as"} {
		if !strings.Contains(strings.Join(strings.Fields(text.String()), " "), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	if r.Requests > announced {
		t.Errorf("%d requests, announced at most %d", r.Requests, announced)
	}
}

// TestDoctorDeepFalse has an AWS that is not as assumed, as far as the simulator can
// be so.
func TestDoctorDeepFalse(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	administrator := w.Account("111122223333")
	administrator.Detectors[0].Relationships = map[string]string{member: "Paused"}
	excluded := administrator.Cluster("us-east-1", "shop")
	excluded.Tags = map[string]string{"GuardDutyManaged": "false"}
	excluded.UpdatedAt = time.Now()
	before := *excluded
	before.UpdatedAt = time.Now().Add(-time.Hour)
	w.FilteredIndex = []*simulator.Account{{ID: administrator.ID, Clusters: []*simulator.Cluster{&before}}}
	got := verdicts(t, w)
	for _, id := range []string{doctor.Relationships, doctor.FilteredLag, doctor.ExcludedByTag} {
		if got[id] != doctor.DoesNotHold {
			t.Errorf("%s: %s", id, got[id])
		}
	}
}

// TestDoctorDeepWithoutData: an empty account tells nothing.
func TestDoctorDeepWithoutData(t *testing.T) {
	t.Parallel()
	w := examinedWorld()
	w.Account("111122223333").Clusters, w.Account(member).Clusters = nil, nil
	for id, v := range verdicts(t, w) {
		// Statistics, rows and members of an empty fleet agree.
		if v != doctor.Unknown && id != doctor.StatisticsZero && id != doctor.StatisticsMatch && id != doctor.Relationships {
			t.Errorf("%s: %s", id, v)
		}
	}
}
