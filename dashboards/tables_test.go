package dashboards_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is an expected sample.
type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

// queryOf returns the first query of a panel with all values selected.
func queryOf(t *testing.T, file, title string) string { return queriesOf(t, file, title)[0] }

// queriesOf returns the queries of a panel with all values selected.
func queriesOf(t *testing.T, file, title string) []string {
	t.Helper()
	d := load(t)[file]
	i := slices.IndexFunc(d.Panels, func(p panel) bool { return p.Title == title && len(p.Targets) > 0 })
	if i < 0 {
		t.Fatalf("%s has no panel %q", file, title)
	}
	pairs := []string{"$__range", "1m", "$__interval", "15s", "$__rate_interval", "1m"}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			pairs = append(pairs, "$"+v.Name, v.anyValue())
		}
	}
	var exprs []string
	for _, q := range d.Panels[i].Targets {
		exprs = append(exprs, strings.NewReplacer(pairs...).Replace(q.Expr))
	}
	return exprs
}

// evaluate compares the result of a query on constant series, using promtool.
func evaluate(t *testing.T, expr string, series map[string]float64, want []sample) {
	t.Helper()
	constant := make(map[string]string)
	for name, value := range series {
		constant[name] = fmt.Sprintf("%gx1", value)
	}
	evaluateOver(t, expr, constant, want)
}

// evaluateOver compares the result of a query at one minute. The values of series
// are those of promtool, every 15 seconds, or every minute if there are two.
func evaluateOver(t *testing.T, expr string, series map[string]string, want []sample) {
	t.Helper()
	evaluateAll(t, series, map[string][]sample{expr: want})
}

