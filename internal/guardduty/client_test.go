package guardduty

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const account, region = "111122223333", "us-east-1"

var then = time.Date(2026, 11, 1, 12, 30, 0, 0, time.UTC)

// target is a Client of a simulator.
type target struct {
	*Client
	aws *simulator.Server
}

func newTarget(t *testing.T, o Options, clusters ...*simulator.Cluster) target {
	t.Helper()
	keys := simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}
	server := simulator.New(&simulator.World{Accounts: []*simulator.Account{{
		ID: account, Keys: keys,
		Detectors: []*simulator.Detector{{Region: region, ID: "12abc34d567e8fa901bc2d34e56789f0"}},
		Clusters:  clusters,
	}}}, simulator.Options{})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	o.Region = region
	if o.Types == nil {
		o.Types = []coverage.ResourceType{coverage.ECS}
	}
	o.AccountID = func(context.Context) (string, error) { return account, nil }
	o.Config = func(string) aws.Config {
		return aws.Config{
			BaseEndpoint: aws.String(web.URL), Region: region, HTTPClient: web.Client(),
			Credentials:      credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
			RetryMaxAttempts: 1,
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return target{Client: NewClient(o), aws: server}
}

func fleet(n int) (clusters []*simulator.Cluster) {
	for i := range n {
		clusters = append(clusters, &simulator.Cluster{Region: region, Name: fmt.Sprintf("cluster-%04d", i), UpdatedAt: then})
	}
	return clusters
}

func (c target) count(operation string) (n int) {
	for _, call := range c.aws.Calls() {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

// answer sets the bodies of the responses to an operation, one after the other; the last one repeats.
func (c target) answer(operation string, status int, bodies ...string) {
	c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		if call.Operation != operation {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		body := bodies[0]
		if len(bodies) > 1 {
			bodies = bodies[1:]
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	})
}

func TestReadEveryPage(t *testing.T) {
	c := newTarget(t, Options{}, fleet(125)...)
	got, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got != account || len(s.Resources) != 125 || s.Resources[124].Name != "cluster-0124" {
		t.Errorf("account %s, %d clusters", got, len(s.Resources))
	}
	if diff := cmp.Diff(coverage.Counts{coverage.Healthy: 125, coverage.Unhealthy: 0}, s.Statistics[coverage.ECS]); diff != "" {
		t.Error(diff)
	}
	if _, _, err := c.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]int{"ListDetectors": 1, "GetCoverageStatistics": 6, "ListCoverage": 6} {
		if got := c.count(operation); got != want {
			t.Errorf("%s was called %d times, want %d", operation, got, want)
		}
	}
}

func TestReadConvertsEveryField(t *testing.T) {
	c := newTarget(t, Options{}, &simulator.Cluster{
		Region: region, Name: "web", Status: "UNHEALTHY", Issue: "Unidentified issue",
		Issues:         []string{"Agent not reporting for tasks in TaskDefinition - 'web:3'"},
		ManagementType: "AUTO_MANAGED", Covered: 2, Compatible: 3, UpdatedAt: then.Add(250 * time.Millisecond),
	})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []coverage.Resource{{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: "web"},
		Status: coverage.Unhealthy, ManagementType: "AUTO_MANAGED", Covered: 2, Compatible: 3,
		UpdatedAt: then.Add(250 * time.Millisecond),
		Issues: []coverage.Issue{
			coverage.NewIssue(coverage.AgentNotReporting, "web:3", "Agent not reporting for tasks in TaskDefinition - 'web:3'"),
			coverage.NewIssue(coverage.Unidentified, "", "Unidentified issue"),
		},
	}}
	if diff := cmp.Diff(want, s.Resources); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{account}, s.Accounts); diff != "" {
		t.Error(diff)
	}
}

