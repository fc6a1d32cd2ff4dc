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

// mixedWorld is smallWorld with EC2 instances and EKS clusters in both of its
// accounts.
func mixedWorld() *simulator.World {
	w, changed := smallWorld(), time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC)
	a, m := w.Account(administrator), w.Account(memberID)
	a.Instances = []*simulator.Instance{
		{
			Region: region, ID: "i-1", Type: "m6i.large", ClusterARN: "arn:aws:ecs:us-east-1:111122223333:cluster/bravo",
			AgentVersion: "v1.6.1", ManagementType: "AUTO_MANAGED", UpdatedAt: changed,
		},
		{Region: "eu-west-1", ID: "i-elsewhere"},
	}
	m.Instances = []*simulator.Instance{{Region: region, ID: "i-2", Issue: "No Agent Reporting", UpdatedAt: changed.Add(-2 * time.Hour)}}
	a.EKSClusters = []*simulator.EKSCluster{{
		Region: region, Name: "yankee", AddonVersion: "v1.6.1-eksbuild.1", AddonStatus: "DEGRADED", ManagementType: "MANUAL",
		Covered: 1, Compatible: 3, Issue: "Addon Status Unhealthy", UpdatedAt: changed.Add(2 * time.Hour),
	}}
	m.EKSClusters = []*simulator.EKSCluster{
		{Region: region, Name: "zulu", Covered: 2, Compatible: 2},
		{Region: "eu-west-1", Name: "elsewhere"},
	}
	return w
}

// short returns the last part of each row's ARN.
func short(resources []types.CoverageResource) []string {
	list := []string{}
	for _, r := range resources {
		id := aws.ToString(r.ResourceId)
		list = append(list, id[strings.LastIndexByte(id, '/')+1:])
	}
	return list
}

func TestInstanceAndEKSRows(t *testing.T) {
	_, url := serve(t, mixedWorld(), simulator.Options{})
	out, err := guarddutyClient(url, administrator).ListCoverage(t.Context(), &guardduty.ListCoverageInput{
		DetectorId: aws.String(detectorID), FilterCriteria: criteria(types.CoverageFilterCriterionKeyResourceType, "EC2", "EKS"),
	})
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC)
	want := []types.CoverageResource{
		{
			ResourceId: aws.String("arn:aws:ec2:us-east-1:111122223333:instance/i-1"), DetectorId: aws.String(detectorID),
			AccountId: aws.String(administrator), CoverageStatus: "HEALTHY", Issue: aws.String(""), UpdatedAt: aws.Time(changed),
			ResourceDetails: &types.CoverageResourceDetails{ResourceType: "EC2", Ec2InstanceDetails: &types.CoverageEc2InstanceDetails{
				InstanceId: aws.String("i-1"), InstanceType: aws.String("m6i.large"), ManagementType: "AUTO_MANAGED",
				ClusterArn:   aws.String("arn:aws:ecs:us-east-1:111122223333:cluster/bravo"),
				AgentDetails: &types.AgentDetails{Version: aws.String("v1.6.1")},
			}},
		},
		{
			ResourceId: aws.String("arn:aws:ec2:us-east-1:222233334444:instance/i-2"), DetectorId: aws.String(otherDetector),
			AccountId: aws.String(memberID), CoverageStatus: "UNHEALTHY", Issue: aws.String("No Agent Reporting"),
			UpdatedAt: aws.Time(changed.Add(-2 * time.Hour)),
			ResourceDetails: &types.CoverageResourceDetails{ResourceType: "EC2", Ec2InstanceDetails: &types.CoverageEc2InstanceDetails{
				InstanceId: aws.String("i-2"),
			}},
		},
		{
			ResourceId: aws.String("arn:aws:eks:us-east-1:111122223333:cluster/yankee"), DetectorId: aws.String(detectorID),
			AccountId: aws.String(administrator), CoverageStatus: "UNHEALTHY", Issue: aws.String("Addon Status Unhealthy"),
			UpdatedAt: aws.Time(changed.Add(2 * time.Hour)),
			ResourceDetails: &types.CoverageResourceDetails{ResourceType: "EKS", EksClusterDetails: &types.CoverageEksClusterDetails{
				ClusterName: aws.String("yankee"), CoveredNodes: aws.Int64(1), CompatibleNodes: aws.Int64(3), ManagementType: "MANUAL",
				AddonDetails: &types.AddonDetails{AddonVersion: aws.String("v1.6.1-eksbuild.1"), AddonStatus: aws.String("DEGRADED")},
			}},
		},
		{
			ResourceId: aws.String("arn:aws:eks:us-east-1:222233334444:cluster/zulu"), DetectorId: aws.String(otherDetector),
			AccountId: aws.String(memberID), CoverageStatus: "HEALTHY", Issue: aws.String(""),
			ResourceDetails: &types.CoverageResourceDetails{ResourceType: "EKS", EksClusterDetails: &types.CoverageEksClusterDetails{
				ClusterName: aws.String("zulu"), CoveredNodes: aws.Int64(2), CompatibleNodes: aws.Int64(2),
			}},
		},
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())
	if diff := cmp.Diff(want, out.Resources, ignore); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// criteria matches any of the values of one key.
