package simulator_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestListMembers(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	s.Update(func(w *simulator.World) {
		d := w.Account(administrator).Detector(region)
		d.Members = append(d.Members, outsider) // without a detector of its own
		for i := range 60 {
			a := &simulator.Account{
				ID: fmt.Sprintf("4000000000%02d", i), Email: fmt.Sprintf("m%d@example.com", i),
				Detectors: []*simulator.Detector{{Region: region}},
			}
			w.Accounts = append(w.Accounts, a)
			d.Members = append(d.Members, a.ID)
		}
	})
	client := guarddutyClient(url, administrator)
	for associated, want := range map[string]int{"": 61, "true": 61, "false": 62} {
		in := &guardduty.ListMembersInput{DetectorId: aws.String(detectorID)}
		if associated != "" {
			in.OnlyAssociated = &associated
		}
		members := map[string]types.Member{}
		pages := guardduty.NewListMembersPaginator(client, in)
		var sizes []int
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(page.Members))
			for _, m := range page.Members {
				members[*m.AccountId] = m
			}
		}
		if len(members) != want || len(sizes) != 2 || sizes[0] != 50 {
			t.Errorf("onlyAssociated=%q: %d members on pages of %v", associated, len(members), sizes)
		}
		m := members[memberID]
		if aws.ToString(m.Email) != "member@example.com" || aws.ToString(m.DetectorId) != otherDetector ||
			aws.ToString(m.RelationshipStatus) != "Enabled" || aws.ToString(m.AdministratorId) != administrator {
			t.Errorf("member is %+v", m)
		}
		if m, listed := members[outsider]; listed && aws.ToString(m.RelationshipStatus) != "Removed" {
			t.Errorf("account without a detector is %+v", m)
		}
	}
}

// The results of ListMembers, GetMemberDetectors, ListCoverage and of the member
// itself for each relationship.
func TestRelationships(t *testing.T) {
	for _, tc := range []struct {
		status                        string
		associated, administered, row bool
	}{
		{"Enabled", true, true, true},
		{"Disabled", true, true, false},
		{"Invited", true, false, false},
		{"Created", false, false, false},
		{"Removed", false, false, false},
		{"Resigned", false, false, false},
		{"EmailVerificationInProgress", false, false, false},
	} {
		t.Run(tc.status, func(t *testing.T) {
			s, url := serve(t, smallWorld(), simulator.Options{})
			s.Update(func(w *simulator.World) {
				w.Account(administrator).Detector(region).Relationships = map[string]string{memberID: tc.status}
			})
			client := guarddutyClient(url, administrator)
			for onlyAssociated, listed := range map[string]bool{"true": tc.associated, "false": true} {
				out, err := client.ListMembers(t.Context(), &guardduty.ListMembersInput{
					DetectorId: aws.String(detectorID), OnlyAssociated: &onlyAssociated,
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(out.Members) == 1 != listed || listed && aws.ToString(out.Members[0].RelationshipStatus) != tc.status {
					t.Errorf("onlyAssociated=%s: members are %+v", onlyAssociated, out.Members)
				}
			}
			out, err := client.GetMemberDetectors(t.Context(), &guardduty.GetMemberDetectorsInput{
				DetectorId: aws.String(detectorID), AccountIds: []string{memberID},
			})
			if err != nil {
				t.Fatal(err)
			}
			processed, unprocessed := out.MemberDataSourceConfigurations, out.UnprocessedAccounts
			if len(processed) == 1 != tc.administered || len(unprocessed) == 1 == tc.administered {
				t.Errorf("%d member detectors, %d unprocessed", len(processed), len(unprocessed))
			}
			rows, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)})
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(names(rows), "charlie") != tc.row {
				t.Errorf("rows are %v", names(rows))
			}
			_, err = guarddutyClient(url, memberID).ListMembers(t.Context(), &guardduty.ListMembersInput{DetectorId: aws.String(otherDetector)})
			if (err != nil) != tc.administered {
				t.Errorf("the member's own ListMembers: %v", err)
			}
		})
	}
}

