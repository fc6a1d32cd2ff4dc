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

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// manyClusters returns clusters 000 … n-1 of the administrator's account.
func manyClusters(n int) *simulator.World {
	w := smallWorld()
	w.Accounts[0].Clusters, w.Accounts[1].Clusters = nil, nil
	for i := range n {
		w.Accounts[0].Clusters = append(w.Accounts[0].Clusters, &simulator.Cluster{Region: region, Name: fmt.Sprintf("%03d", i)})
	}
	return w
}

func TestPagesSurviveChanges(t *testing.T) {
	for _, order := range types.OrderBy("").Values() {
		t.Run(string(order), func(t *testing.T) {
			s, url := serve(t, manyClusters(120), simulator.Options{})
			pages := guardduty.NewListCoveragePaginator(guarddutyClient(url, administrator), &guardduty.ListCoverageInput{
				DetectorId:   aws.String(detectorID),
				SortCriteria: &types.CoverageSortCriteria{AttributeName: types.CoverageSortKeyEcsClusterName, OrderBy: order},
			})
			var seen []string
			var sizes []int
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, names(page)...)
				sizes = append(sizes, len(page.Resources))
				if len(sizes) > 1 {
					continue
				}
				last := seen[len(seen)-1]
				s.Update(func(w *simulator.World) {
					a := w.Account(administrator)
					for _, gone := range []string{last, seen[0], seen[10]} { // including the row in the token
						a.RemoveCluster(region, gone)
					}
					for _, added := range []string{seen[20] + "a", last + "a"} {
						a.Clusters = append(a.Clusters, &simulator.Cluster{Region: region, Name: added})
					}
				})
			}
			want := []int{50, 50, 21} // the row after the last is added on the way up
			if order == types.OrderByDesc {
				want = []int{50, 50, 20} // and already passed on the way down
			}
			if !slices.Equal(sizes, want) {
				t.Errorf("pages hold %v rows, want %v", sizes, want)
			}
			if unique := slices.Compact(slices.Sorted(slices.Values(seen))); len(unique) != len(seen) {
				t.Errorf("%d of %d rows came twice", len(seen)-len(unique), len(seen))
			}
			for i := range 120 {
				if name := fmt.Sprintf("%03d", i); !slices.Contains(seen, name) {
					t.Errorf("row %s is missing", name)
				}
			}
		})
	}
}

