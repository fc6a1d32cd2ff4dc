package guardduty

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const member, leaver = "222233334444", "333344445555"

// everything configures all resource types and optional data.
func everything() Options {
	return Options{
		Types:    []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS},
		Detector: true, Members: true,
	}
}

// newAdministrator returns the target of an administrator with one member and one account that has left.
func newAdministrator(t *testing.T, o Options) target {
	t.Helper()
	c := newTarget(t, o, fleet(1)...)
	c.aws.Update(func(w *simulator.World) {
		admin := w.Accounts[0]
		admin.Detectors[0].Members = []string{member, leaver}
		admin.Detectors[0].Relationships = map[string]string{leaver: "Removed"}
		admin.Instances = []*simulator.Instance{
			{Region: region, ID: "i-ecs", Type: "m7g.large", AgentVersion: "v1.6.1", ClusterARN: "arn:aws:ecs:us-east-1:111122223333:cluster/batch", ManagementType: "AUTO_MANAGED", UpdatedAt: then},
			{Region: region, ID: "i-eks", ClusterARN: "arn:aws:eks:us-east-1:111122223333:cluster/k8s", Status: "UNHEALTHY", Issue: "No Agent Reporting"},
			{Region: region, ID: "i-own"},
		}
		admin.EKSClusters = []*simulator.EKSCluster{{
			Region: region, Name: "k8s", AddonVersion: "v1.6.1-eksbuild.1", AddonStatus: "ACTIVE", ManagementType: "MANUAL", Covered: 1, Compatible: 2,
			Status: "UNHEALTHY", Issue: "Addon Status Unhealthy:EKS Addon issue - InsufficientNumberOfReplicas: 0/2 nodes", UpdatedAt: then,
		}}
		for _, id := range []string{member, leaver} {
			w.Accounts = append(w.Accounts, &simulator.Account{
				ID: id, Email: "secret@example.com",
				Detectors: []*simulator.Detector{{Region: region, RuntimeMonitoringOff: id == member}},
			})
		}
	})
	return c
}

func TestReadAllTypesAndOptionalData(t *testing.T) {
	c := newAdministrator(t, everything())
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, r := range s.Resources {
		row := fmt.Sprint(r.Type, " ", r.Name, " ", r.Status, " ", r.ManagementType)
		if r.Instance != nil {
			row += fmt.Sprintf(" %s %s %q", r.Instance.Type, r.Instance.AgentVersion, r.Instance.ECSCluster())
		}
		if r.Addon != nil {
			row += fmt.Sprintf(" %s %s %d/%d", r.Addon.Version, r.Addon.Status, r.Covered, r.Compatible)
		}
		for _, i := range r.Issues {
			row += " " + string(i.Type())
		}
		rows = append(rows, row)
	}
	want := []string{
		`EC2 i-ecs HEALTHY AUTO_MANAGED m7g.large v1.6.1 "batch"`,
		`EC2 i-eks UNHEALTHY    "" agent_not_reporting`,
		`EC2 i-own HEALTHY    ""`,
		`ECS cluster-0000 HEALTHY `,
		`EKS k8s UNHEALTHY MANUAL v1.6.1-eksbuild.1 ACTIVE 1/2 addon_insufficient_number_of_replicas`,
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for typ, want := range map[coverage.ResourceType]int64{coverage.ECS: 1, coverage.EC2: 2, coverage.EKS: 0} {
		if got := s.Statistics[typ][coverage.Healthy]; got != want {
			t.Errorf("%d healthy resources of type %s, want %d", got, typ, want)
		}
	}
	if diff := cmp.Diff([]coverage.Member{
		{AccountID: member, Region: region, Relationship: "enabled"}, {AccountID: leaver, Region: region, Relationship: "removed"},
	}, s.Members); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{account, member}, s.Accounts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]coverage.Detector{{AccountID: account, Region: region, Enabled: true}}, s.Detectors); diff != "" {
		t.Error(diff)
	}
	enabled := map[string]bool{}
	for _, f := range s.Features {
		enabled[f.AccountID+" "+f.Name+" "+f.Additional] = f.Enabled
	}
	for feature, want := range map[string]bool{
		account + " RUNTIME_MONITORING ":                             true,
		account + " RUNTIME_MONITORING ECS_FARGATE_AGENT_MANAGEMENT": true,
		member + " RUNTIME_MONITORING ":                              false,
	} {
		if got, ok := enabled[feature]; !ok || got != want {
			t.Errorf("feature %q: %v, %v; want %v", feature, got, ok, want)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", s), "secret@example.com") {
		t.Error("a member's e-mail address is in the snapshot")
	}
}