// evaluateAll compares the results of queries.
func evaluateAll(t *testing.T, series map[string]string, want map[string][]sample) {
	t.Helper()
	promtool := find(t, "promtool")
	type input struct {
		Series string `json:"series"`
		Values string `json:"values"`
	}
	inputs, interval := []input{}, "1m"
	for name, value := range series {
		inputs = append(inputs, input{name, value})
		if strings.Contains(value, " ") {
			interval = "15s"
		}
	}
	var tests []any
	for expr, samples := range want {
		tests = append(tests, map[string]any{"expr": expr, "eval_time": "1m", "exp_samples": samples})
	}
	text, err := json.Marshal(map[string]any{"evaluation_interval": "1m", "tests": []any{map[string]any{
		"interval": interval, "input_series": inputs, "promql_expr_test": tests,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "test.yaml") // JSON is YAML
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnhealthyECSClusters has clusters with their own issue, with issues of
// instances, with both, and with none.
func TestUnhealthyECSClusters(t *testing.T) {
	series := map[string]float64{
		`guardduty_ecs_cluster_issue_info{account_id="1",region="r",cluster_name="own",issue_type="agent_exited",task_definition="t:1",issue="It exits"}`:  1,
		`guardduty_ecs_cluster_issues{account_id="1",region="r",cluster_name="own",issue_type="agent_exited"}`:                                             1,
		`guardduty_ecs_cluster_issues{account_id="1",region="r",cluster_name="instances",issue_type="kernel_unsupported"}`:                                 2,
		`guardduty_ecs_cluster_issue_info{account_id="1",region="r",cluster_name="both",issue_type="agent_exited",task_definition="t:2",issue="It exits"}`: 1,
		`guardduty_ecs_cluster_issues{account_id="1",region="r",cluster_name="both",issue_type="agent_exited"}`:                                            1,
		`guardduty_ecs_cluster_issues{account_id="1",region="r",cluster_name="both",issue_type="waiting_for_ssm"}`:                                         1,
		`guardduty_ecs_cluster_issues{account_id="1",region="r",cluster_name="healthy",issue_type="waiting_for_ssm"}`:                                      1,
		`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name="healthy"}`:                                                                  1,
		`guardduty_account_info{account_id="1",account_name="one"}`:                                                                                        1,
	}
	for _, name := range []string{"own", "instances", "both", "noissue"} {
		series[fmt.Sprintf(`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name=%q}`, name)] = 0
		series[fmt.Sprintf(`guardduty_ecs_cluster_unhealthy_since_timestamp_seconds{account_id="1",region="r",cluster_name=%q}`, name)] = 7
	}
	series[`guardduty_ecs_cluster_tags_info{account_id="1",region="r",cluster_name="own",tag_team="red"}`] = 1
	row := func(cluster, more string) sample {
		owner := "–"
		if cluster == "own" {
			owner = "red"
		}
		return sample{fmt.Sprintf(`{account_id="1",account_name="one",region="r",cluster_name=%q,owner=%q,%s}`, cluster, owner, more), 7000}
	}
	evaluate(t, queryOf(t, overviewFile, "Unhealthy clusters"), series, []sample{
		row("own", `issue_type="agent_exited",task_definition="t:1",issue="It exits",recommended_step="agent_exited"`),
		row("instances", `issue_type="kernel_unsupported",issue="–",recommended_step="kernel_unsupported"`),
		row("both", `issue_type="agent_exited",task_definition="t:2",issue="It exits",recommended_step="agent_exited"`),
		row("both", `issue_type="waiting_for_ssm",issue="–",recommended_step="waiting_for_ssm"`),
		row("noissue", `issue_type="–",issue="–",recommended_step="without_issue"`),
	})
}

// TestUnhealthyEKSClusters has a cluster without issues whose add-on differs
// between the replicas.
func TestUnhealthyEKSClusters(t *testing.T) {
	expr := queryOf(t, overviewFile, "Unhealthy EKS clusters")
	evaluate(t, "count by (cluster_name, addon_status, issue_type, issue, recommended_step) ("+expr+")", map[string]float64{
		`guardduty_eks_cluster_healthy{account_id="1",region="r",cluster_name="noissue",instance="a"}`:                                                0,
		`guardduty_eks_cluster_healthy{account_id="1",region="r",cluster_name="noissue",instance="b"}`:                                                0,
		`guardduty_eks_cluster_info{account_id="1",region="r",cluster_name="noissue",addon_version="v1",addon_status="",instance="a"}`:                1,
		`guardduty_eks_cluster_info{account_id="1",region="r",cluster_name="noissue",addon_version="v2",addon_status="",instance="b"}`:                1,
		`guardduty_eks_cluster_healthy{account_id="1",region="r",cluster_name="degraded",instance="a"}`:                                               0,
		`guardduty_eks_cluster_info{account_id="1",region="r",cluster_name="degraded",addon_version="v1",addon_status="DEGRADED",instance="a"}`:       1,
		`guardduty_eks_cluster_issue_info{account_id="1",region="r",cluster_name="degraded",issue_type="addon_failed",issue="It fails",instance="a"}`: 1,
		`guardduty_eks_cluster_healthy{account_id="1",region="r",cluster_name="healthy",instance="a"}`:                                                1,
		`guardduty_eks_cluster_info{account_id="1",region="r",cluster_name="healthy",addon_version="v1",addon_status="ACTIVE",instance="a"}`:          1,
	}, []sample{
		{`{cluster_name="noissue",addon_status="–",issue_type="–",issue="–",recommended_step="eks"}`, 1},
		{`{cluster_name="degraded",addon_status="DEGRADED",issue_type="addon_failed",issue="It fails",recommended_step="addon_failed"}`, 1},
	})
}

// TestInstancesOfACluster: each instance has one row, or one per issue; instances
// without an ECS cluster have none.
func TestInstancesOfACluster(t *testing.T) {
	series := map[string]float64{
		`guardduty_ec2_instance_issue_info{account_id="1",region="r",instance_id="i-two",issue_type="waiting_for_ssm",issue="Waiting"}`:   1,
		`guardduty_ec2_instance_issue_info{account_id="1",region="r",instance_id="i-two",issue_type="agent_disconnected",issue="Silent"}`: 1,
	}
	instance := func(id, cluster string, healthy float64) {
		series[fmt.Sprintf(`guardduty_ec2_instance_healthy{account_id="1",region="r",instance_id=%q}`, id)] = healthy
		series[fmt.Sprintf(`guardduty_ec2_instance_info{account_id="1",region="r",instance_id=%q,cluster_name=%q,instance_type="m7g.large",agent_version="v1",management_type="MANUAL"}`, id, cluster)] = 1
	}
	instance("i-two", "c", 0)
	instance("i-noissue", "c", 0)
	instance("i-healthy", "c", 1)
	instance("i-other", "", 0)
	row := func(id string, healthy float64, more string) sample {
		return sample{fmt.Sprintf(`{account_id="1",region="r",instance_id=%q,cluster_name="c",instance_type="m7g.large",agent_version="v1",management_type="MANUAL"%s}`, id, more), healthy}
	}
	evaluate(t, queryOf(t, "cluster.json", "EC2 instances"), series, []sample{
		row("i-two", 0, `,issue_type="waiting_for_ssm",issue="Waiting",recommended_step="waiting_for_ssm"`),
		row("i-two", 0, `,issue_type="agent_disconnected",issue="Silent",recommended_step="agent_disconnected"`),
		row("i-noissue", 0, `,issue_type="–",issue="–",recommended_step="instances"`),
		row("i-healthy", 1, `,issue_type="–",issue="–",recommended_step="–"`),
	})
}

// TestBlindSpots has a target that AWS denies account names and members, and one
// in a Region that is not selected.
func TestBlindSpots(t *testing.T) {
	expr := strings.ReplaceAll(queryOf(t, overviewFile, "Targets with incomplete data"), ".*|", "r|")
	evaluate(t, expr, map[string]float64{
		`guardduty_target_state{target="t",account_id="1",kind="account_names",region="",state="denied"}`:                    1,
		`guardduty_target_state{target="t",account_id="1",kind="account_names",region="",state="ok"}`:                        0,
		`guardduty_target_state{target="t",account_id="1",kind="coverage",region="r",state="denied"}`:                        0,
		`guardduty_target_state{target="t",account_id="1",kind="coverage",region="r",state="ok"}`:                            1,
		`guardduty_target_capability_up{target="t",account_id="1",kind="coverage",region="r",capability="members"}`:          0,
		`guardduty_target_capability_up{target="t",account_id="1",kind="coverage",region="r",capability="detector"}`:         1,
		`guardduty_target_state{target="t",account_id="1",kind="coverage",region="elsewhere",state="error"}`:                 1,
		`guardduty_target_capability_up{target="t",account_id="1",kind="coverage",region="elsewhere",capability="detector"}`: 0,
		`guardduty_ecs_account_up{target="t",account_id="2",region="r"}`:                                                     0,
		`guardduty_ecs_account_up{target="t",account_id="1",region="r"}`:                                                     1,
	}, []sample{
		{`{target="t",account_id="1",kind="account_names",region="–",state="denied"}`, 1},
		{`{target="t",account_id="1",kind="coverage",region="r",state="without members"}`, 0},
		{`{target="t",account_id="2",kind="–",region="r",state="ECS incomplete"}`, 0},
	})
}

// TestDetectorFeatures: a feature that is off is bad only if that leaves tasks of
// ECS without an agent. EKS_RUNTIME_MONITORING and RUNTIME_MONITORING exclude each
// other.
func TestDetectorFeatures(t *testing.T) {
	const bad, on, instances, notECS = 0, 1, 2, 3
	series := map[string]float64{`guardduty_ecs_cluster_healthy{account_id="1",region="r",cluster_name="c"}`: 1}
	want := []sample{}
	add := func(feature, configuration string, enabled, state float64) {
		series[fmt.Sprintf(`guardduty_detector_feature_enabled{account_id="1",region="r",feature=%q,additional_configuration=%q}`, feature, configuration)] = enabled
		want = append(want, sample{fmt.Sprintf(`{account_id="1",region="r",feature=%q,additional_configuration=%q}`, feature, cmp.Or(configuration, "–")), state})
	}
	add("RUNTIME_MONITORING", "", 1, on)
	add("RUNTIME_MONITORING", "ECS_FARGATE_AGENT_MANAGEMENT", 0, bad)
	add("RUNTIME_MONITORING", "EC2_AGENT_MANAGEMENT", 0, instances)
	add("RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT", 0, notECS)
	add("EKS_RUNTIME_MONITORING", "", 0, notECS)
	add("EKS_RUNTIME_MONITORING", "EKS_ADDON_MANAGEMENT", 1, on)
	series[`guardduty_detector_feature_enabled{account_id="1",region="r",feature="S3_DATA_EVENTS",additional_configuration=""}`] = 0
	evaluate(t, queryOf(t, "cluster.json", "Detector features"), series, want)
}
