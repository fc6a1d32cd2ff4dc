package simulator_test

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// names returns the names of a page's clusters.
func names(page *guardduty.ListCoverageOutput) []string {
	list := []string{}
	for _, r := range page.Resources {
		list = append(list, *r.ResourceDetails.EcsClusterDetails.ClusterName)
	}
	return list
}

func TestListCoverageRow(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	out, err := guarddutyClient(url, memberID).ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(otherDetector)})
	if err != nil {
		t.Fatal(err)
	}
	want := []types.CoverageResource{{
		ResourceId: aws.String("arn:aws:ecs:us-east-1:222233334444:cluster/charlie"),
		DetectorId: aws.String(otherDetector), AccountId: aws.String(memberID),
		CoverageStatus: types.CoverageStatusUnhealthy, Issue: aws.String("Agent exited"),
		UpdatedAt: aws.Time(time.Date(2026, 5, 4, 2, 2, 1, 500e6, time.UTC)),
		ResourceDetails: &types.CoverageResourceDetails{
			ResourceType: types.ResourceTypeEcs,
			EcsClusterDetails: &types.CoverageEcsClusterDetails{
				ClusterName: aws.String("charlie"),
				FargateDetails: &types.FargateDetails{
					Issues: []string{"Others: <first>", "second"}, ManagementType: types.ManagementTypeAutoManaged,
				},
				ContainerInstanceDetails: &types.ContainerInstanceDetails{
					CoveredContainerInstances: aws.Int64(0), CompatibleContainerInstances: aws.Int64(0),
				},
			},
		},
	}}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".noSmithyDocumentSerde" }, cmp.Ignore())
	if diff := cmp.Diff(want, out.Resources, ignore); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if out.NextToken != nil {
		t.Errorf("the last page has the token %q", *out.NextToken)
	}
}

// Empty lists are not null.
func TestEmptyResponsesOnTheWire(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	alone := &simulator.Account{
		ID: "444455556666", Keys: keysOf("444455556666"), Detectors: []*simulator.Detector{{Region: region, ID: "alone"}},
	}
	s.Update(func(w *simulator.World) { w.Accounts = append(w.Accounts, alone) })
	none := `{"filterCriteria":{"filterCriterion":[{"criterionKey":"ACCOUNT_ID","filterCondition":{"equals":["0"]}}]}}`
	for _, tc := range []struct {
		call rawCall
		want string
	}{
		{rawCall{method: http.MethodPost, path: "/detector/" + detectorID + "/coverage", body: none}, `{"resources":[]}`},
		{rawCall{method: http.MethodGet, path: "/detector", keys: keysOf(outsider)}, `{"detectorIds":[]}`},
		{rawCall{method: http.MethodGet, path: "/detector/alone/member", keys: alone.Keys}, `{"members":[]}`},
		{
			rawCall{method: http.MethodPost, path: "/detector/alone/member/detector/get", keys: alone.Keys, body: `{"accountIds":["1"]}`},
			`{"members":[],"unprocessedAccounts":[{"accountId":"1","result":"The request is rejected because ` +
				`the given account ID is not an associated member of account the current account."}]}`,
		},
	} {
		if got := tc.call.do(t, url); got.status != http.StatusOK || got.body != tc.want {
			t.Errorf("%s: %d %s, want %s", tc.call.path, got.status, got.body, tc.want)
		}
	}
}