func TestReadOnlyInstancesOfECS(t *testing.T) {
	o := everything()
	o.OnlyECS = true
	c := newAdministrator(t, o)
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range s.Resources {
		if r.Type == coverage.EC2 {
			ids = append(ids, r.Name)
		}
	}
	if diff := cmp.Diff([]string{"i-ecs"}, ids); diff != "" {
		t.Error(diff)
	}
	if s.Statistics[coverage.EC2] != nil {
		t.Errorf("statistics count instances that are left out: %v", s.Statistics[coverage.EC2])
	}
}

// TestReadSkipsDeniedData denies one action at a time. Only its data is missing, and the log has the action once.
func TestReadSkipsDeniedData(t *testing.T) {
	for action, parts := range map[string][]string{
		"GetCoverageStatistics": {"statistics"},
		"GetDetector":           {"detector"},
		"ListMembers":           {"members", "member_detectors"}, // whose detectors?
		"GetMemberDetectors":    {"member_detectors"},
	} {
		t.Run(action, func(t *testing.T) {
			var log bytes.Buffer
			o := everything()
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			c := newAdministrator(t, o)
			c.answer(action, http.StatusForbidden, `{"__type":"AccessDeniedException"}`)
			for range 2 {
				_, s, err := c.Read(t.Context(), nil)
				if err != nil || len(s.Resources) != 5 {
					t.Fatalf("got %+v, %v", s, err)
				}
				for _, p := range s.Capabilities {
					if p.OK == slices.Contains(parts, p.Name) {
						t.Errorf("part %+v", p)
					}
				}
			}
			if n := strings.Count(log.String(), "action=guardduty:"+action); n != 1 {
				t.Errorf("%d log messages with the action:\n%s", n, &log)
			}
		})
	}
}

func TestReadFailsWithOptionalData(t *testing.T) {
	for action, before := range map[string][]string{
		"GetDetector": nil, "ListMembers": {"detector"}, "GetMemberDetectors": {"detector", "members"},
		"GetCoverageStatistics": {"detector", "members", "member_detectors"},
		"ListCoverage":          {"detector", "members", "member_detectors"},
	} {
		for _, body := range []string{``, `{}`, `{"members":null}`} {
			c := newAdministrator(t, everything())
			c.answer(action, http.StatusOK, body)
			_, s, err := c.Read(t.Context(), nil)
			if awserr.State(region, err) != coverage.InvalidResponse {
				t.Errorf("%s returns %q: error %v", action, body, err)
			}
			var read []string
			if s != nil {
				for _, c := range s.Capabilities {
					read = append(read, c.Name)
				}
				if s.Types != nil || s.Accounts != nil || s.Resources != nil || s.Statistics != nil {
					t.Errorf("%s returns %q: %+v", action, body, s)
				}
			}
			if !slices.Equal(read, before) {
				t.Errorf("%s returns %q: capabilities %v, want %v", action, body, read, before)
			}
		}
		c := newAdministrator(t, everything())
		c.answer(action, http.StatusInternalServerError, `{"__type":"InternalServerErrorException"}`)
		if _, s, err := c.Read(t.Context(), nil); s != nil || awserr.State(region, err) != coverage.Failed {
			t.Errorf("%s fails: %v, %v", action, s, err)
		}
	}
}

// TestReadMembersOfAMember reads the members of an account that is itself a member.
func TestReadMembersOfAMember(t *testing.T) {
	o := everything()
	c := newTarget(t, o, fleet(2)...)
	c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		if call.Operation != "ListMembers" {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		awswire.WriteError(w, http.StatusBadRequest, "BadRequestException", "The request is rejected because the current account is a member account.")
		return true
	})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || len(s.Resources) != 2 || len(s.Members) != 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestBadRequestIsNotAccessDenied, except for operations that only an administrator may call.
