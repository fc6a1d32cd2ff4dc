package ecs_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestDefinitionsAfterOthers: a task whose task definition is not needed or does not
// exist any more does not keep those of other tasks from being read.
func TestDefinitionsAfterOthers(t *testing.T) {
	for name, first := range map[string]*simulator.Task{
		"on EC2":                  {TaskDefinition: "batch:1", LaunchType: "EC2", Instance: "i-0123456789abcdef0"},
		"of the same definition":  {TaskDefinition: "orders:42"},
		"of a deleted definition": {TaskDefinition: "gone:7"},
	} {
		t.Run(name, func(t *testing.T) {
			account := shop(0)
			account.TaskDefinitions = append(account.TaskDefinitions, &simulator.TaskDefinition{Region: region, Family: "web", Revision: 1})
			cluster := account.Clusters[0]
			first.ID, first.CreatedAt = fmt.Sprintf("%032x", 1), then
			cluster.Tasks = append(cluster.Tasks, first)
			for i, definition := range []string{"orders:42", "web:1"} {
				cluster.Tasks = append(cluster.Tasks, &simulator.Task{ID: fmt.Sprintf("%032x", i+2), TaskDefinition: definition, CreatedAt: then})
			}
			evidence, _, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			const arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/"
			if diff := cmp.Diff([]string{arn + "orders:42", arn + "web:1"}, slices.Sorted(maps.Keys(evidence["shop"].TaskDefinitions))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAllStoppedTasks: a cluster of which exactly as many stopped tasks are listed as
// are read has no others.
func TestAllStoppedTasks(t *testing.T) {
	for n, truncated := range map[int]bool{100: false, 101: true} {
		account := shop(1)
		for i := range n {
			account.Clusters[0].Tasks = append(account.Clusters[0].Tasks, &simulator.Task{
				ID: fmt.Sprintf("%031xa", i), TaskDefinition: "gone:7", CreatedAt: then, StoppedAt: then.Add(time.Minute),
			})
		}
		row := coverage.New(coverage.Row{
			Key: coverage.Key{Type: coverage.ECS, AccountID: home, Region: region, Name: "shop"}, Status: coverage.Unhealthy,
			Issues: []string{"Agent not reporting for tasks in TaskDefinition - 'gone:7'"},
		})
		evidence, _, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop", Row: &row})
		if e := evidence["shop"]; err != nil || e.Truncated != truncated || len(e.Tasks) != 101 {
			t.Errorf("%d stopped tasks: truncated: %t, %d tasks, %v", n, e.Truncated, len(e.Tasks), err)
		}
	}
}