func TestViews(t *testing.T) {
	for _, tc := range []struct {
		name           string
		change         func(*simulator.World)
		admin, members []string
	}{
		{"as declared", func(*simulator.World) {}, []string{"alpha", "bravo", "charlie"}, []string{"charlie"}},
		{
			"administrator suspended",
			func(w *simulator.World) { w.Account(administrator).Detector(region).Suspended = true },
			[]string{},
			[]string{"charlie"},
		},
		{
			"member suspended",
			func(w *simulator.World) { w.Account(memberID).Detector(region).Suspended = true },
			[]string{"alpha", "bravo"},
			[]string{},
		},
		{
			"member without Runtime Monitoring",
			func(w *simulator.World) { w.Account(memberID).Detector(region).RuntimeMonitoringOff = true },
			[]string{"alpha", "bravo"},
			[]string{},
		},
		{
			"member disassociated",
			func(w *simulator.World) { w.Account(administrator).Detector(region).Members = nil },
			[]string{"alpha", "bravo"},
			[]string{"charlie"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, url := serve(t, smallWorld(), simulator.Options{})
			s.Update(tc.change)
			for account, want := range map[string][]string{administrator: tc.admin, memberID: tc.members} {
				id := map[string]string{administrator: detectorID, memberID: otherDetector}[account]
				out, err := guarddutyClient(url, account).ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: &id})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, names(out)); diff != "" {
					t.Errorf("%s lists (-want +got):\n%s", account, diff)
				}
			}
		})
	}
}

// ListCoverage with a filter by name returns the older index, all others do not.
func TestFilteredIndex(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	s.Update(func(w *simulator.World) {
		w.FilteredIndex = smallWorld().Accounts
		w.FilteredIndex[0].RemoveCluster(region, "alpha")
		w.Account(administrator).Cluster(region, "bravo").Status = "HEALTHY"
	})
	equals := func(key types.CoverageFilterCriterionKey, values ...string) types.CoverageFilterCriterion {
		return types.CoverageFilterCriterion{CriterionKey: key, FilterCondition: &types.CoverageFilterCondition{Equals: values}}
	}
	for _, tc := range []struct {
		filter []types.CoverageFilterCriterion
		want   map[string]types.CoverageStatus
	}{
		{nil, map[string]types.CoverageStatus{"alpha": "HEALTHY", "bravo": "HEALTHY", "charlie": "UNHEALTHY"}},
		{
			[]types.CoverageFilterCriterion{equals("RESOURCE_TYPE", "ECS"), equals("ACCOUNT_ID", administrator)},
			map[string]types.CoverageStatus{"alpha": "HEALTHY", "bravo": "HEALTHY"},
		},
		{
			[]types.CoverageFilterCriterion{equals("RESOURCE_TYPE", "ECS"), equals("ECS_CLUSTER_NAME", "alpha", "bravo")},
			map[string]types.CoverageStatus{"bravo": "UNHEALTHY"},
		},
	} {
		in := &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)}
		if tc.filter != nil {
			in.FilterCriteria = &types.CoverageFilterCriteria{FilterCriterion: tc.filter}
		}
		out, err := guarddutyClient(url, administrator).ListCoverage(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]types.CoverageStatus{}
		for _, r := range out.Resources {
			got[*r.ResourceDetails.EcsClusterDetails.ClusterName] = r.CoverageStatus
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%d criteria (-want +got):\n%s", len(tc.filter), diff)
		}
	}
}

