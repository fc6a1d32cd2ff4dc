package simulator_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestMissingDetectorIDIsSet(t *testing.T) {
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
		{http.MethodPost, "/member/get"},
		{http.MethodPost, "/member/detector/get"},
		{http.MethodPost, "/coverage"},
		{http.MethodPost, "/coverage/statistics"},
	} {
		for _, c := range []rawCall{
			{path: "/detector/" + otherDetector + tc.path},                      // another account's
			{path: "/detector/" + detectorID + tc.path, region: "eu-west-1"},    // another Region's
			{path: "/detector/nonsense" + tc.path},                              // unknown
			{path: "/detector/" + detectorID + tc.path, keys: keysOf(outsider)}, // the caller has none
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

// states returns the status of each feature by its name, and of each
// additional configuration by both names.
func states(features []types.DetectorFeatureConfigurationResult) map[string]string {
	got := map[string]string{}
	for _, f := range features {
		got[string(f.Name)] = string(f.Status)
		for _, a := range f.AdditionalConfiguration {
			got[string(f.Name)+"/"+string(a.Name)] = string(a.Status)
		}
	}
	return got
}

func TestGetDetector(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  simulator.Detector
		status  types.DetectorStatus
		differs map[string]string // from the zero value
	}{
		{"on", simulator.Detector{}, "ENABLED", nil},
		{"suspended", simulator.Detector{Suspended: true}, "DISABLED", nil},
		{"without Runtime Monitoring", simulator.Detector{RuntimeMonitoringOff: true}, "ENABLED", map[string]string{
			"RUNTIME_MONITORING": "DISABLED", "RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT": "DISABLED",
			"RUNTIME_MONITORING/ECS_FARGATE_AGENT_MANAGEMENT": "DISABLED", "RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT": "DISABLED",
		}},
		{"Fargate manual", simulator.Detector{AgentManagementOff: true}, "ENABLED", map[string]string{
			"RUNTIME_MONITORING/ECS_FARGATE_AGENT_MANAGEMENT": "DISABLED",
		}},
		{"EC2 manual", simulator.Detector{EC2AgentManagementOff: true}, "ENABLED", map[string]string{
			"RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT": "DISABLED",
		}},
		{"EKS manual", simulator.Detector{EKSAgentManagementOff: true}, "ENABLED", map[string]string{
			"RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT": "DISABLED",
		}},
		{"other features", simulator.Detector{Features: []string{"S3_DATA_EVENTS", "EKS_RUNTIME_MONITORING"}}, "ENABLED", map[string]string{
			"S3_DATA_EVENTS": "ENABLED", "EKS_RUNTIME_MONITORING": "ENABLED", "EKS_RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT": "ENABLED",
		}},
		{"RDS", simulator.Detector{Features: []string{"RDS_LOGIN_EVENTS", "RDS_DATA_RISK"}}, "ENABLED", map[string]string{
			"RDS_LOGIN_EVENTS": "ENABLED", "RDS_LOGIN_EVENTS/RDS_DATA_RISK": "ENABLED",
		}},
		{"RDS_DATA_RISK alone", simulator.Detector{Features: []string{"RDS_DATA_RISK"}}, "ENABLED", nil},
		{"AI", simulator.Detector{Features: []string{"AI_PROTECTION", "AI_ANALYST"}}, "ENABLED", map[string]string{
			"AI_PROTECTION": "ENABLED", "AI_ANALYST": "ENABLED",
		}},
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
			want := map[string]string{
				"CLOUD_TRAIL": "ENABLED", "DNS_LOGS": "ENABLED", "FLOW_LOGS": "ENABLED",
				"S3_DATA_EVENTS": "DISABLED", "EKS_AUDIT_LOGS": "DISABLED", "EBS_MALWARE_PROTECTION": "DISABLED",
				"RDS_LOGIN_EVENTS": "DISABLED", "RDS_LOGIN_EVENTS/RDS_DATA_RISK": "DISABLED", "LAMBDA_NETWORK_LOGS": "DISABLED",
				"AI_PROTECTION": "DISABLED", "AI_ANALYST": "DISABLED",
				"EKS_RUNTIME_MONITORING": "DISABLED", "EKS_RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT": "DISABLED",
				"RUNTIME_MONITORING": "ENABLED", "RUNTIME_MONITORING/EKS_ADDON_MANAGEMENT": "ENABLED",
				"RUNTIME_MONITORING/ECS_FARGATE_AGENT_MANAGEMENT": "ENABLED", "RUNTIME_MONITORING/EC2_AGENT_MANAGEMENT": "ENABLED",
			}
			maps.Copy(want, tc.differs)
			if diff := cmp.Diff(want, states(out.Features)); diff != "" {
				t.Errorf("features (-want +got):\n%s", diff)
			}
		})
	}
}

