package guardduty

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// TestMembersSeenTwice has a member on two pages: it is one account, whose
// detector is requested once.
func TestMembersSeenTwice(t *testing.T) {
	page := `{"members":[{"accountId":"` + member + `","relationshipStatus":"Enabled"}]`
	c := newAdministrator(t, Options{Members: true})
	c.answer("ListMembers", http.StatusOK, page+`,"nextToken":"2"}`, page+`}`)
	_, s, err := c.Read(t.Context(), nil)
	if err != nil || len(s.Accounts) != 2 || *s.UnprocessedMembers != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	seen := map[coverage.Feature]bool{}
	for _, f := range s.Features {
		f.UpdatedAt = f.UpdatedAt.UTC()
		if seen[f] {
			t.Errorf("%+v twice", f)
		}
		seen[f] = true
	}
}

// TestUnprocessedMembersOfAllChunks has three requests without a member in the
// responses.
func TestUnprocessedMembersOfAllChunks(t *testing.T) {
	c := newAdministrator(t, Options{Members: true})
	c.organization(120, 0)
	c.answer("GetMemberDetectors", http.StatusOK, `{"members":[]}`)
	if _, s, err := c.Read(t.Context(), nil); err != nil || *s.UnprocessedMembers != 121 {
		t.Errorf("unprocessed %v, %v, want 121", *s.UnprocessedMembers, err)
	}
}

// TestDeniedMembersHaveNoDetectors has two capabilities that are missing, because
// the second needs the first.
func TestDeniedMembersHaveNoDetectors(t *testing.T) {
	c := newAdministrator(t, everything())
	c.answer("ListMembers", http.StatusForbidden, `{"__type":"AccessDeniedException"}`)
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []coverage.Capability{{Name: "detector", OK: true}, {Name: "members"}, {Name: "member_detectors"}, {Name: "statistics", OK: true}}
	if diff := cmp.Diff(want, s.Capabilities); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
