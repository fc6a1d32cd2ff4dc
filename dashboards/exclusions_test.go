package dashboards_test

import (
	"fmt"
	"maps"
	"testing"
)

const clusterFile = "cluster.json"

// addClusters adds the series of a healthy, an unhealthy and an unlisted cluster of
// account 1, as two replicas have them. The exclusion e matches them if it is not
// empty.
func addClusters(series map[string]string, prefix, exclusion string) {
	for _, replica := range []string{"a", "b"} {
		set := func(metric, cluster, labels string, value int) {
			series[fmt.Sprintf(`%s{account_id="1",region="r",cluster_name=%q%s,instance=%q}`, metric, prefix+cluster, labels, replica)] = fmt.Sprintf("%dx1", value)
		}
		set("guardduty_ecs_cluster_healthy", "healthy", "", 1)
		set("guardduty_ecs_cluster_healthy", "unhealthy", "", 0)
		set("guardduty_ecs_cluster_listed", "unlisted", "", 0)
		set("guardduty_ecs_cluster_issues", "unhealthy", `,issue_type="vpc_endpoint"`, 1)
		set("guardduty_ecs_cluster_container_instances_compatible", "unhealthy", "", 5)
		set("guardduty_ecs_cluster_container_instances_covered", "unhealthy", "", 1)
		for _, c := range []string{"unhealthy", "unlisted"} {
			set("guardduty_ecs_cluster_tasks", c, `,agent="missing"`, 3)
			set("guardduty_ecs_service_tasks", c, `,service_name="s",agent="missing"`, 3)
			set("guardduty_ecs_service_tasks", c, `,service_name="s",agent="stopped"`, 0)
			set("guardduty_ecs_service_cause_info", c, `,service_name="s",cause="vpc_endpoint",certainty="hint",who="network"`, 1)
		}
		if exclusion != "" {
			for _, c := range []string{"healthy", "unhealthy", "unlisted"} {
				set("guardduty_ecs_cluster_excluded", c, fmt.Sprintf(",exclusion=%q", exclusion), 1)
			}
		}
	}
}

// counted adds the numbers of resources.
func counted(series map[string]string, healthy, unhealthy int) map[string]string {
	resources := func(resourceType, status string) string {
		return fmt.Sprintf(`guardduty_coverage_resources{account_id="1",region="r",resource_type=%q,coverage_status=%q}`, resourceType, status)
	}
	series[resources("ECS", "HEALTHY")], series[resources("ECS", "UNHEALTHY")] = fmt.Sprintf("%dx1", healthy), fmt.Sprintf("%dx1", unhealthy)
	series[resources("EC2", "HEALTHY")], series[resources("EC2", "UNHEALTHY")] = "1x1", "7x1"
	return series
}

// TestExcludedClustersDoNotCount: what is to do leaves out excluded clusters, and is
// zero if there are no others.
func TestExcludedClustersDoNotCount(t *testing.T) {
	one := func(labels string, value float64) []sample { return []sample{{labels, value}} }
	mixed, all := make(map[string]string), make(map[string]string)
	addClusters(mixed, "in-", "")
	addClusters(mixed, "out-", "e")
	addClusters(all, "out-", "e")
	wantMixed, wantAll := make(map[string][]sample), make(map[string][]sample)
	for _, tc := range []struct {
		file, title string
		mixed, all  []sample
	}{
		{overviewFile, "Unhealthy", []sample{{`{resource_type="ECS"}`, 1}, {`{resource_type="EC2"}`, 7}}, []sample{{`{resource_type="ECS"}`, 0}, {`{resource_type="EC2"}`, 7}}},
		{overviewFile, "Clusters not listed", one(`{}`, 1), one(`{}`, 0)},
		{overviewFile, "Services without agent", one(`{}`, 2), one(`{}`, 0)},
		{overviewFile, "Instances without agent", one(`{}`, 4), one(`{}`, 0)},
		{overviewFile, "Excluded", one(`{}`, 3), one(`{}`, 3)},
		{overviewFile, "Clusters by issue type", one(`{issue_type="vpc_endpoint"}`, 1), one(`{issue_type="none"}`, 0)},
		{overviewFile, "Top causes", one(`{cause="vpc_endpoint"}`, 2), one(`{cause="none"}`, 0)},
		{overviewFile, "Who acts", one(`{who="network"}`, 2), one(`{who="none"}`, 0)},
		{clusterFile, "Unhealthy", one(`{}`, 1), one(`{}`, 0)},
		{clusterFile, "Issues", one(`{}`, 1), one(`{}`, 0)},
		{clusterFile, "Instances without agent", one(`{}`, 4), one(`{}`, 0)},
		{clusterFile, "Tasks without agent", one(`{}`, 6), one(`{}`, 0)},
		{clusterFile, "Excluded", one(`{}`, 3), one(`{}`, 3)},
	} {
		expr := queryOf(t, tc.file, tc.title)
		wantMixed[expr], wantAll[expr] = tc.mixed, tc.all
	}
	for _, title := range []string{"Unhealthy clusters", "Services without an agent", "Clusters that GuardDuty does not list", "Unhealthy in the time range"} {
		expr := "count by (cluster_name) (" + queryOf(t, overviewFile, title) + ")"
		wantAll[expr] = nil
		switch title {
		case "Services without an agent":
			wantMixed[expr] = []sample{{`{cluster_name="in-unhealthy"}`, 1}, {`{cluster_name="in-unlisted"}`, 1}}
		case "Clusters that GuardDuty does not list":
			wantMixed[expr] = one(`{cluster_name="in-unlisted"}`, 1)
		default:
			wantMixed[expr] = one(`{cluster_name="in-unhealthy"}`, 1)
		}
	}
	gauge := queriesOf(t, overviewFile, "Coverage of the fleet")[1]
	wantMixed[gauge], wantAll[gauge] = one(`{resource_type="ECS"}`, 50), nil
	evaluateAll(t, counted(mixed, 2, 2), wantMixed)
	evaluateAll(t, counted(all, 1, 1), wantAll)
}

