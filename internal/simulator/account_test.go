package simulator_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestListRegions(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	client := account.NewFromConfig(awsConfig(url, administrator))
	for _, tc := range []struct {
		name     string
		statuses []types.RegionOptStatus
		count    int
		has, not string
	}{
		{"all", nil, 36, "me-south-1", "us-gov-west-1"},
		{"usable", []types.RegionOptStatus{types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault}, 35, "il-central-1", "me-south-1"},
		{"by default", []types.RegionOptStatus{types.RegionOptStatusEnabledByDefault}, 17, "us-east-1", "af-south-1"},
		{"off", []types.RegionOptStatus{types.RegionOptStatusDisabled}, 1, "me-south-1", "us-east-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var names []string
			pages := account.NewListRegionsPaginator(client, &account.ListRegionsInput{
				MaxResults: aws.Int32(10), RegionOptStatusContains: tc.statuses,
			})
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Regions {
					names = append(names, *r.RegionName)
				}
			}
			if len(names) != tc.count || !slices.IsSorted(names) || !slices.Contains(names, tc.has) || slices.Contains(names, tc.not) {
				t.Errorf("%d Regions: %v", len(names), names)
			}
		})
	}
}

func TestListRegionsRefusals(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for body, want := range map[string]string{
		`{"MaxResults":0}`:                      "ValidationException",
		`{"MaxResults":51}`:                     "ValidationException",
		`{"maxResults":5}`:                      "ValidationException",
		`{"NextToken":"x"}`:                     "ValidationException",
		`{"RegionOptStatusContains":["ON"]}`:    "ValidationException",
		`{"AccountId":"` + memberID + `"}`:      "AccessDeniedException",
		`{"AccountId":"` + administrator + `"}`: "",
	} {
		got := rawCall{method: http.MethodPost, path: "/listRegions", service: "account", body: body}.do(t, url)
		if code := got.header.Get("X-Amzn-ErrorType"); code != want {
			t.Errorf("%s: %d %q, want %q", body, got.status, code, want)
		}
	}
}
