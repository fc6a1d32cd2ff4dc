package ecs_test

import (
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// diagnose finds one cause for each service.
func diagnose(e diagnosis.Evidence) diagnosis.Diagnosis {
	d := diagnosis.Diagnosis{Cluster: e.Cluster, Listed: e.Row != nil, TasksRead: true, Tags: e.Tags}
	counts := map[string]int{}
	for _, t := range e.Tasks {
		name, _ := strings.CutPrefix(t.Group, "service:")
		counts[name]++
	}
	for name, n := range counts {
		d.Services = append(d.Services, diagnosis.ServiceTasks{Service: name, Tasks: map[diagnosis.Agent]int{diagnosis.AgentMissing: n}})
		d.Findings = append(d.Findings, diagnosis.Finding{
			Level: diagnosis.LevelService, Subject: name, Service: name, Cause: diagnosis.DeploymentTooOld, Certainty: diagnosis.Strong,
			Evidence: "The deployment of 1 November 2026 is older than Runtime Monitoring of " + name, Who: diagnosis.ServiceOwner, Tasks: n,
		})
	}
	slices.SortFunc(d.Services, func(a, b diagnosis.ServiceTasks) int { return strings.Compare(a.Service, b.Service) })
	return d
}