func TestBadRequestIsNotAccessDenied(t *testing.T) {
	for action, refused := range map[string]bool{
		"GetCoverageStatistics": false, "GetDetector": false, "ListMembers": true, "GetMemberDetectors": true,
	} {
		c := newAdministrator(t, everything())
		c.answer(action, http.StatusBadRequest, `{"__type":"BadRequestException","message":"invalid or out-of-range value"}`)
		if _, s, err := c.Read(t.Context(), nil); (err == nil) != refused || (s != nil) != refused {
			t.Errorf("%s: %v, %v", action, s, err)
		}
	}
}

func TestReadASuspendedDetector(t *testing.T) {
	c := newAdministrator(t, everything())
	c.aws.Update(func(w *simulator.World) { w.Accounts[0].Detectors[0].Suspended = true })
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || len(s.Detectors) != 1 || s.Detectors[0].Enabled {
		t.Errorf("got %+v, %v", s, err)
	}
}

// TestOnlyCompleteAccountsHaveZeros has filters, with which an account without rows may have resources.
func TestOnlyCompleteAccountsHaveZeros(t *testing.T) {
	for name, tc := range map[string]struct {
		filter coverage.Filter
		want   []string
	}{
		"no filter":     {coverage.Filter{}, []string{account, member}},
		"by status":     {coverage.Filter{CoverageStatus: coverage.Condition{Equals: []string{"UNHEALTHY"}}}, []string{account, member}}, // not counted, see coverage.Merge
		"by account":    {coverage.Filter{AccountID: coverage.Condition{NotEquals: []string{account}}}, []string{member}},
		"by name":       {coverage.Filter{ECSClusterName: coverage.Condition{Equals: []string{"a"}}}, nil},
		"by management": {coverage.Filter{ManagementType: coverage.Condition{Equals: []string{"MANUAL"}}}, nil},
	} {
		o := everything()
		o.Filter = tc.filter
		_, s, err := newAdministrator(t, o).Read(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, s.Accounts); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRowHasOneType has an instance with the details of an ECS cluster. The row has none of them.
func TestRowHasOneType(t *testing.T) {
	c := newTarget(t, Options{Types: []coverage.ResourceType{coverage.EC2}})
	c.answer("ListCoverage", http.StatusOK, `{"resources":[{"accountId":"1","resourceDetails":{"resourceType":"EC2",
		"ecsClusterDetails":{"clusterName":"web","fargateDetails":{"issues":["Agent exited"]},"containerInstanceDetails":{"coveredContainerInstances":7}},
		"ec2InstanceDetails":{"instanceId":"i-1"}}}]}`)
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || len(s.Resources) != 1 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if r := s.Resources[0]; r.Name != "i-1" || r.Covered != 0 || len(r.Issues) != 0 {
		t.Errorf("got %+v", r)
	}
	c.answer("ListCoverage", http.StatusOK, `{"resources":[{"accountId":"1","resourceDetails":{"resourceType":"EC2","ecsClusterDetails":{"clusterName":"web"}}}]}`)
	if _, s, err := c.Read(t.Context(), nil); awserr.State(region, err) != coverage.InvalidResponse {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestReadMembersInChunks(t *testing.T) {
	c := newAdministrator(t, everything())
	c.aws.Update(func(w *simulator.World) {
		for i := range 120 {
			id := fmt.Sprintf("5%011d", i)
			w.Accounts = append(w.Accounts, &simulator.Account{ID: id, Detectors: []*simulator.Detector{{Region: region}}})
			w.Accounts[0].Detectors[0].Members = append(w.Accounts[0].Detectors[0].Members, id)
		}
	})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Members) != 122 || len(s.Accounts) != 122 || c.count("ListMembers") != 3 || c.count("GetMemberDetectors") != 3 {
		t.Errorf("%d members, %d accounts, %d and %d calls", len(s.Members), len(s.Accounts), c.count("ListMembers"), c.count("GetMemberDetectors"))
	}
}
