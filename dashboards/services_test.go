package dashboards_test

import (
	"fmt"
	"testing"
)

// services returns series of services of the cluster c as two replicas have them,
// each with tasks that have an agent that is running, missing or stopped.
func services() map[string]float64 {
	series := make(map[string]float64)
	for _, replica := range []string{"a", "b"} {
		for service, tasks := range map[string][]float64{
			"two-causes": {1, 2, 1}, "no-cause": {0, 1, 0}, "same-cause": {3, 0, 1}, "covered": {5, 0, 0},
		} {
			for i, agent := range []string{"running", "missing", "stopped"} {
				series[fmt.Sprintf(`guardduty_ecs_service_tasks{account_id="1",region="r",cluster_name="c",service_name=%q,agent=%q,instance=%q}`, service, agent, replica)] = tasks[i]
			}
		}
		for _, cause := range []string{
			`service_name="two-causes",cause="no_execution_role",certainty="proof",who="service_owner"`,
			`service_name="two-causes",cause="agent_exited",certainty="proof",who="service_owner"`,
			`service_name="same-cause",cause="agent_exited",certainty="proof",who="service_owner"`,
			`service_name="",cause="vpc_endpoint",certainty="hint",who="network"`,
		} {
			series[fmt.Sprintf(`guardduty_ecs_service_cause_info{account_id="1",region="r",cluster_name="c",%s,instance=%q}`, cause, replica)] = 1
		}
		// The cause concerns all tasks of another cluster.
		for agent, tasks := range map[string]float64{"running": 0, "missing": 2, "stopped": 0} {
			series[fmt.Sprintf(`guardduty_ecs_service_tasks{account_id="1",region="r",cluster_name="off",service_name="api",agent=%q,instance=%q}`, agent, replica)] = tasks
		}
		for _, cause := range []string{"agent_management_off", "runtime_monitoring_off"} {
			series[fmt.Sprintf(`guardduty_ecs_service_cause_info{account_id="1",region="r",cluster_name="off",service_name="",cause=%q,certainty="proof",who="security",instance=%q}`, cause, replica)] = 1
		}
		series[fmt.Sprintf(`guardduty_account_info{account_id="1",account_name="one",instance=%q}`, replica)] = 1
	}
	return series
}

// TestServicesWithoutAgent: a service has one row for each cause, or one without.
func TestServicesWithoutAgent(t *testing.T) {
	row := func(service, more string, tasks float64) sample {
		return sample{fmt.Sprintf(`{account_id="1",account_name="one",region="r",cluster_name="c",service_name=%q%s}`, service, more), tasks}
	}
	evaluate(t, queryOf(t, overviewFile, "Services without an agent"), services(), []sample{
		row("two-causes", `,cause="no_execution_role",certainty="proof",who="service_owner",fix="no_execution_role"`, 3),
		row("two-causes", `,cause="agent_exited",certainty="proof",who="service_owner",fix="agent_exited"`, 3),
		row("same-cause", `,cause="agent_exited",certainty="proof",who="service_owner",fix="agent_exited"`, 1),
		row("no-cause", `,cause="–",who="–",fix="–"`, 1), // vpc_endpoint is about tasks whose agent runs
		{`{account_id="1",account_name="one",region="r",cluster_name="off",service_name="api",cause="runtime_monitoring_off",certainty="proof",who="security",fix="runtime_monitoring_off"}`, 2},
	})
}

func TestTopCauses(t *testing.T) {
	evaluate(t, queryOf(t, overviewFile, "Top causes"), services(), []sample{
		{`{cause="agent_exited"}`, 2},
		{`{cause="no_execution_role"}`, 1},
		{`{cause="vpc_endpoint"}`, 1},
		{`{cause="agent_management_off"}`, 1},
		{`{cause="runtime_monitoring_off"}`, 1},
	})
}

// TestServices: a cause of the whole cluster has a row of its own.
func TestServices(t *testing.T) {
	evaluate(t, "count by (service_name, fix) ("+queryOf(t, "cluster.json", "Services")+")", services(), []sample{
		{`{service_name="two-causes",fix="no_execution_role"}`, 1},
		{`{service_name="two-causes",fix="agent_exited"}`, 1},
		{`{service_name="same-cause",fix="agent_exited"}`, 1},
		{`{service_name="no-cause",fix="–"}`, 1},
		{`{service_name="covered",fix="–"}`, 1},
		{`{service_name="–",fix="vpc_endpoint"}`, 1},
		{`{service_name="api",fix="–"}`, 1},
		{`{service_name="–",fix="runtime_monitoring_off"}`, 1},
		{`{service_name="–",fix="agent_management_off"}`, 1},
	})
}