// GetDetector and GetMemberDetectors return exactly the features of their
// enumerations in the SDK.
func TestFeaturesAreThoseOfTheModel(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	for _, managedBy := range []types.ManagedBy{"", "ACCOUNT", types.ManagedByGuarddutyPolicy} {
		s.Update(func(w *simulator.World) {
			w.Account(administrator).Detector(region).ManagedBy = string(managedBy)
			w.Account(memberID).Detector(region).ManagedBy = string(managedBy)
		})
		own, err := client.GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: aws.String(detectorID)})
		if err != nil {
			t.Fatal(err)
		}
		members, err := client.GetMemberDetectors(t.Context(), &guardduty.GetMemberDetectorsInput{
			DetectorId: aws.String(detectorID), AccountIds: []string{memberID},
		})
		if err != nil {
			t.Fatal(err)
		}
		names, memberNames := map[types.DetectorFeatureResult]bool{}, map[types.OrgFeature]bool{}
		additional := map[types.FeatureAdditionalConfiguration]bool{}
		for _, f := range own.Features {
			names[f.Name] = true
			if f.ManagedBy != managedBy {
				t.Errorf("%s is managed by %q, want %q", f.Name, f.ManagedBy, managedBy)
			}
			for _, a := range f.AdditionalConfiguration {
				additional[a.Name] = true
				if a.ManagedBy != managedBy {
					t.Errorf("%s/%s is managed by %q, want %q", f.Name, a.Name, a.ManagedBy, managedBy)
				}
			}
		}
		for _, f := range members.MemberDataSourceConfigurations[0].Features {
			memberNames[f.Name] = true
			if f.ManagedBy != managedBy {
				t.Errorf("%s of the member is managed by %q, want %q", f.Name, f.ManagedBy, managedBy)
			}
		}
		checkNames(t, names, types.DetectorFeatureResult("").Values())
		checkNames(t, memberNames, types.OrgFeature("").Values())
		checkNames(t, additional, types.FeatureAdditionalConfiguration("").Values())
	}
}

func checkNames[T ~string](t *testing.T, got map[T]bool, want []T) {
	t.Helper()
	slices.Sort(want)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("names are %v, want %v", names, want)
	}
}

// The detector's times are strings, those of its features are numbers.
func TestTimesOfFeatures(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	since := time.Date(2026, 7, 1, 0, 0, 0, 250e6, time.UTC)
	s.Update(func(w *simulator.World) {
		w.Account(administrator).Detector(region).ChangedAt = map[string]time.Time{"ECS_FARGATE_AGENT_MANAGEMENT": since}
	})
	out, err := guarddutyClient(url, administrator).GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: aws.String(detectorID)})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(out.UpdatedAt); got != "2026-07-01T00:00:00.250Z" {
		t.Errorf("the detector was updated at %s", got)
	}
	i := slices.IndexFunc(out.Features, func(f types.DetectorFeatureConfigurationResult) bool { return f.Name == "RUNTIME_MONITORING" })
	runtime := out.Features[i]
	if created := time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC); !aws.ToTime(runtime.UpdatedAt).Equal(created) {
		t.Errorf("Runtime Monitoring is on since %s", runtime.UpdatedAt)
	}
	for _, a := range runtime.AdditionalConfiguration {
		if changed := aws.ToTime(a.UpdatedAt).Equal(since); changed != (a.Name == "ECS_FARGATE_AGENT_MANAGEMENT") {
			t.Errorf("%s is on since %s", a.Name, a.UpdatedAt)
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