func criteria(key types.CoverageFilterCriterionKey, values ...string) *types.CoverageFilterCriteria {
	return &types.CoverageFilterCriteria{FilterCriterion: []types.CoverageFilterCriterion{{
		CriterionKey: key, FilterCondition: &types.CoverageFilterCondition{Equals: values},
	}}}
}

func TestFiltersOfEveryType(t *testing.T) {
	_, url := serve(t, mixedWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	for _, tc := range []struct {
		name   string
		filter *types.CoverageFilterCriteria
		want   []string
	}{
		{"none", nil, []string{"i-1", "i-2", "alpha", "bravo", "charlie", "yankee", "zulu"}},
		{"ECS", criteria("RESOURCE_TYPE", "ECS"), []string{"alpha", "bravo", "charlie"}},
		{"EC2", criteria("RESOURCE_TYPE", "EC2"), []string{"i-1", "i-2"}},
		{"EKS", criteria("RESOURCE_TYPE", "EKS"), []string{"yankee", "zulu"}},
		{"account", criteria("ACCOUNT_ID", memberID), []string{"i-2", "charlie", "zulu"}},
		{"status", criteria("COVERAGE_STATUS", "HEALTHY"), []string{"i-1", "alpha", "zulu"}},
		{"management", criteria("MANAGEMENT_TYPE", "AUTO_MANAGED", "MANUAL"), []string{"i-1", "alpha", "charlie", "yankee"}},
		{"ECS cluster", criteria("ECS_CLUSTER_NAME", "alpha", "yankee", "i-1"), []string{"alpha"}},
		{"EKS cluster", criteria("EKS_CLUSTER_NAME", "alpha", "yankee", "i-1"), []string{"yankee"}},
		{"EKS cluster by the deprecated key", criteria("CLUSTER_NAME", "alpha", "yankee", "i-1"), []string{"yankee"}},
		{"add-on", criteria("ADDON_VERSION", "v1.6.1-eksbuild.1", ""), []string{"yankee"}},
		{"instance", criteria("INSTANCE_ID", "i-2", "alpha"), []string{"i-2"}},
		{"cluster of an instance", criteria("CLUSTER_ARN", "arn:aws:ecs:us-east-1:111122223333:cluster/bravo", ""), []string{"i-1"}},
		{"agent", criteria("AGENT_VERSION", "v1.6.1", ""), []string{"i-1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID), FilterCriteria: tc.filter})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, short(out.Resources)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			byType, byStatus := map[string]int64{}, map[string]int64{}
			for _, r := range out.Resources {
				byType[string(r.ResourceDetails.ResourceType)]++
				byStatus[string(r.CoverageStatus)]++
			}
			counts, err := client.GetCoverageStatistics(t.Context(), &guardduty.GetCoverageStatisticsInput{
				DetectorId: aws.String(detectorID), FilterCriteria: tc.filter, StatisticsType: types.CoverageStatisticsType("").Values(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := counts.CoverageStatistics; !maps.Equal(got.CountByResourceType, byType) || !maps.Equal(got.CountByCoverageStatus, byStatus) {
				t.Errorf("statistics are %v and %v, want %v and %v", got.CountByResourceType, got.CountByCoverageStatus, byType, byStatus)
			}
		})
	}
}

// Rows without the sort attribute come first, in the order of ARNs.
func TestSortsOfEveryType(t *testing.T) {
	_, url := serve(t, mixedWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	for key, want := range map[types.CoverageSortKey][]string{
		"ACCOUNT_ID":       {"i-1", "alpha", "bravo", "yankee", "i-2", "charlie", "zulu"},
		"COVERAGE_STATUS":  {"i-1", "alpha", "zulu", "i-2", "bravo", "charlie", "yankee"},
		"ISSUE":            {"i-1", "alpha", "bravo", "zulu", "yankee", "charlie", "i-2"},
		"UPDATED_AT":       {"zulu", "i-2", "charlie", "i-1", "alpha", "bravo", "yankee"},
		"ECS_CLUSTER_NAME": {"i-1", "i-2", "yankee", "zulu", "alpha", "bravo", "charlie"},
		"EKS_CLUSTER_NAME": {"i-1", "i-2", "alpha", "bravo", "charlie", "yankee", "zulu"},
		"CLUSTER_NAME":     {"i-1", "i-2", "alpha", "bravo", "charlie", "yankee", "zulu"},
		"ADDON_VERSION":    {"i-1", "i-2", "alpha", "bravo", "charlie", "zulu", "yankee"},
		"INSTANCE_ID":      {"alpha", "bravo", "charlie", "yankee", "zulu", "i-1", "i-2"},
	} {
		for _, order := range types.OrderBy("").Values() {
			if order == types.OrderByDesc {
				slices.Reverse(want)
			}
			var got []string
			pages := guardduty.NewListCoveragePaginator(client, &guardduty.ListCoverageInput{
				DetectorId: aws.String(detectorID), MaxResults: aws.Int32(2), // the order spans pages
				SortCriteria: &types.CoverageSortCriteria{AttributeName: key, OrderBy: order},
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatalf("%s %s: %v", key, order, err)
				}
				got = append(got, short(page.Resources)...)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", key, order, diff)
			}
		}
	}
}

func TestIssueSortIsRefusedForInstances(t *testing.T) {
	_, url := serve(t, mixedWorld(), simulator.Options{})
	for _, tc := range []struct {
		types string
		ok    bool
	}{{`"ECS"`, true}, {`"EKS"`, true}, {`"EC2"`, false}, {`"ECS","EC2"`, false}} {
		got := rawCall{
			method: http.MethodPost, path: "/detector/" + detectorID + "/coverage",
			body: `{"sortCriteria":{"attributeName":"ISSUE"},"filterCriteria":{"filterCriterion":` +
				`[{"criterionKey":"RESOURCE_TYPE","filterCondition":{"equals":[` + tc.types + `]}}]}}`,
		}.do(t, url)
		if (got.status == http.StatusOK) != tc.ok || !tc.ok && !strings.Contains(got.body, "InvalidInputException") {
			t.Errorf("%s: %d %s", tc.types, got.status, got.body)
		}
	}
}

func TestCoverageStatus(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  interface{ CoverageStatus() string }
		want string
	}{
		{"cluster", &simulator.Cluster{}, "HEALTHY"},
		{"cluster with an issue of a task", &simulator.Cluster{Issues: []string{"x"}}, "UNHEALTHY"},
		{"cluster with an uncovered instance", &simulator.Cluster{Covered: 1, Compatible: 2}, "UNHEALTHY"},
		{"instance", &simulator.Instance{}, "HEALTHY"},
		{"instance with an issue", &simulator.Instance{Issue: "x"}, "UNHEALTHY"},
		{"instance without an issue", &simulator.Instance{Status: "UNHEALTHY"}, "UNHEALTHY"},
		{"EKS cluster", &simulator.EKSCluster{Covered: 2, Compatible: 2}, "HEALTHY"},
		{"EKS cluster with an issue", &simulator.EKSCluster{Issue: "x"}, "UNHEALTHY"},
		{"EKS cluster with an uncovered node", &simulator.EKSCluster{Compatible: 1}, "UNHEALTHY"},
		{"new status", &simulator.EKSCluster{Status: "PENDING"}, "PENDING"},
	} {
		if got := tc.row.CoverageStatus(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestLookups(t *testing.T) {
	a := mixedWorld().Account(administrator)
	if i := a.Instance(region, "i-1"); i != a.Instances[0] {
		t.Errorf("instance is %+v", i)
	}
	if c := a.EKSCluster(region, "yankee"); c != a.EKSClusters[0] {
		t.Errorf("EKS cluster is %+v", c)
	}
	if i, c := a.Instance("eu-west-1", "i-1"), a.EKSCluster("eu-west-1", "yankee"); i != nil || c != nil {
		t.Errorf("in another Region: %+v and %+v", i, c)
	}
}
