package dashboards_test

import (
	"fmt"
	"testing"
)

// TestWhatChanged has a cluster for each change, and an account without data now.
func TestWhatChanged(t *testing.T) {
	series := map[string]string{
		`guardduty_ecs_cluster_unhealthy_since_timestamp_seconds{account_id="1",region="r",cluster_name="breaks"}`: "_ _ 20 20 20",
		`guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="HEALTHY"}`:    "4 4 4 4 4",
		`guardduty_account_info{account_id="1",account_name="one"}`:                                                "1 1 1 1 1",
	}
	for cluster, values := range map[string]string{
		"breaks": "1 1 0 0 0", "recovers": "0 0 0 1 1", "new": "_ _ 1 1 1", "gone": "1 1 1 stale _", "same": "1 1 1 1 1", "bad": "0 0 0 0 0",
	} {
		series[fmt.Sprintf(`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name=%q}`, cluster)] = values
	}
	series[`guardduty_ecs_cluster_healthy{account_id="2",region="r",cluster_name="withdrawn"}`] = "1 1 stale _ _"
	row := func(cluster, change string, seconds float64) sample {
		return sample{fmt.Sprintf(`{account_id="1",account_name="one",region="r",cluster_name=%q,change=%q}`, cluster, change), 1000 * seconds}
	}
	evaluateOver(t, queryOf(t, overviewFile, "What changed"), series, []sample{
		row("breaks", "became unhealthy", 20),
		row("recovers", "became healthy", 30),
		row("new", "appeared", 30),
		row("gone", "no longer listed", 30),
	})
}

// TestWithdrawn: what was reported and is not reported now is counted, also if
// nothing is reported at all.
func TestWithdrawn(t *testing.T) {
	const (
		stays  = `guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="HEALTHY"}`
		fixed  = `guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="UNHEALTHY"}`
		dark   = `guardduty_coverage_resources{account_id="2",region="r",resource_type="ECS",coverage_status="HEALTHY"}`
		dark2  = `guardduty_coverage_resources{account_id="2",region="r",resource_type="ECS",coverage_status="UNHEALTHY"}`
		ec2    = `guardduty_coverage_resources{account_id="2",region="r",resource_type="EC2",coverage_status="HEALTHY"}`
		always = "3 3 3 3 3"
	)
	for name, tc := range map[string]struct {
		series map[string]string
		want   []sample
	}{
		"nothing":          {map[string]string{stays: always, fixed: "1 1 stale _ _"}, []sample{{`{resource_type="ECS"}`, 0}}},
		"an account":       {map[string]string{stays: always, dark: "5 5 stale _ _", dark2: "2 2 stale _ _"}, []sample{{`{resource_type="ECS"}`, 7}}},
		"one of two types": {map[string]string{dark: always, ec2: "4 4 4 stale _"}, []sample{{`{resource_type="ECS"}`, 0}, {`{resource_type="EC2"}`, 4}}},
		"everything":       {map[string]string{stays: "3 3 3 stale _", dark: "5 5 5 stale _"}, []sample{{`{resource_type="ECS"}`, 8}}},
		"never any data":   {map[string]string{}, []sample{}},
	} {
		t.Run(name, func(t *testing.T) { evaluateOver(t, queryOf(t, overviewFile, "Withdrawn"), tc.series, tc.want) })
	}
}

// TestAbsentExporter: a tile says so if there are no metrics.
func TestAbsentExporter(t *testing.T) {
	for _, file := range []string{overviewFile, "cluster.json"} {
		expr := queryOf(t, file, "Exporter")
		evaluateOver(t, expr, map[string]string{}, []sample{{"{}", 0}})
		evaluateOver(t, expr, map[string]string{`guardduty_exporter_build_info{job="a",instance="b"}`: "1 1 stale _ _"}, []sample{{"{}", 0}})
		evaluate(t, expr, map[string]float64{
			`guardduty_exporter_build_info{job="a",instance="b"}`: 1, `guardduty_exporter_build_info{job="a",instance="c"}`: 1,
		}, []sample{{"{}", 1}})
	}
}

// TestNothingIsGoodWithoutData: without any metrics no query has a value, except
// those that say that the exporter is absent.
func TestNothingIsGoodWithoutData(t *testing.T) {
	want := make(map[string][]sample)
	for file, d := range load(t) {
		for _, p := range d.Panels {
			if p.Type == "row" || p.Title == "Exporter" {
				continue
			}
			for _, expr := range queriesOf(t, file, p.Title) {
				want[expr] = []sample{}
			}
		}
	}
	evaluateAll(t, map[string]string{}, want)
}

// TestWithdrawnAccount is the state of an account that had data in the time range.
func TestWithdrawnAccount(t *testing.T) {
	evaluateOver(t, queryOf(t, overviewFile, accountsPanel), map[string]string{
		`guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="HEALTHY"}`: "3 3 stale _ _",
		`guardduty_account_info{account_id="1",account_name="one"}`:                                             "1 1 1 1 1",
	}, []sample{{`{account_id="1",account_name="one",region="r",detail="had data in the time range, has none now"}`, -1}})
}

// TestTimelines: of many clusters those are drawn that were unhealthy.
func TestTimelines(t *testing.T) {
	series := make(map[string]string)
	for i := range 50 {
		series[fmt.Sprintf(`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name="healthy-%d"}`, i)] = "1 1 1 1 1"
	}
	series[`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name="was"}`] = "1 0 1 1 1"
	evaluateOver(t, queryOf(t, overviewFile, "Unhealthy in the time range"), series, []sample{{`{account_id="1",region="r",cluster_name="was"}`, 1}})
	evaluateOver(t, "count("+queryOf(t, "cluster.json", "Coverage status")+")", series, []sample{{"{}", 20}})
	evaluateOver(t, queryOf(t, "cluster.json", "Coverage status")+` and on (cluster_name) guardduty_ecs_cluster_healthy{cluster_name="was"}`,
		series, []sample{{`{account_id="1",region="r",cluster_name="was"}`, 1}})
}