func TestFilters(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	equals := func(key types.CoverageFilterCriterionKey, values ...string) types.CoverageFilterCriterion {
		return types.CoverageFilterCriterion{CriterionKey: key, FilterCondition: &types.CoverageFilterCondition{Equals: values}}
	}
	notEquals := func(key types.CoverageFilterCriterionKey, values ...string) types.CoverageFilterCriterion {
		return types.CoverageFilterCriterion{CriterionKey: key, FilterCondition: &types.CoverageFilterCondition{NotEquals: values}}
	}
	all := []string{"alpha", "bravo", "charlie"}
	type testCase struct {
		name     string
		criteria []types.CoverageFilterCriterion
		want     []string
	}
	tests := []testCase{
		{"none", nil, all},
		{"account", []types.CoverageFilterCriterion{equals("ACCOUNT_ID", memberID)}, []string{"charlie"}},
		{"any of", []types.CoverageFilterCriterion{equals("ECS_CLUSTER_NAME", "alpha", "charlie", "zulu")}, []string{"alpha", "charlie"}},
		{"none of", []types.CoverageFilterCriterion{notEquals("ECS_CLUSTER_NAME", "alpha", "charlie")}, []string{"bravo"}},
		{"status", []types.CoverageFilterCriterion{equals("COVERAGE_STATUS", "UNHEALTHY")}, []string{"bravo", "charlie"}},
		{"both hold", []types.CoverageFilterCriterion{equals("COVERAGE_STATUS", "UNHEALTHY"), notEquals("ACCOUNT_ID", memberID)}, []string{"bravo"}},
		{"management", []types.CoverageFilterCriterion{equals("MANAGEMENT_TYPE", "AUTO_MANAGED")}, []string{"alpha", "charlie"}},
		{"absent management is no value", []types.CoverageFilterCriterion{notEquals("MANAGEMENT_TYPE", "AUTO_MANAGED")}, []string{"bravo"}},
		{"resource type", []types.CoverageFilterCriterion{equals("RESOURCE_TYPE", "ECS", "EKS")}, all},
		{"other resource type", []types.CoverageFilterCriterion{equals("RESOURCE_TYPE", "EKS")}, []string{}},
		{
			"equals and notEquals of one criterion",
			[]types.CoverageFilterCriterion{{CriterionKey: "ACCOUNT_ID", FilterCondition: &types.CoverageFilterCondition{
				Equals: []string{memberID, administrator}, NotEquals: []string{memberID},
			}}},
			[]string{"alpha", "bravo"},
		},
	}
	for _, key := range types.CoverageFilterCriterionKey("").Values() { // every key of the model is accepted
		tests = append(tests, testCase{"no row has " + string(key), []types.CoverageFilterCriterion{equals(key, "nothing has this")}, []string{}})
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var criteria *types.CoverageFilterCriteria
			if tc.criteria != nil {
				criteria = &types.CoverageFilterCriteria{FilterCriterion: tc.criteria}
			}
			out, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID), FilterCriteria: criteria})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(out)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			counts, err := client.GetCoverageStatistics(t.Context(), &guardduty.GetCoverageStatisticsInput{
				DetectorId: aws.String(detectorID), FilterCriteria: criteria,
				StatisticsType: types.CoverageStatisticsType("").Values(),
			})
			if err != nil {
				t.Fatal(err)
			}
			byStatus := map[string]int64{}
			for _, r := range out.Resources {
				byStatus[string(r.CoverageStatus)]++
			}
			got := counts.CoverageStatistics
			if !maps.Equal(got.CountByCoverageStatus, byStatus) || got.CountByResourceType["ECS"] != int64(len(tc.want)) {
				t.Errorf("statistics are %v and %v", got.CountByCoverageStatus, got.CountByResourceType)
			}
		})
	}
}

func TestSorts(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	byID := []string{"alpha", "bravo", "charlie"}
	want := map[types.CoverageSortKey][]string{ // ascending; the others fall back to the order of resource IDs
		types.CoverageSortKeyUpdatedAt:      {"charlie", "alpha", "bravo"},
		types.CoverageSortKeyIssue:          {"alpha", "bravo", "charlie"},
		types.CoverageSortKeyCoverageStatus: {"alpha", "bravo", "charlie"},
		types.CoverageSortKeyAccountId:      {"alpha", "bravo", "charlie"},
	}
	for _, key := range types.CoverageSortKey("").Values() {
		for _, order := range types.OrderBy("").Values() {
			expected := slices.Clone(want[key])
			if expected == nil {
				expected = slices.Clone(byID)
			}
			if order == types.OrderByDesc {
				slices.Reverse(expected)
			}
			out, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{
				DetectorId: aws.String(detectorID), SortCriteria: &types.CoverageSortCriteria{AttributeName: key, OrderBy: order},
			})
			if err != nil {
				t.Fatalf("%s %s: %v", key, order, err)
			}
			if diff := cmp.Diff(expected, names(out)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", key, order, diff)
			}
		}
	}
}
