package demo

import (
	"encoding/hex"
	"strconv"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// agentDelay is how many steps new container instances are not covered: five
// minutes.
const agentDelay = 30

func agentVersion(index int) string { return []string{"v1.6.1", "v1.7.0"}[index%2] }

func instanceID(account, region, name string, index, occurrence int) string {
	sum := hashOf(account, region, name, strconv.Itoa(index), strconv.Itoa(occurrence))
	return "i-" + hex.EncodeToString(sum[:])[:17]
}

// clusterARN returns the ARN of a cluster of the service (ecs or eks).
func clusterARN(service, region, account, name string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":cluster/" + name
}

// instancesAt returns the cluster's container instances at step n without their
// update times. Each scaling adds new instances, which wait for their agent at
// first.
func (c cluster) instancesAt(n int) []*simulator.Instance {
	var list []*simulator.Instance
	add := func(count, occurrence int) {
		for range count {
			index := len(list)
			list = append(list, &simulator.Instance{
				Region: c.region, ID: instanceID(c.account, c.region, c.name, index, occurrence),
				Type: []string{"m6i.large", "m6i.xlarge", "c7g.xlarge"}[len(c.name)%3], ManagementType: "AUTO_MANAGED",
				ClusterARN: clusterARN("ecs", c.region, c.account, c.name), AgentVersion: agentVersion(index),
			})
		}
	}
	add(c.instances, 0)
	for i, key := range c.uncovered {
		// A disconnected agent still has a version.
		uncovered := list[len(list)-1-i]
		uncovered.Issue = instanceIssues()[key]
		if key != "agent_disconnected" {
			uncovered.AgentVersion = ""
		}
	}
	if occurrence, scaled := c.scaling.occurrence(n); scaled {
		add(c.instances, occurrence+1)
		if _, covered := c.scaling.occurrence(n - agentDelay); !covered {
			for _, fresh := range list[c.instances:] {
				fresh.Issue, fresh.AgentVersion = instanceIssues()["waiting_for_ssm"], ""
			}
		}
	}
	for _, i := range list {
		i.Status = i.CoverageStatus()
	}
	return list
}

// instanceGroup is a group of EC2 instances of one account and Region outside of
// ECS.
type instanceGroup struct {
	account, region, name string
	count                 int
	eksCluster            string     // cluster of which they are nodes, if any
	issues                [][]string // keys of instanceIssues that rotate, of each of the first instances
}

// otherInstances returns every EC2 instance outside of ECS. The unhealthy ones
// have every kind of issue in rotation.
func otherInstances() []instanceGroup {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	return []instanceGroup{
		{account: administratorID, region: use1, name: "bastion", count: 2, issues: [][]string{{"exclusion_tag"}}},
		{account: paymentsID, region: use1, name: "hsm-proxy", count: 4, issues: [][]string{{"kernel_too_old", "kernel_too_new"}}},
		{account: paymentsID, region: euw1, name: "hsm-proxy", count: 3, issues: [][]string{{"no_agent_reporting", "identity_document"}}},
		{account: shopID, region: use1, name: "cache", count: 6, issues: [][]string{
			{"ssm_association_exists", "ssm_association_quota", "ssm_update_failed", "ssm_deletion_failed"},
		}},
		{account: shopID, region: euw1, name: "shop-eks-node", count: 3, eksCluster: "shop-eks"},
		{account: dataID, region: use1, name: "notebook", count: 5, issues: [][]string{
			{"vpc_endpoint_dns", "vpc_endpoint_shared", "vpc_endpoint_owner", "shared_vpc_endpoint_deletion"},
		}},
		{account: dataID, region: apse2, name: "bottlerocket", count: 3, issues: [][]string{{"ecr_image_pull", "agent_disconnected"}}},
		{account: standaloneID, region: use1, name: "file-server", count: 2, issues: [][]string{{"no_agent_reporting"}}},
	}
}

// stateAt returns the instances at step n without their update times.
func (g instanceGroup) stateAt(n int) []*simulator.Instance {
	var list []*simulator.Instance
	for index := range g.count {
		i := &simulator.Instance{
			Region: g.region, ID: instanceID(g.account, g.region, g.name, index, 0), Type: "t3.medium",
			ManagementType: "MANUAL", AgentVersion: agentVersion(index),
		}
		if g.eksCluster != "" {
			i.ClusterARN, i.Type, i.ManagementType = clusterARN("eks", g.region, g.account, g.eksCluster), "m6i.2xlarge", "AUTO_MANAGED"
		}
		if index < len(g.issues) {
			key, occurrence := rotate(g.issues[index], n)
			i.AgentVersion = ""
			i.Issue = expand(instanceIssues()[key], hashOf(i.ID), g.name, g.account, occurrence)
		}
		i.Status = i.CoverageStatus()
		list = append(list, i)
	}
	return list
}
