package guardduty

import (
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// TestManyMembers reads an administrator with many members that have one cluster each, in full pages: a listing for each
// chunk of accounts would take more calls.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	members := 2_000
	if os.Getenv("CI") == "true" {
		members = 10_000
	}
	c := newTarget(t, Options{Members: true, RequestsPerSecond: 1000})
	c.organization(members, 1)
	config := c.o.Config
	c.o.Config = func(accountID string) aws.Config {
		made := config(accountID)
		made.HTTPClient = inProcess{c.aws, time.Now}
		return made
	}
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Resources) != members || len(s.Members) != members || !*s.Consistent {
		t.Errorf("%d rows and %d members, want %d; consistent: %v", len(s.Resources), len(s.Members), members, *s.Consistent)
	}
	calls := map[string]int{}
	for _, call := range c.aws.Calls() {
		calls[call.Operation]++
	}
	pages := members / pageSize
	if diff := cmp.Diff(map[string]int{
		"ListDetectors": 1, "ListMembers": pages, "GetMemberDetectors": pages, "GetCoverageStatistics": 3, "ListCoverage": pages,
	}, calls); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
