package app

import (
	"fmt"
	"math/rand/v2"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// randomECS returns reports of several targets about few accounts and clusters.
func randomECS(r *rand.Rand) []diagnosis.Report {
	var reports []diagnosis.Report
	for i := range r.IntN(6) {
		one := diagnosis.Report{
			Target: fmt.Sprint(`target "`, i/4, `"`), AccountID: []string{"1", "2"}[i/2%2], Region: []string{"r-1", "r-2"}[i%2],
			Up: r.IntN(2) == 0, LastSuccess: randomTime(r),
		}
		for range r.IntN(4) {
			one.Clusters = append(one.Clusters, randomDiagnosis(r, one))
		}
		reports = append(reports, one)
	}
	r.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
	return reports
}

func randomDiagnosis(r *rand.Rand, of diagnosis.Report) diagnosis.Diagnosis {
	name := func() string { return coverage.SanitizeName(pick(r, texts()...)) }
	d := diagnosis.Diagnosis{
		Cluster: diagnosis.Cluster{AccountID: of.AccountID, Region: of.Region, Name: name()},
		Listed:  r.IntN(2) == 0, TasksRead: r.IntN(4) > 0,
	}
	if r.IntN(3) > 0 {
		d.Tags = map[string]string{"team": coverage.Sanitize(pick(r, texts()...)), pick(r, texts()...): "x"}
	}
	for i := range r.IntN(4) {
		d.Services = append(d.Services, diagnosis.ServiceTasks{
			Service: fmt.Sprint(i) + coverage.Sanitize(pick(r, texts()...)),
			Tasks:   map[diagnosis.Agent]int{diagnosis.AgentMissing: r.IntN(2), diagnosis.AgentRunning: r.IntN(3)},
		})
	}
	for range r.IntN(8) {
		d.Findings = append(d.Findings, diagnosis.Finding{
			Subject: name(), Service: pick(r, "", "a", "größe"), Cause: diagnosis.Cause(pick(r, "denied", "unknown")),
			Certainty: diagnosis.NoCertainty, Who: diagnosis.Who(pick(r, "nobody", "network")),
		})
	}
	return d
}
