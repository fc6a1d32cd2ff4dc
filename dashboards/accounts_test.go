package dashboards_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"
)

const (
	overviewFile    = "coverage-overview.json"
	accountsPanel   = "Accounts"
	perAccountPanel = "Coverage percent per account"
)

// TestAccountStates covers Not enabled, Not reporting and Enabled.
func TestAccountStates(t *testing.T) {
	const (
		counts    = `guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="HEALTHY"}`
		instances = `guardduty_coverage_resources{account_id="1",region="r",resource_type="EC2",coverage_status="UNHEALTHY"}`
		enabled   = `guardduty_member_enabled{account_id="1",region="r",relationship_status="enabled"}`
		resigned  = `guardduty_member_enabled{account_id="1",region="r",relationship_status="resigned"}`
		invited   = `guardduty_member_enabled{account_id="1",region="r",relationship_status="invited"}`
		detector  = `guardduty_detector_enabled{account_id="1",region="r"}`
		runtime   = `guardduty_detector_feature_enabled{account_id="1",region="r",feature="RUNTIME_MONITORING",additional_configuration=""}`
		fargate   = `guardduty_detector_feature_enabled{account_id="1",region="r",feature="RUNTIME_MONITORING",additional_configuration="ECS_FARGATE_AGENT_MANAGEMENT"}`
		other     = `guardduty_detector_feature_enabled{account_id="1",region="r",feature="S3_DATA_EVENTS",additional_configuration=""}`

		notEnabled, notReporting, isEnabled = 0, 1, 2
	)
	for name, tc := range map[string]struct {
		series map[string]float64
		state  float64
		detail string
	}{
		"reports, nothing else known":             {map[string]float64{counts: 3}, isEnabled, ""},
		"reports one type":                        {map[string]float64{counts: 0, instances: 1}, isEnabled, ""},
		"everything enabled":                      {map[string]float64{counts: 3, enabled: 1, runtime: 1, fargate: 1, other: 0}, isEnabled, ""},
		"silent member":                           {map[string]float64{counts: 0, instances: 0, enabled: 1, runtime: 1, fargate: 1}, notReporting, "no resources"},
		"silent, nothing else known":              {map[string]float64{counts: 0}, notReporting, "no resources"},
		"no longer a member":                      {map[string]float64{resigned: 0}, notEnabled, "not an enabled member"},
		"no longer a member, with old clusters":   {map[string]float64{resigned: 0, counts: 3, runtime: 1, fargate: 1}, notEnabled, "not an enabled member"},
		"no longer a member, but a target itself": {map[string]float64{resigned: 0, counts: 3, detector: 1, runtime: 1, fargate: 1}, isEnabled, ""},
		"no longer a member, target, suspended":   {map[string]float64{resigned: 0, counts: 0, detector: 0}, notEnabled, "not an enabled member"},
		"one replica still sees an invitation":    {map[string]float64{invited: 0, enabled: 1, counts: 3}, isEnabled, ""},
		"suspended":                               {map[string]float64{counts: 3, detector: 0, runtime: 1, fargate: 1}, notEnabled, "detector suspended"},
		"Runtime Monitoring off":                  {map[string]float64{counts: 0, enabled: 1, runtime: 0, fargate: 0}, notEnabled, "RUNTIME_MONITORING off"},
		"Fargate agent off, has EC2 instances":    {map[string]float64{counts: 0, instances: 2, detector: 1, runtime: 1, fargate: 0}, notEnabled, "ECS_FARGATE_AGENT_MANAGEMENT off"},
		"member of a target with a status filter": {map[string]float64{enabled: 1, runtime: 1, fargate: 1}, isEnabled, "not counted"},
	} {
		t.Run(name, func(t *testing.T) {
			want := sample{fmt.Sprintf(`{account_id="1",account_name="–",detail=%q,region="r"}`, cmp.Or(tc.detail, "–")), tc.state}
			evaluate(t, queryOf(t, overviewFile, accountsPanel), tc.series, []sample{want})
		})
	}
}

// TestAccountNames has accounts with and without names.
func TestAccountNames(t *testing.T) {
	resources := map[string]float64{
		`guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="HEALTHY",instance="a"}`:   1,
		`guardduty_coverage_resources{account_id="1",region="r",resource_type="ECS",coverage_status="UNHEALTHY",instance="a"}`: 3,
		`guardduty_coverage_resources{account_id="1",region="r",resource_type="EC2",coverage_status="HEALTHY",instance="a"}`:   9,
		`guardduty_coverage_resources{account_id="2",region="r",resource_type="ECS",coverage_status="HEALTHY",instance="b"}`:   5,
	}
	with := func(names ...string) map[string]float64 {
		all := maps.Clone(resources)
		for i, name := range names {
			all[fmt.Sprintf(`guardduty_account_info{account_id="1",account_name=%q,instance="%d"}`, name, i)] = 1
		}
		return all
	}
	percent := func(of string) []sample {
		return []sample{
			{fmt.Sprintf(`{account_id="1",resource_type="ECS"%s}`, of), 25},
			{fmt.Sprintf(`{account_id="1",resource_type="EC2"%s}`, of), 100},
			{`{account_id="2",resource_type="ECS",account=" 2"}`, 100},
		}
	}
	bars, table := queryOf(t, overviewFile, perAccountPanel), queryOf(t, overviewFile, accountsPanel)
	for name, tc := range map[string]struct {
		expr   string
		series map[string]float64
		want   []sample
	}{
		"no names":     {bars, with(), percent(`,account=" 1"`)},
		"one name":     {bars, with("payments"), percent(`,account_name="payments",account="payments 1"`)},
		"two replicas": {bars, with("payments", "payments"), percent(`,account_name="payments",account="payments 1"`)},
		"renamed":      {"count(" + bars + ")", with("payments", "billing"), []sample{{"{}", 3}}},
		"in the table": {table, with("payments"), []sample{
			{`{account_id="1",account_name="payments",detail="–",region="r"}`, 2}, {`{account_id="2",account_name="–",detail="–",region="r"}`, 2},
		}},
		"renamed, in the table": {"sum(" + table + ")", with("payments", "billing"), []sample{{"{}", 4}}},
		"no series":             {bars, map[string]float64{}, []sample{}},
	} {
		t.Run(name, func(t *testing.T) { evaluate(t, tc.expr, tc.series, tc.want) })
	}
}

// TestDefaultResourceType: counts and percentages are those of ECS by default.
func TestDefaultResourceType(t *testing.T) {
	text, err := os.ReadFile(overviewFile)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Templating struct {
			List []struct {
				Name    string
				Current struct{ Value any }
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, v := range d.Templating.List {
		if v.Name == "resource_type" {
			if got := fmt.Sprint(v.Current.Value); got != "[ECS]" {
				t.Errorf("the default is %s", got)
			}
			return
		}
	}
	t.Error("no variable resource_type")
}