func TestGetMemberDetectors(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	s.Update(func(w *simulator.World) {
		d := w.Account(memberID).Detector(region)
		d.AgentManagementOff, d.Features = true, []string{"EKS_AUDIT_LOGS"}
	})
	out, err := guarddutyClient(url, administrator).GetMemberDetectors(t.Context(), &guardduty.GetMemberDetectorsInput{
		DetectorId: aws.String(detectorID), AccountIds: []string{outsider, memberID, administrator},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.MemberDataSourceConfigurations) != 1 || *out.MemberDataSourceConfigurations[0].AccountId != memberID {
		t.Fatalf("members are %+v", out.MemberDataSourceConfigurations)
	}
	got := map[string]types.FeatureStatus{}
	for _, f := range out.MemberDataSourceConfigurations[0].Features {
		for _, a := range f.AdditionalConfiguration {
			got[string(f.Name)+"/"+string(a.Name)] = a.Status
		}
	}
	want := map[string]types.FeatureStatus{
		"RDS_LOGIN_EVENTS/RDS_DATA_RISK":                  "DISABLED",
		"EKS_RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT":     "DISABLED",
		"RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT":         "ENABLED",
		"RUNTIME_MONITORING/ECS_FARGATE_AGENT_MANAGEMENT": "DISABLED",
		"RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT":         "ENABLED",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("additional configuration (-want +got):\n%s", diff)
	}
	sources := out.MemberDataSourceConfigurations[0].DataSources //nolint:staticcheck // deprecated, but required by the API
	if sources == nil || sources.CloudTrail.Status != "ENABLED" || sources.DNSLogs.Status != "ENABLED" ||
		sources.FlowLogs.Status != "ENABLED" || sources.S3Logs.Status != "DISABLED" ||
		sources.Kubernetes.AuditLogs.Status != "ENABLED" || sources.MalwareProtection.ScanEc2InstanceWithFindings.EbsVolumes.Status != "DISABLED" {
		t.Errorf("data sources are %+v", sources)
	}
	var unprocessed []string
	for _, u := range out.UnprocessedAccounts {
		unprocessed = append(unprocessed, *u.AccountId)
		if !strings.Contains(aws.ToString(u.Result), "not an associated member") {
			t.Errorf("%s: %s", *u.AccountId, aws.ToString(u.Result))
		}
	}
	if !slices.Equal(unprocessed, []string{outsider, administrator}) { // an administrator is not its own member
		t.Errorf("unprocessed are %v", unprocessed)
	}
}

// GetMembers returns members of any relationship, in the order of the request.
func TestGetMembers(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	s.Update(func(w *simulator.World) {
		d := w.Account(administrator).Detector(region)
		d.Members = append(d.Members, "444455556666") // a former member that is not in the world
	})
	out, err := guarddutyClient(url, administrator).GetMembers(t.Context(), &guardduty.GetMembersInput{
		DetectorId: aws.String(detectorID), AccountIds: []string{"444455556666", outsider, memberID},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range out.Members {
		got[*m.AccountId] = *m.RelationshipStatus + " " + *m.Email
	}
	want := map[string]string{"444455556666": "Removed ", memberID: "Enabled member@example.com"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	if len(out.UnprocessedAccounts) != 1 || *out.UnprocessedAccounts[0].AccountId != outsider {
		t.Errorf("unprocessed are %+v", out.UnprocessedAccounts)
	}
}

func TestMemberCallRefusals(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	ids := func(n int) string { return `{"accountIds":["1"` + strings.Repeat(`,"1"`, n-1) + `]}` }
	own, get := "/detector/"+detectorID+"/member/detector/get", http.MethodPost
	for _, tc := range []struct {
		name    string
		call    rawCall
		message string // "" when accepted
	}{
		{"one", rawCall{method: get, path: own, body: ids(1)}, ""},
		{"fifty", rawCall{method: get, path: own, body: ids(50)}, ""},
		{"fifty-one", rawCall{method: get, path: own, body: ids(51)}, "51 accounts"},
		{"none", rawCall{method: get, path: own, body: `{"accountIds":[]}`}, "0 accounts"},
		{"no body", rawCall{method: get, path: own}, "0 accounts"},
		{"other case", rawCall{method: get, path: own, body: `{"AccountIds":["1"]}`}, "AccountIds"},
		{
			"caller is a member",
			rawCall{method: get, path: "/detector/" + otherDetector + "/member/detector/get", keys: keysOf(memberID), body: ids(1)},
			"member account",
		},
		{"get members", rawCall{method: get, path: "/detector/" + detectorID + "/member/get", body: ids(50)}, ""},
		{"get too many members", rawCall{method: get, path: "/detector/" + detectorID + "/member/get", body: ids(51)}, "51 accounts"},
		{
			"member gets members",
			rawCall{method: get, path: "/detector/" + otherDetector + "/member/get", keys: keysOf(memberID), body: ids(1)},
			"member account",
		},
		{
			"member lists members",
			rawCall{method: http.MethodGet, path: "/detector/" + otherDetector + "/member", keys: keysOf(memberID)},
			"member account",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.call.do(t, url)
			if accepted := got.status == http.StatusOK; accepted != (tc.message == "") {
				t.Fatalf("%d %s", got.status, got.body)
			}
			if tc.message != "" && (got.header.Get("X-Amzn-ErrorType") != "BadRequestException" || !strings.Contains(got.body, tc.message)) {
				t.Errorf("%s %s", got.header.Get("X-Amzn-ErrorType"), got.body)
			}
		})
	}
}
