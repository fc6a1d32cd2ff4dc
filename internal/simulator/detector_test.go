package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"guardduty_coverage_exporter/internal/simulator"
)

func TestDetectorIDIsFilledIn(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	s.Update(func(w *simulator.World) {
		w.Account(outsider).Detectors = []*simulator.Detector{{Region: region}, {Region: "eu-west-1"}}
	})
	ids := map[string]string{}
	for _, r := range []string{region, "eu-west-1"} {
		out, err := guarddutyClient(url, outsider).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{},
			func(o *guardduty.Options) { o.Region = r })
		if err != nil || len(out.DetectorIds) != 1 || len(out.DetectorIds[0]) != 32 {
			t.Fatalf("%s: %v, %v", r, out, err)
		}
		ids[out.DetectorIds[0]] = r
	}
	if len(ids) != 2 {
		t.Errorf("both Regions have the detector %v", ids)
	}
}

func TestForeignDetector(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for _, tc := range []struct{ method, path string }{
		{http.MethodGet, ""},
		{http.MethodGet, "/member"},
		{http.MethodPost, "/coverage"},
		{http.MethodPost, "/coverage/statistics"},
	} {
		for _, c := range []rawCall{
			{path: "/detector/" + otherDetector + tc.path},                      // another account's
			{path: "/detector/" + detectorID + tc.path, region: "eu-west-1"},    // another Region's
			{path: "/detector/nonsense" + tc.path},                              // nobody's
			{path: "/detector/" + detectorID + tc.path, keys: keysOf(outsider)}, // asked by one that has none
		} {
			c.method = tc.method
			got := c.do(t, url)
			if got.status != http.StatusBadRequest ||
				!strings.Contains(got.body, "The request is rejected because the input detectorId is not owned by the current account.") {
				t.Errorf("%s in %q: %d %s", c.path, c.region, got.status, got.body)
			}
		}
	}
}

func TestGetDetector(t *testing.T) {
	for _, tc := range []struct {
		name             string
		change           simulator.Detector
		status           types.DetectorStatus
		runtime, fargate types.FeatureStatus
	}{
		{"on", simulator.Detector{}, "ENABLED", "ENABLED", "ENABLED"},
		{"suspended", simulator.Detector{Suspended: true}, "DISABLED", "ENABLED", "ENABLED"},
		{"without Runtime Monitoring", simulator.Detector{RuntimeMonitoringOff: true}, "ENABLED", "DISABLED", "DISABLED"},
		{"without agent management", simulator.Detector{AgentManagementOff: true}, "ENABLED", "ENABLED", "DISABLED"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := serve(t, smallWorld(), simulator.Options{})
			s.Update(func(w *simulator.World) {
				d := w.Account(administrator).Detector(region)
				tc.change.Region, tc.change.ID, tc.change.CreatedAt = d.Region, d.ID, d.CreatedAt
				*d = tc.change
			})
			out, err := guarddutyClient(url, administrator).GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: aws.String(detectorID)})
			if err != nil {
				t.Fatal(err)
			}
			if out.Status != tc.status || aws.ToString(out.CreatedAt) != "2026-05-04T03:02:01.500Z" {
				t.Errorf("status %s since %s", out.Status, aws.ToString(out.CreatedAt))
			}
			states := map[string]types.FeatureStatus{}
			for _, f := range out.Features {
				states[string(f.Name)] = f.Status
				for _, a := range f.AdditionalConfiguration {
					states[string(a.Name)] = a.Status
				}
			}
			if states["RUNTIME_MONITORING"] != tc.runtime || states["ECS_FARGATE_AGENT_MANAGEMENT"] != tc.fargate {
				t.Errorf("features are %v", states)
			}
		})
	}
}

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

func TestRefusedQuery(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for path, ok := range map[string]bool{
		"/detector?maxResults=1":                                        true,
		"/detector?maxResults=51":                                       false,
		"/detector?maxResults=0":                                        false,
		"/detector?maxResults=many":                                     false,
		"/detector?nextToken=x":                                         false,
		"/detector?MaxResults=1":                                        false,
		"/detector/" + detectorID + "?maxResults=1":                     false,
		"/detector/" + detectorID + "/member?maxResults=51":             false,
		"/detector/" + detectorID + "/member?onlyAssociated=yes":        false,
		"/detector/" + detectorID + "/member?nextToken=x":               false,
		"/detector/" + detectorID + "/member?maxResults=1&maxResults=2": false,
	} {
		got := rawCall{method: http.MethodGet, path: path}.do(t, url)
		if accepted := got.status == http.StatusOK; accepted != ok || !ok && got.header.Get("X-Amzn-ErrorType") != "BadRequestException" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}