// TestReadIsCompleteOrFails breaks one response. Read returns an error and no snapshot.
func TestReadIsCompleteOrFails(t *testing.T) {
	row := `{"accountId":"111122223333","coverageStatus":"HEALTHY","resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":"a"}}}`
	page := func(token string) string { return `{"resources":[` + row + `],"nextToken":"` + token + `"}` }
	for name, tc := range map[string]struct {
		operation string
		status    int
		bodies    []string
		want      coverage.State
	}{
		"no detector":               {"ListDetectors", 200, []string{`{"detectorIds":[]}`}, coverage.NoDetector},
		"detectors without a list":  {"ListDetectors", 200, []string{`{}`}, coverage.InvalidResponse},
		"statistics without a body": {"GetCoverageStatistics", 200, []string{``}, coverage.InvalidResponse},
		"rows without a body":       {"ListCoverage", 200, []string{``}, coverage.InvalidResponse},
		"rows null":                 {"ListCoverage", 200, []string{`{"resources":null}`}, coverage.InvalidResponse},
		"second page null":          {"ListCoverage", 200, []string{page("2"), `{"resources":null}`}, coverage.InvalidResponse},
		"the same token again":      {"ListCoverage", 200, []string{page("2")}, coverage.InvalidResponse},
		"two tokens in turn":        {"ListCoverage", 200, []string{page("A"), page("B"), page("A")}, coverage.InvalidResponse},
		"cut JSON":                  {"ListCoverage", 200, []string{page("2"), `{"resources":[`}, coverage.InvalidResponse},
		"updatedAt as a string":     {"ListCoverage", 200, []string{`{"resources":[{"updatedAt":"now"}]}`}, coverage.InvalidResponse},
		"a row without a name":      {"ListCoverage", 200, []string{`{"resources":[{"accountId":"1"}]}`}, coverage.InvalidResponse},
		"a row without an account":  {"ListCoverage", 200, []string{strings.ReplaceAll(page(""), "accountId", "x")}, coverage.InvalidResponse},
		"HTML with 503":             {"ListCoverage", 503, []string{`<html>busy</html>`}, coverage.Failed},
		"429 without a code":        {"ListCoverage", 429, []string{`{}`}, coverage.Throttled},
		"throttled":                 {"ListCoverage", 400, []string{`{"__type":"ThrottlingException"}`}, coverage.Throttled},
		"denied":                    {"ListCoverage", 403, []string{`{"__type":"AccessDeniedException"}`}, coverage.Denied},
		"statistics broken":         {"GetCoverageStatistics", 500, []string{`{"__type":"InternalServerErrorException"}`}, coverage.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTarget(t, Options{}, fleet(3)...)
			c.answer(tc.operation, tc.status, tc.bodies...)
			_, s, err := c.Read(t.Context(), nil)
			if s != nil || awserr.State(region, err) != tc.want {
				t.Errorf("snapshot %v, error %v is %s; want none and %s", s, err, awserr.State(region, err), tc.want)
			}
		})
	}
}

func TestReadWithoutDeniedStatistics(t *testing.T) {
	var log bytes.Buffer
	c := newTarget(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, fleet(3)...)
	for outage := 1; outage <= 2; outage++ {
		c.answer("GetCoverageStatistics", http.StatusForbidden, `{"__type":"AccessDeniedException"}`)
		for range 3 {
			_, s, err := c.Read(t.Context(), nil)
			if err != nil || len(s.Resources) != 3 || len(s.Statistics) != 0 {
				t.Errorf("got %+v, %v", s, err)
			}
		}
		if n := strings.Count(log.String(), "action=guardduty:GetCoverageStatistics"); n != outage {
			t.Errorf("%d log messages in outage %d:\n%s", n, outage, &log)
		}
		c.aws.SetIntercept(nil)
		if _, s, err := c.Read(t.Context(), nil); err != nil || s.Statistics[coverage.ECS] == nil {
			t.Errorf("got %+v, %v", s, err)
		}
	}
}

func TestReadSkipsOtherTypesAndDuplicates(t *testing.T) {
	c := newTarget(t, Options{})
	c.answer("ListCoverage", http.StatusOK,
		`{"resources":[
			{"accountId":"1","coverageStatus":"HEALTHY","updatedAt":1.5,"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":"a"}}},
			{"accountId":"1","coverageStatus":"HEALTHY","resourceDetails":{"resourceType":"EC2","ec2InstanceDetails":{"instanceId":"i-1"}}}
		],"nextToken":"2"}`,
		`{"resources":[
			{"accountId":"1","coverageStatus":"UNHEALTHY","updatedAt":2.5,"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":"a"}}}
		]}`)
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || len(s.Resources) != 1 || s.Resources[0].Status != coverage.Unhealthy {
		t.Errorf("got %+v, %v; want the newer row of the one cluster", s, err)
	}
}

func TestReadFindsANewDetector(t *testing.T) {
	c := newTarget(t, Options{}, fleet(3)...)
	for range 2 {
		if _, s, err := c.Read(t.Context(), nil); err != nil || len(s.Resources) != 3 {
			t.Fatalf("got %+v, %v", s, err)
		}
		c.aws.Update(func(w *simulator.World) { w.Accounts[0].Detectors[0].ID = "ffffffffffffffffffffffffffffffff" })
	}
	c.aws.Update(func(w *simulator.World) { w.Accounts[0].Detectors = nil })
	if _, _, err := c.Read(t.Context(), nil); !errors.Is(err, awserr.ErrNoDetector) {
		t.Errorf("got %v", err)
	}
}

func TestReadUsesTheConfiguredDetector(t *testing.T) {
	c := newTarget(t, Options{DetectorID: "12abc34d567e8fa901bc2d34e56789f0"}, fleet(3)...)
	if _, s, err := c.Read(t.Context(), nil); err != nil || len(s.Resources) != 3 || c.count("ListDetectors") != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	c.aws.Update(func(w *simulator.World) { w.Accounts[0].Detectors[0].ID = "ffffffffffffffffffffffffffffffff" })
	if _, _, err := c.Read(t.Context(), nil); awserr.State(region, err) != coverage.Failed || c.count("ListDetectors") != 0 {
		t.Errorf("got %v", err)
	}
}

