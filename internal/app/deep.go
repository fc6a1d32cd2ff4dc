package app

import (
	"context"
	"maps"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/deep"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
)

// deepReader adds to the evidence of clusters what EC2 and IAM show.
type deepReader struct {
	ecs.Reader
	client *deep.Client
}

// Read implements [ecs.Reader]. EC2 and IAM are read once for all clusters.
func (r deepReader) Read(ctx context.Context, queries []ecs.Query, each func(diagnosis.Evidence)) (*ecs.Reading, error) {
	var clusters []diagnosis.Evidence
	var wanted []diagnosis.Wanted // by cluster
	all := diagnosis.Wanted{Subnets: map[string]bool{}, Roles: map[string]bool{}}
	reading, err := r.Reader.Read(ctx, queries, func(e diagnosis.Evidence) {
		w := e.Wanted()
		maps.Copy(all.Subnets, w.Subnets)
		maps.Copy(all.Roles, w.Roles)
		clusters, wanted = append(clusters, e), append(wanted, w)
	})
	found := &diagnosis.Deep{}
	if len(all.Subnets)+len(all.Roles) > 0 {
		found = r.client.Read(ctx, all)
	}
	for i, e := range clusters {
		e.Deep = found.For(wanted[i])
		each(e)
	}
	return reading, err
}
