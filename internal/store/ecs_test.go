package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

func TestECS(t *testing.T) {
	changes := 0
	s := store.Store{Changed: func() { changes++ }}
	put := func(target, account, region string, up bool) diagnosis.Report {
		r := diagnosis.Report{Target: target, AccountID: account, Region: region, Up: up}
		s.PutECS(r)
		return r
	}
	s.DropECS("none", "1", region)
	d := put("b", "1", region, true)
	c := put("a", "2", region, true)
	b := put("a", "1", "us-east-1", true)
	put("a", "1", region, true)
	a := put("a", "1", region, false)
	if diff := cmp.Diff([]diagnosis.Report{a, b, c, d}, s.ECS()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	s.DropECS("a", "1", "us-east-1")
	if diff := cmp.Diff([]diagnosis.Report{a, c, d}, s.ECS()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if changes != 7 {
		t.Errorf("%d changes, want 7", changes)
	}
	if n := len(s.View().Reports); n != 0 {
		t.Error("reports of ECS are in the view of GuardDuty")
	}
}
