package demo

import (
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const healthy = "HEALTHY"

// cluster is an ECS cluster with everything that happens to it.
type cluster struct {
	account, region, name string
	fargate               bool // has tasks on Fargate
	instances             int
	uncovered             []string // keys of instanceIssues, each of one instance that is never covered
	incidents             []incident
	scaling               schedule // twice as many container instances while active
	deleted               schedule // absent while active
}

// incident is a set of issues that a cluster has while the schedule is active.
type incident struct {
	schedule
	issues []string // keys of clusterIssues
}

// stateAt returns the cluster's row at step n and its container instances,
// without their update times; nil while the cluster is deleted.
func (c cluster) stateAt(n int) (*simulator.Cluster, []*simulator.Instance) {
	if _, deleted := c.deleted.occurrence(n); deleted {
		return nil, nil
	}
	row := &simulator.Cluster{Region: c.region, Name: c.name, ManagementType: "DISABLED"}
	if c.fargate {
		row.ManagementType = "AUTO_MANAGED"
	}
	instances := c.instancesAt(n)
	for _, i := range instances {
		row.Compatible++
		if i.Status == healthy {
			row.Covered++
		}
	}
	for _, incident := range c.incidents {
		if occurrence, active := incident.occurrence(n); active {
			for _, key := range incident.issues {
				row.Issues = append(row.Issues, clusterIssue(key, c, occurrence))
			}
		}
	}
	row.Status = row.CoverageStatus()
	return row, instances
}

// fleet returns every ECS cluster of the demo.
func fleet() []cluster {
	var fleet []cluster
	for _, app := range applications() {
		regions := regions()
		if app.account == standaloneID {
			regions = regions[:2]
		}
		for i, region := range regions {
			c := app
			c.region = region
			if c.instances > 0 { // the first Region is the largest
				c.instances = max(2, c.instances-3*i)
			}
			fleet = append(fleet, c)
		}
	}
	for _, change := range scheduledChanges() {
		i := slices.IndexFunc(fleet, func(c cluster) bool {
			return c.account == change.account && c.region == change.region && c.name == change.name
		})
		c := &fleet[i]
		c.incidents, c.uncovered, c.scaling, c.deleted = change.incidents, change.uncovered, change.scaling, change.deleted
	}
	return fleet
}

// clusterKey identifies a cluster in fleetByKey.
func clusterKey(account, region, name string) string { return account + "/" + region + "/" + name }

// fleetByKey returns every ECS cluster of the demo by clusterKey.
func fleetByKey() map[string]cluster {
	clusters := map[string]cluster{}
	for _, c := range fleet() {
		clusters[clusterKey(c.account, c.region, c.name)] = c
	}
	return clusters
}

// applications returns the clusters without their Region. Each exists in every
// Region of its account.
func applications() []cluster {
	return []cluster{
		{account: administratorID, name: "audit-tools", fargate: true},
		{account: administratorID, name: "ci-runners", instances: 8},

		{account: paymentsID, name: "checkout-api", fargate: true},
		{account: paymentsID, name: "ledger", fargate: true, instances: 12},
		{account: paymentsID, name: "card-vault", fargate: true},
		{account: paymentsID, name: "settlement", instances: 9},
		{account: paymentsID, name: "refunds", fargate: true},

		{account: shopID, name: "storefront", fargate: true, instances: 20},
		{account: shopID, name: "catalogue", fargate: true},
		{account: shopID, name: "search", instances: 14},
		{account: shopID, name: "recommendations", fargate: true},
		{account: shopID, name: "legacy-storefront", fargate: true, instances: 5},
		{account: shopID, name: "notifications", fargate: true},

		{account: dataID, name: "ingest", fargate: true},
		{account: dataID, name: "stream", fargate: true, instances: 10},
		{account: dataID, name: "nightly-batch", fargate: true},
		{account: dataID, name: "warehouse-loader", instances: 11},

		{account: standaloneID, name: "billing", fargate: true},
		{account: standaloneID, name: "crm", fargate: true, instances: 6},
		{account: standaloneID, name: "intranet", fargate: true},
		{account: standaloneID, name: "mail-relay", instances: 4},
		{account: standaloneID, name: "reports", fargate: true},
	}
}

// scheduledChanges returns the clusters that change, with their changes. The
// permanently unhealthy ones together have every kind of issue.
func scheduledChanges() []cluster {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	permanent := func(issues ...string) []incident { return []incident{{always(), issues}} }
	at := func(period, start, length int, issues ...string) []incident {
		return []incident{{schedule{period, start, length}, issues}}
	}
	return []cluster{
		// permanently unhealthy
		{account: paymentsID, region: use1, name: "refunds", incidents: permanent("agent_not_reporting", "unidentified")},
		{account: paymentsID, region: euw1, name: "ledger", incidents: permanent("vpc_endpoint")},
		{account: shopID, region: use1, name: "recommendations", incidents: permanent("unsupported_cpu_architecture", "agent_exited")},
		{account: shopID, region: apse2, name: "catalogue", incidents: permanent("agent_image_pull")},
		{
			account: shopID, region: euw1, name: "legacy-storefront",
			incidents: permanent("started_before_agent_configuration", "new_deployment_required"), // a new deployment heals it
		},
		{account: dataID, region: use1, name: "nightly-batch", incidents: permanent("unsupported_service", "task_execution_role_missing")},
		{account: dataID, region: euw1, name: "stream", incidents: permanent("network_configuration_missing", "started_before_runtime_monitoring")},
		{account: standaloneID, region: use1, name: "billing", incidents: permanent("exclusion_tag", "agent_not_provisioned")},
		{account: standaloneID, region: euw1, name: "reports", incidents: permanent("unclassified")},
		// container instances without an agent: the EC2 instance has the issue, not the cluster
		{account: dataID, region: apse2, name: "warehouse-loader", uncovered: []string{"agent_disconnected", "ssm_execution_failed"}},

		// the same incident in several clusters
		{account: shopID, region: use1, name: "catalogue", incidents: at(180, 24, 36, "agent_not_reporting")},
		{account: shopID, region: use1, name: "notifications", incidents: at(180, 25, 40, "agent_not_reporting")},
		{account: shopID, region: use1, name: "storefront", incidents: at(180, 27, 34, "agent_not_reporting")},
		{account: shopID, region: use1, name: "legacy-storefront", incidents: at(180, 28, 30, "agent_not_reporting")},

		// unhealthy from time to time
		{account: administratorID, region: use1, name: "audit-tools", incidents: at(90, 12, 18, "new_deployment_required")},
		{account: paymentsID, region: use1, name: "checkout-api", incidents: at(72, 6, 12, "agent_exited")},
		{account: paymentsID, region: apse2, name: "card-vault", incidents: at(120, 50, 30, "agent_image_pull")},
		{account: shopID, region: euw1, name: "notifications", incidents: at(60, 3, 15, "started_before_agent_configuration")},
		{account: dataID, region: euw1, name: "ingest", incidents: at(100, 40, 24, "unidentified")},
		{account: dataID, region: apse2, name: "nightly-batch", incidents: at(240, 90, 60, "unsupported_service")},
		{account: standaloneID, region: use1, name: "intranet", incidents: at(84, 30, 20, "exclusion_tag")},

		// growing and shrinking
		{account: shopID, region: use1, name: "search", scaling: schedule{180, 45, 100}},
		{account: paymentsID, region: euw1, name: "settlement", scaling: schedule{240, 10, 150}},
		{account: administratorID, region: apse2, name: "ci-runners", scaling: schedule{120, 70, 60}},

		// deleted, and created again
		{account: paymentsID, region: apse2, name: "refunds", deleted: schedule{240, 36, 60}},
	}
}
