package guardduty

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// denied is the body of a response with status 403; the status of others is 200.
const denied = `{"__type":"AccessDeniedException"}`

// respond sets the bodies of the responses to several operations.
func (c target) respond(bodies map[string]string) {
	c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		body, ok := bodies[call.Operation]
		if !ok {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		if body == denied {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = io.WriteString(w, body)
		return true
	})
}

// TestMissingLists has responses without a list while Runtime Monitoring is on,
// off or unknown.
func TestMissingLists(t *testing.T) {
	const (
		off       = `{"status":"ENABLED","features":[{"name":"RUNTIME_MONITORING","status":"DISABLED"}]}`
		on        = `{"status":"ENABLED","features":[{"name":"RUNTIME_MONITORING","status":"ENABLED"}]}`
		legacy    = `{"status":"ENABLED","features":[{"name":"RUNTIME_MONITORING","status":"DISABLED"},{"name":"EKS_RUNTIME_MONITORING","status":"ENABLED"}]}`
		absent    = `{"status":"ENABLED","features":[{"name":"S3_DATA_EVENTS","status":"DISABLED"}]}`
		agentsOff = `{"status":"ENABLED","features":[{"name":"RUNTIME_MONITORING","status":"ENABLED","additionalConfiguration":[{"name":"EC2_AGENT_MANAGEMENT","status":"DISABLED"}]}]}`
		memberOn  = `{"members":[{"accountId":"` + member + `","features":[{"name":"RUNTIME_MONITORING","status":"ENABLED"}]}]}`
		zeros     = `{"coverageStatistics":{}}`
	)
	ecs, eks := []coverage.ResourceType{coverage.ECS}, []coverage.ResourceType{coverage.EKS}
	for _, tc := range []struct {
		name   string
		o      Options
		bodies map[string]string
		fails  bool
	}{
		{"null, off", Options{Detector: true}, map[string]string{"ListCoverage": `{"resources":null}`, "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"no member, off", Options{Detector: true}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"white space, off", Options{Detector: true}, map[string]string{"ListCoverage": " \n\t{ }", "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"off, read for this", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"statistics null, off", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": `{"coverageStatistics":null}`}, false},
		{"statistics denied, off", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": denied}, false},
		{"statistics denied, on", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": on, "GetCoverageStatistics": denied}, true},
		{"members null, off", Options{Members: true}, map[string]string{"ListMembers": `{"members":null}`, "ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"EKS, both off", Options{Types: eks}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": zeros}, false},
		{"ECS, the legacy feature for EKS is on", Options{Types: ecs}, map[string]string{"ListCoverage": `{}`, "GetDetector": legacy, "GetCoverageStatistics": zeros}, false},

		{"EKS, the legacy feature is on", Options{Types: eks}, map[string]string{"ListCoverage": `{}`, "GetDetector": legacy, "GetCoverageStatistics": zeros}, true},
		{"on", Options{Detector: true}, map[string]string{"ListCoverage": `{}`, "GetDetector": on, "GetCoverageStatistics": zeros}, true},
		{"on, with an additional configuration off", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": agentsOff, "GetCoverageStatistics": zeros}, true},
		{"unknown", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": absent, "GetCoverageStatistics": zeros}, true},
		{"the detector is invalid too", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": `{}`, "GetCoverageStatistics": zeros}, true},
		{"off, but on for a member", Options{Members: true}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": zeros, "GetMemberDetectors": memberOn}, true},
		{"off, but the statistics count resources", Options{}, map[string]string{"ListCoverage": `{}`, "GetDetector": off, "GetCoverageStatistics": `{"coverageStatistics":{"countByCoverageStatus":{"HEALTHY":1}}}`}, true},
		{"off, but an empty body", Options{}, map[string]string{"ListCoverage": ``, "GetDetector": off, "GetCoverageStatistics": zeros}, true},
		{"off, but a body of null", Options{}, map[string]string{"ListCoverage": `null`, "GetDetector": off, "GetCoverageStatistics": zeros}, true},
		{"off, but with a token", Options{}, map[string]string{"ListCoverage": `{"nextToken":"2"}`, "GetDetector": off, "GetCoverageStatistics": zeros}, true},
		{"off, but the statistics are an empty body", Options{}, map[string]string{"GetCoverageStatistics": ``, "GetDetector": off}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newAdministrator(t, tc.o)
			c.respond(tc.bodies)
			_, s, err := c.Read(t.Context(), nil)
			if tc.fails {
				if awserr.State(region, err) != coverage.InvalidResponse || s != nil && s.Types != nil {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			if err != nil || s.Resources != nil || !slices.Contains(s.Accounts, account) {
				t.Fatalf("%+v, %v", s, err)
			}
			if got := c.count("GetDetector"); got != 1 {
				t.Errorf("%d calls of GetDetector, want 1", got)
			}
			if tc.o.Detector && (len(s.Features) != 1 || s.Features[0].Enabled) {
				t.Errorf("features %+v", s.Features)
			}
		})
	}
}

// TestMissingListOfAnAdministrator: the administrator's own Runtime Monitoring is
// off, which says nothing about its members.
func TestMissingListOfAnAdministrator(t *testing.T) {
	known := &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: member, Region: region, Name: "web"}, Status: coverage.Healthy,
	})}}
	bodies := map[string]string{
		"ListCoverage": `{"resources":null}`, "GetCoverageStatistics": `{"coverageStatistics":{}}`,
		"GetDetector": `{"status":"ENABLED","features":[{"name":"RUNTIME_MONITORING","status":"DISABLED"}]}`,
	}
	c := newAdministrator(t, Options{})
	c.respond(bodies)
	for _, last := range []*coverage.Snapshot{known, nil} { // nil after max_staleness
		if _, _, err := c.Read(t.Context(), last); awserr.State(region, err) != coverage.InvalidResponse {
			t.Errorf("with %v: %v", last, err)
		}
	}
	former := &coverage.Snapshot{Resources: []coverage.Resource{coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "web"}, Status: coverage.Healthy,
	})}}
	if _, s, err := c.Read(t.Context(), former); err != nil || len(s.Resources) != 0 {
		t.Errorf("no longer an administrator: %+v, %v", s, err)
	}
	withMembers := newAdministrator(t, Options{Members: true})
	bodies["GetMemberDetectors"] = `{"members":[{"accountId":"` + member + `","features":[{"name":"RUNTIME_MONITORING","status":"DISABLED"}]}]}`
	withMembers.respond(bodies)
	if _, s, err := withMembers.Read(t.Context(), known); err != nil || len(s.Resources) != 0 {
		t.Errorf("off for the member too: %+v, %v", s, err)
	}
	bodies["GetMemberDetectors"] = `{"members":[],"unprocessedAccounts":[{"accountId":"` + member + `","result":"no"}]}`
	withMembers.respond(bodies)
	if _, _, err := withMembers.Read(t.Context(), known); awserr.State(region, err) != coverage.InvalidResponse {
		t.Errorf("unknown for the member: %v", err)
	}
}

func TestFindTheDetector(t *testing.T) {
	for _, tc := range []struct {
		name  string
		pages []string
		want  coverage.State
	}{
		{"on the second page", []string{`{"detectorIds":[],"nextToken":"2"}`, `{"detectorIds":["12abc34d567e8fa901bc2d34e56789f0"]}`}, coverage.OK},
		{"on no page", []string{`{"detectorIds":[],"nextToken":"2"}`, `{"detectorIds":[]}`}, coverage.NoDetector},
		{"pages without end", []string{`{"detectorIds":[],"nextToken":"2"}`}, coverage.InvalidResponse},
		{"null on the second page", []string{`{"detectorIds":[],"nextToken":"2"}`, `{}`}, coverage.InvalidResponse},
		{"null as an ID", []string{`{"detectorIds":[null]}`}, coverage.InvalidResponse},
		{"an empty ID", []string{`{"detectorIds":[""]}`}, coverage.InvalidResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTarget(t, Options{}, fleet(2)...)
			c.answer("ListDetectors", http.StatusOK, tc.pages...)
			_, s, err := c.Read(t.Context(), nil)
			if got := awserr.State(region, err); got != tc.want || (got == coverage.OK) != (s != nil) {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
		})
	}
}

// TestMemberDetectors has rows of accounts that were not requested, and members
// that AWS leaves unprocessed.
func TestMemberDetectors(t *testing.T) {
	feature := `"features":[{"name":"RUNTIME_MONITORING","status":"ENABLED","managedBy":"GUARDDUTY_POLICY"}]`
	for name, tc := range map[string]struct {
		body        string
		features    int
		unprocessed int
	}{
		"requested":            {`{"members":[{"accountId":"` + member + `",` + feature + `}]}`, 1, 0},
		"requested, twice":     {`{"members":[{"accountId":"` + member + `",` + feature + `},{"accountId":"` + member + `",` + feature + `}]}`, 2, 0},
		"another account too":  {`{"members":[{"accountId":"` + member + `",` + feature + `},{"accountId":"999988887777",` + feature + `}]}`, 1, 0},
		"another account":      {`{"members":[{"accountId":"999988887777",` + feature + `}]}`, 0, 1},
		"without an account":   {`{"members":[{` + feature + `}]}`, 0, 1},
		"unprocessed":          {`{"members":[],"unprocessedAccounts":[{"accountId":"` + member + `","result":"no"}]}`, 0, 1},
		"neither of the lists": {`{"members":[]}`, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newAdministrator(t, Options{Members: true})
			c.answer("GetMemberDetectors", http.StatusOK, tc.body)
			_, s, err := c.Read(t.Context(), nil)
			if err != nil || len(s.Features) != tc.features || *s.UnprocessedMembers != tc.unprocessed {
				t.Fatalf("%+v, %v", s, err)
			}
			for _, f := range s.Features {
				if f.AccountID != member || f.ManagedBy != "GUARDDUTY_POLICY" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// TestDeniedInALaterChunk denies the second page of a part: all of it is missing.
func TestDeniedInALaterChunk(t *testing.T) {
	for _, operation := range []string{"ListMembers", "GetMemberDetectors", "GetCoverageStatistics"} {
		for status, want := range map[int]coverage.State{http.StatusForbidden: coverage.OK, http.StatusInternalServerError: coverage.Failed} {
			t.Run(fmt.Sprint(operation, status), func(t *testing.T) {
				c := newAdministrator(t, everything())
				c.organization(120, 0)
				calls := 0
				c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
					if call.Operation != operation {
						return false
					}
					if calls++; calls != 2 {
						return false
					}
					w.Header().Set("X-Amzn-ErrorType", map[int]string{403: "AccessDeniedException", 500: "InternalServerErrorException"}[status])
					w.WriteHeader(status)
					_, _ = io.WriteString(w, `{"message":"no"}`)
					return true
				})
				_, s, err := c.Read(t.Context(), nil)
				if got := awserr.State(region, err); got != want {
					t.Fatalf("%s, want %s: %v", got, want, err)
				}
				if want != coverage.OK {
					return
				}
				members := slices.DeleteFunc(s.Features, func(f coverage.Feature) bool { return f.AccountID == account })
				switch operation {
				case "ListMembers":
					if len(s.Members) != 0 || len(members) != 0 || len(s.Accounts) != 1 {
						t.Errorf("%d members, %d features, accounts %v", len(s.Members), len(members), s.Accounts)
					}
				case "GetMemberDetectors":
					if len(s.Members) != 122 || len(members) != 0 || s.UnprocessedMembers != nil {
						t.Errorf("%d members, %d features, unprocessed %v", len(s.Members), len(members), s.UnprocessedMembers)
					}
				case "GetCoverageStatistics":
					if len(s.Statistics) != 0 || s.StatisticsByType != nil || s.Consistent != nil {
						t.Errorf("statistics %v, by type %v, consistent %v", s.Statistics, s.StatisticsByType, s.Consistent)
					}
				}
			})
		}
	}
}

// TestSecondListingFails changes the fleet during the first listing, and denies
// the second one. The refresh fails: without rows every cluster would vanish.
func TestSecondListingFails(t *testing.T) {
	for _, operation := range []string{"ListCoverage", "GetCoverageStatistics"} {
		c := newTarget(t, Options{}, fleet(120)...)
		listed, denied := 0, false
		c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
			if call.Operation == "ListCoverage" {
				if listed++; listed == 2 {
					c.aws.Update(func(w *simulator.World) { w.Account(account).RemoveCluster(region, "cluster-0000") })
				}
			}
			if listed < 4 || call.Operation != operation {
				return false
			}
			denied = true
			w.Header().Set("X-Amzn-ErrorType", "AccessDeniedException")
			w.WriteHeader(http.StatusForbidden)
			return true
		})
		if _, s, err := c.Read(t.Context(), nil); !denied || s != nil || awserr.State(region, err) != coverage.Denied {
			t.Errorf("%s: denied %v, %+v, %v", operation, denied, s, err)
		}
	}
}

// TestRowsOfOtherTypes has rows of another type first and rows without a type,
// which are of the requested one.
func TestRowsOfOtherTypes(t *testing.T) {
	c := newTarget(t, Options{}, fleet(3)...)
	c.respond(map[string]string{
		"GetCoverageStatistics": `{"coverageStatistics":{"countByCoverageStatus":{"HEALTHY":2}}}`,
		"ListCoverage": `{"resources":[
			{"accountId":"1","coverageStatus":"HEALTHY","resourceDetails":{"resourceType":"EC2","ec2InstanceDetails":{"instanceId":"i-1"}}},
			{"accountId":"1","coverageStatus":"HEALTHY","resourceDetails":{"ecsClusterDetails":{"clusterName":"a"}}},
			{"accountId":"1","coverageStatus":"HEALTHY","resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":"b"}}}]}`,
	})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || !slices.Equal(names(s.Resources), []string{"ECS a", "ECS b"}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestUpdatedAt(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	const second = 1_717_401_173
	want := time.Unix(second, 0)
	for _, tc := range []struct {
		raw  int64
		want time.Time
	}{
		{second, want},
		{second * 1e3, want},
		{second * 1e6, want},
		{second * 1e9, want},
		{1, time.Unix(1, 0)},
		{0, time.Time{}},
		{-1, time.Time{}},
		{-second * 1000, time.Time{}},
		{now.Unix() + 86_400, now.AddDate(0, 0, 1)},
		{now.Unix() + 86_401, time.Time{}},
		{99_999_999_999, time.Time{}}, // in the year 5138
	} {
		if got := updatedAt(time.Unix(tc.raw, 0), now); !got.Equal(tc.want) || got.IsZero() != tc.want.IsZero() {
			t.Errorf("%d is %s, want %s", tc.raw, got, tc.want)
		}
	}
	if got := updatedAt(time.Time{}, now); !got.IsZero() {
		t.Errorf("no time is %s", got)
	}
}

func TestTooManyStatuses(t *testing.T) {
	for n, want := range map[int]coverage.State{32: coverage.OK, 33: coverage.InvalidResponse} {
		statuses := map[string]int{}
		for i := range n {
			statuses[fmt.Sprint("STATUS_", i)] = 0
		}
		body, err := json.Marshal(map[string]any{"coverageStatistics": map[string]any{"countByCoverageStatus": statuses}})
		if err != nil {
			t.Fatal(err)
		}
		c := newTarget(t, Options{}, fleet(1)...)
		c.answer("GetCoverageStatistics", http.StatusOK, string(body))
		if _, _, err := c.Read(t.Context(), nil); awserr.State(region, err) != want {
			t.Errorf("%d statuses: %v", n, err)
		}
	}
}

// TestStatisticsByType are of all types, and filtered as the target is, apart
// from its type and the names of ECS clusters.
func TestStatisticsByType(t *testing.T) {
	o := Options{Filter: coverage.Filter{
		AccountID: coverage.Condition{Equals: []string{account}}, ECSClusterName: coverage.Condition{NotEquals: []string{"scratch"}},
		CoverageStatus: coverage.Condition{NotEquals: []string{"UNKNOWN"}}, ManagementType: coverage.Condition{NotEquals: []string{"DISABLED"}},
	}}
	c := newAdministrator(t, o)
	var bodies []string
	c.aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if call.Operation == "GetCoverageStatistics" {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
		}
		return false
	})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[coverage.ResourceType]int64{coverage.ECS: 1, coverage.EC2: 3, coverage.EKS: 1}, s.StatisticsByType); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var request struct {
		StatisticsType []string
		FilterCriteria struct {
			FilterCriterion []struct{ CriterionKey string }
		}
	}
	if err := json.Unmarshal([]byte(bodies[1]), &request); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, criterion := range request.FilterCriteria.FilterCriterion {
		keys[criterion.CriterionKey] = true
	}
	if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, []string{"ACCOUNT_ID", "COVERAGE_STATUS", "MANAGEMENT_TYPE"}) ||
		!slices.Equal(request.StatisticsType, []string{"COUNT_BY_RESOURCE_TYPE"}) {
		t.Errorf("criteria %v, statistics %v", got, request.StatisticsType)
	}

	c = newAdministrator(t, Options{Types: []coverage.ResourceType{coverage.EC2}, OnlyECS: true})
	if _, s, err = c.Read(t.Context(), nil); err != nil || s.StatisticsByType[coverage.EC2] != 3 || len(s.Statistics) != 0 || c.count("GetCoverageStatistics") != 1 {
		t.Errorf("instances of ECS only: %+v, %v", s, err)
	}
}

func TestOmits(t *testing.T) {
	unhealthy := Options{Filter: coverage.Filter{CoverageStatus: coverage.Condition{Equals: []string{"UNHEALTHY"}}}}
	for _, tc := range []struct {
		o      Options
		status coverage.Status
		want   bool
	}{
		{Options{}, coverage.Healthy, false},
		{unhealthy, coverage.Healthy, true},
		{unhealthy, coverage.Unhealthy, false},
	} {
		if got := NewClient(tc.o).Omits(coverage.Event{Status: tc.status}); got != tc.want {
			t.Errorf("%+v, %q: %v", tc.o.Filter, tc.status, got)
		}
	}
	if !strings.Contains(fmt.Sprint(NewClient(Options{}).Operations()), "GetCoverageStatistics") {
		t.Error("statistics by type need GetCoverageStatistics")
	}
}
