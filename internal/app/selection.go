package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// check returns an error that names what was selected and no target shows: a
// mistyped cluster is not one without findings. The clusters include those that
// GuardDuty does not list.
func (s Selection) check(v *coverage.View, reports []diagnosis.Report) error {
	var accounts, regions, clusters []string
	add := func(accountID, region string, names ...string) {
		accounts, regions = append(accounts, accountID), append(regions, region)
		for _, name := range names {
			if s.has(accountID, region, name) {
				clusters = append(clusters, name)
			}
		}
	}
	for i := range v.Reports {
		if r := &v.Reports[i]; r.Target.Kind == coverage.KindCoverage {
			add(r.AccountID, r.Target.Region)
			if r.Snapshot != nil {
				accounts = append(accounts, r.Snapshot.Accounts...)
			}
		}
	}
	for _, r := range v.OfType(coverage.ECS) {
		add(r.AccountID, r.Region, r.Name)
	}
	for _, r := range reports {
		add(r.AccountID, r.Region)
		for _, d := range r.Clusters {
			add(r.AccountID, r.Region, d.Cluster.Name)
		}
	}
	var unknown []string
	for _, selected := range []struct {
		flag          string
		values, shown []string
	}{{"--account", s.AccountIDs, accounts}, {"--region", s.Regions, regions}, {"--cluster", s.Clusters, clusters}} {
		for _, value := range selected.values {
			if !slices.Contains(selected.shown, value) {
				unknown = append(unknown, fmt.Sprintf("%s=%q", selected.flag, value))
			}
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("no target shows %s", strings.Join(unknown, ", "))
	}
	return nil
}