// TestNoExclusions: without exclusions there is one percentage, and all clusters count.
func TestNoExclusions(t *testing.T) {
	series := make(map[string]string)
	addClusters(series, "in-", "")
	evaluateAll(t, counted(series, 1, 1), map[string][]sample{
		queriesOf(t, overviewFile, "Coverage of the fleet")[1]: nil,
		queryOf(t, overviewFile, "Excluded"):                   {{`{}`, 0}},
		queryOf(t, overviewFile, "Unhealthy"):                  {{`{resource_type="ECS"}`, 1}, {`{resource_type="EC2"}`, 7}},
		queryOf(t, clusterFile, "Excluded"):                    {{`{}`, 0}},
	})
}

// TestExclusions has an exclusion that ends on this day, one with days left, and one
// that has ended, of which the number of clusters is unknown.
func TestExclusions(t *testing.T) {
	series := map[string]string{
		`guardduty_exclusion_matches{exclusion="today"}`: "0x1",
		`guardduty_exclusion_matches{exclusion="later"}`: "2x1",
	}
	for _, replica := range []string{"a", "b"} {
		for exclusion, end := range map[string]int{"today": 86000, "later": 90*86400 + 86000, "ended": 60} { // it is one minute
			series[fmt.Sprintf(`guardduty_exclusion_expiry_timestamp_seconds{exclusion=%q,instance=%q}`, exclusion, replica)] = fmt.Sprintf("%dx1", end-1)
			series[fmt.Sprintf(`guardduty_exclusion_info{exclusion=%q,owner="team",instance=%q}`, exclusion, replica)] = "1x1"
		}
	}
	const more = `,issue_type="–",owner="team",ticket="–"`
	days, clusters := queriesOf(t, overviewFile, "Exclusions")[0], queriesOf(t, overviewFile, "Exclusions")[1]
	evaluateAll(t, series, map[string][]sample{
		days:                      {{`{exclusion="today"` + more + `}`, 0}, {`{exclusion="later"` + more + `}`, 90}, {`{exclusion="ended"` + more + `}`, -1}},
		"(" + clusters + ") >= 0": {{`{exclusion="today"}`, 0}, {`{exclusion="later"}`, 2}},
		"count by (exclusion) (" + clusters + ")": {{`{exclusion="today"}`, 1}, {`{exclusion="later"}`, 1}, {`{exclusion="ended"}`, 1}},
	})
}

// TestStatusOfExcludedClusters: an excluded cluster is neither red nor green unless it
// is healthy.
func TestStatusOfExcludedClusters(t *testing.T) {
	const unhealthy, healthy, notListed, unhealthyExcluded, notListedExcluded = 0, 1, 2, 3, 5
	series := make(map[string]string)
	addClusters(series, "in-", "")
	addClusters(series, "out-", "e")
	rows := func(labels string, values map[string]float64) []sample {
		var all []sample
		for cluster, value := range values {
			all = append(all, sample{fmt.Sprintf(`{account_id="1",region="r",cluster_name=%q%s}`, cluster, labels), value})
		}
		return all
	}
	timeline := map[string]float64{"in-healthy": healthy, "in-unhealthy": unhealthy, "out-healthy": healthy, "out-unhealthy": unhealthyExcluded}
	table := maps.Clone(timeline)
	table["in-unlisted"], table["out-unlisted"] = notListed, notListedExcluded
	evaluateAll(t, series, map[string][]sample{
		queryOf(t, clusterFile, "Coverage status"): rows("", timeline),
		queryOf(t, clusterFile, "Clusters now"):    rows(`,account_name="–"`, table),
		queryOf(t, overviewFile, "Excluded clusters"): rows(`,account_name="–",exclusion="e"`, map[string]float64{
			"out-healthy": healthy, "out-unhealthy": unhealthy, "out-unlisted": notListed,
		}),
	})
}
