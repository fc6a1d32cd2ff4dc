package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

func TestEnabledRegions(t *testing.T) {
	_, url := simulate(t)
	regions, err := open(t, url, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"us-east-1": true, region: true, "af-south-1": false} {
		if slices.Contains(regions, name) != want {
			t.Errorf("enabled Regions %v; want %s in them: %v", regions, name, want)
		}
	}
}

func TestEnabledRegionsPages(t *testing.T) {
	pages := map[string]string{ // by their token
		"":    `{"Regions": [{"RegionName": "region-1"}], "NextToken": "two"}`,
		"two": `{"Regions": [], "NextToken": "three"}`, "three": `{"Regions": [{"RegionName": "region-2"}], "NextToken": "four"}`,
		"four": `{"Regions": [{"RegionName": "region-3"}], "NextToken": null}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ NextToken string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, pages[in.NextToken])
	}))
	defer server.Close()
	regions, err := open(t, server.URL, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if diff := cmp.Diff([]string{"region-1", "region-2", "region-3"}, regions); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestEnabledRegionsWithoutEnd(t *testing.T) {
	url, requests := serve(t, func(_ int, w http.ResponseWriter) {
		_, _ = fmt.Fprint(w, `{"Regions": [{"RegionName": "eu-west-1"}], "NextToken": "again"}`)
	})
	regions, err := open(t, url, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if !errors.Is(err, paging.ErrNoEnd) || regions != nil || requests() != 2 {
		t.Errorf("%v, %v after %d requests; want an error after 2", regions, err, requests())
	}
}