func TestReadSendsTheFilter(t *testing.T) {
	clusters := fleet(6)
	clusters[1].ManagementType = "DISABLED"
	clusters[2].Status = "UNHEALTHY"
	for name, tc := range map[string]struct {
		filter   coverage.Filter
		want     []string
		narrowed bool
		accounts int
	}{
		"none":              {coverage.Filter{}, []string{"0", "1", "2", "3", "4", "5"}, false, 1},
		"name":              {coverage.Filter{ECSClusterName: coverage.Condition{Equals: []string{"cluster-0003", "cluster-0004"}}}, []string{"3", "4"}, false, 0},
		"not name":          {coverage.Filter{ECSClusterName: coverage.Condition{NotEquals: []string{"cluster-0003"}}}, []string{"0", "1", "2", "4", "5"}, false, 0},
		"status":            {coverage.Filter{CoverageStatus: coverage.Condition{Equals: []string{"UNHEALTHY"}}}, []string{"2"}, true, 1},
		"management":        {coverage.Filter{ManagementType: coverage.Condition{Equals: []string{"DISABLED"}}}, []string{"1"}, false, 0},
		"another's account": {coverage.Filter{AccountID: coverage.Condition{Equals: []string{"999988887777"}}}, nil, false, 0},
		"not this account":  {coverage.Filter{AccountID: coverage.Condition{NotEquals: []string{account}}}, nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTarget(t, Options{Filter: tc.filter}, clusters...)
			_, s, err := c.Read(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, cluster := range s.Resources {
				names = append(names, strings.TrimPrefix(cluster.Name, "cluster-000"))
			}
			if diff := cmp.Diff(tc.want, names); diff != "" {
				t.Error(diff)
			}
			all := s.Statistics[coverage.ECS][coverage.Healthy] + s.Statistics[coverage.ECS][coverage.Unhealthy]
			if s.NarrowedByStatus != tc.narrowed || len(s.Accounts) != tc.accounts || all != int64(len(tc.want)) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// TestReadWithoutAccount has an account that is not known at first, except from
// its resources.
func TestReadWithoutAccount(t *testing.T) {
	results := []struct {
		id  string
		err error
	}{{"", errors.New("not now")}, {"", nil}, {account, nil}, {"", nil}}
	c := newTarget(t, Options{}, fleet(1)...)
	n := 0
	c.o.AccountID = func(context.Context) (string, error) {
		n++
		return results[n-1].id, results[n-1].err
	}
	for read, want := range []string{"", account, account, account} {
		id, s, err := c.Read(t.Context(), nil)
		if id != want || (err != nil) != (read == 0) {
			t.Errorf("read %d: got %q, %v", read, id, err)
		}
		if err == nil && (len(s.Resources) != 1 || slices.Contains(s.Accounts, "")) {
			t.Errorf("read %d: got %+v", read, s)
		}
	}
}

func TestOnlyAccount(t *testing.T) {
	of := func(ids ...string) *coverage.Snapshot {
		s := &coverage.Snapshot{}
		for _, id := range ids {
			s.Resources = append(s.Resources, coverage.New(coverage.Row{Key: coverage.Key{AccountID: id}}))
		}
		return s
	}
	withMembers := of(account)
	withMembers.Members = []coverage.Member{{AccountID: member}}
	for _, tc := range []struct {
		snapshot *coverage.Snapshot
		want     string
	}{{nil, ""}, {of(), ""}, {of(account), account}, {of(account, account), account}, {of(account, member), ""}, {withMembers, ""}} {
		if got := onlyAccount(tc.snapshot); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.snapshot, got, tc.want)
		}
	}
}

// TestChangedIssuesAreReclassified reads a cluster whose issues stay, change and disappear.
func TestChangedIssuesAreReclassified(t *testing.T) {
	c := newTarget(t, Options{}, &simulator.Cluster{Region: region, Name: "web", Status: "UNHEALTHY", UpdatedAt: then})
	var known *coverage.Snapshot
	for _, tc := range []struct {
		issues []string
		want   []coverage.IssueType
	}{
		{[]string{"Unidentified issue"}, []coverage.IssueType{coverage.Unidentified}},
		{[]string{"Unidentified issue"}, []coverage.IssueType{coverage.Unidentified}},
		{[]string{"Unidentified issue", "Agent exited: ExitCode: 1"}, []coverage.IssueType{coverage.AgentExited, coverage.Unidentified}},
		{[]string{"Agent exited: ExitCode: 1"}, []coverage.IssueType{coverage.AgentExited}},
		{nil, nil},
		{[]string{"Unidentified issue"}, []coverage.IssueType{coverage.Unidentified}},
	} {
		c.aws.Update(func(w *simulator.World) { w.Account(account).Clusters[0].Issues = tc.issues })
		_, s, err := c.Read(t.Context(), known)
		if err != nil {
			t.Fatal(err)
		}
		var got []coverage.IssueType
		for _, i := range s.Resources[0].Issues {
			got = append(got, i.Type())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q, -want +got:\n%s", tc.issues, diff)
		}
		known = s
	}
}