func TestPageTokenBelongsToItsQuery(t *testing.T) {
	_, url := serve(t, manyClusters(6), simulator.Options{})
	client := guarddutyClient(url, administrator)
	query := func() *guardduty.ListCoverageInput {
		return &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID), MaxResults: aws.Int32(2)}
	}
	first, err := client.ListCoverage(t.Context(), query())
	if err != nil || first.NextToken == nil {
		t.Fatalf("first page: %v, %v", first, err)
	}
	for _, tc := range []struct {
		name   string
		change func(*guardduty.ListCoverageInput)
		ok     bool
	}{
		{"same query", func(*guardduty.ListCoverageInput) {}, true},
		{"other page size", func(in *guardduty.ListCoverageInput) { in.MaxResults = aws.Int32(3) }, true},
		{"token cut short", func(in *guardduty.ListCoverageInput) { in.NextToken = aws.String((*first.NextToken)[4:]) }, false},
		{"token made up", func(in *guardduty.ListCoverageInput) { in.NextToken = aws.String("2") }, false},
		{"other sort", func(in *guardduty.ListCoverageInput) {
			in.SortCriteria = &types.CoverageSortCriteria{AttributeName: types.CoverageSortKeyAccountId}
		}, false},
		{"other filter", func(in *guardduty.ListCoverageInput) {
			in.FilterCriteria = &types.CoverageFilterCriteria{FilterCriterion: []types.CoverageFilterCriterion{{
				CriterionKey: "ACCOUNT_ID", FilterCondition: &types.CoverageFilterCondition{Equals: []string{administrator}},
			}}}
		}, false},
	} {
		in := query()
		in.NextToken = first.NextToken
		tc.change(in)
		out, err := client.ListCoverage(t.Context(), in)
		switch {
		case tc.ok && (err != nil || names(out)[0] != "002"):
			t.Errorf("%s: %v", tc.name, err)
		case !tc.ok && errorCode(t, err) != "BadRequestException":
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	_, err = guarddutyClient(url, memberID).ListCoverage(t.Context(), &guardduty.ListCoverageInput{
		DetectorId: aws.String(otherDetector), NextToken: first.NextToken,
	})
	if code := errorCode(t, err); code != "BadRequestException" {
		t.Errorf("token of another detector: %v", err)
	}
}

func TestRefusedInput(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	criterion := func(text string) string { return `{"filterCriteria":{"filterCriterion":[` + text + `]}}` }
	account := `{"criterionKey":"ACCOUNT_ID","filterCondition":{"equals":["1"]}}`
	sorted := func(text string) string { return `{"sortCriteria":{` + text + `}}` }
	both := map[string]bool{ // by body of ListCoverage and of GetCoverageStatistics (which has a good statisticsType): accepted?
		criterion(account): true,
		criterion(strings.Repeat(account+",", 49) + account):                             true,
		criterion(strings.Repeat(account+",", 50) + account):                             false,
		criterion(`{"criterionKey":"BOGUS","filterCondition":{"equals":["1"]}}`):         false,
		criterion(`{"filterCondition":{"equals":["1"]}}`):                                false,
		criterion(`{"criterionKey":"ACCOUNT_ID"}`):                                       false,
		criterion(`{"criterionKey":"ACCOUNT_ID","filterCondition":{"equalsValue":"1"}}`): false,
		criterion(`{"criterionKey":"ACCOUNT_ID","filterCondition":{"equals":"1"}}`):      false,
		`{"FilterCriteria":{"filterCriterion":[]}}`:                                      false,
		`{"filterCriteria":{"FilterCriterion":[]}}`:                                      false,
		`{"detectorId":"` + detectorID + `"}`:                                            false,
	}
	list := map[string]bool{
		``:                   true,
		`{}`:                 true,
		`{"nextToken":""}`:   true,
		`{"maxResults":1}`:   true,
		`{"maxResults":50}`:  true,
		`{"maxResults":0}`:   false,
		`{"maxResults":51}`:  false,
		`{"maxResults":"5"}`: false,
		`{"nextToken":"x"}`:  false,
		`{`:                  false,
		`[]`:                 false,
		`null`:               false,
		`{} {}`:              false,
		sorted(`"attributeName":"ECS_CLUSTER_NAME","orderBy":"DESC"`): true,
		sorted(`"attributeName":"RESOURCE_TYPE"`):                     false,
		sorted(`"attributeName":"ISSUE","orderBy":"desc"`):            false,
		`{"sortCriteria":{"attributeName":"ISSUE"},` + criterion(`{"criterionKey":"RESOURCE_TYPE","filterCondition":{"equals":["EC2"]}}`)[1:]: false,
		`{"sortCriteria":{"attributeName":"ISSUE"},` + criterion(`{"criterionKey":"RESOURCE_TYPE","filterCondition":{"equals":["ECS"]}}`)[1:]: true,
	}
	statistics := map[string]bool{
		`{"statisticsType":["COUNT_BY_COVERAGE_STATUS","COUNT_BY_RESOURCE_TYPE"]}`: true,
		`{"statisticsType":["COUNT_BY_NOTHING"]}`:                                  false,
		`{"statisticsType":[]}`:                                                    false,
		`{}`:                                                                       false,
		``:                                                                         false,
		`{"statisticsType":["COUNT_BY_RESOURCE_TYPE"],"maxResults":5}`: false,
	}
	for body, ok := range both {
		list[body] = ok
		statistics[`{"statisticsType":["COUNT_BY_RESOURCE_TYPE"],`+body[1:]] = ok
	}
	for path, bodies := range map[string]map[string]bool{"/coverage": list, "/coverage/statistics": statistics} {
		for body, ok := range bodies {
			got := rawCall{method: http.MethodPost, path: "/detector/" + detectorID + path, body: body}.do(t, url)
			switch {
			case ok && got.status != http.StatusOK:
				t.Errorf("%s %s is rejected: %s", path, body, got.body)
			case !ok && (got.status != http.StatusBadRequest || got.header.Get("X-Amzn-ErrorType") != "BadRequestException" ||
				!strings.Contains(got.body, `"__type":"InvalidInputException"`)):
				t.Errorf("%s %s: %d %s", path, body, got.status, got.body)
			}
		}
	}
}
