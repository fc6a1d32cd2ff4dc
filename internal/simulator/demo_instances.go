package simulator

import (
	"encoding/hex"
	"strconv"
)

// issuePeriod is how many steps an issue lasts where several take turns: about
// ten minutes.
const issuePeriod = 60

// turn returns the key whose turn it is at step n, and the how-manieth turn
// that is.
func turn(keys []string, n int) (string, int) {
	return keys[n/issuePeriod%len(keys)], n / issuePeriod
}

// demoAgent returns the agent's version of a demo instance.
func demoAgent(index int) string { return []string{"v1.6.1", "v1.7.0"}[index%2] }

// demoInstanceID returns the ID of an instance.
func demoInstanceID(account, region, name string, index, episode int) string {
	sum := demoID(account, region, name, strconv.Itoa(index), strconv.Itoa(episode))
	return "i-" + hex.EncodeToString(sum[:])[:17]
}

// instancesAt returns the cluster's container instances at step n without
// their times of update. Those that scaling adds are other ones each time, and
// wait for their agent at first.
func (c demoCluster) instancesAt(n int) []*Instance {
	var list []*Instance
	add := func(count, episode int) {
		for range count {
			index := len(list)
			list = append(list, &Instance{
				Region: c.region, ID: demoInstanceID(c.account, c.region, c.name, index, episode),
				Type: []string{"m6i.large", "m6i.xlarge", "c7g.xlarge"}[len(c.name)%3], ManagementType: "AUTO_MANAGED",
				ClusterARN: clusterARN("ecs", c.region, c.account, c.name), AgentVersion: demoAgent(index),
			})
		}
	}
	add(c.instances, 0)
	for i, key := range c.uncovered {
		// the last ones: an instance that had an agent once still tells its version
		uncovered := list[len(list)-1-i]
		uncovered.Issue = demoInstanceIssues()[key]
		if key != "agent_disconnected" {
			uncovered.AgentVersion = ""
		}
	}
	if episode, scaled := c.scaling.episode(n); scaled {
		add(c.instances, episode+1)
		if _, settled := c.scaling.episode(n - agentDelay); !settled {
			for _, fresh := range list[c.instances:] {
				fresh.Issue, fresh.AgentVersion = demoInstanceIssues()["waiting_for_ssm"], ""
			}
		}
	}
	for _, i := range list {
		i.Status = i.CoverageStatus()
	}
	return list
}

// demoInstances is instances of the demo that belong to no ECS cluster, in one
// Region of an account.
type demoInstances struct {
	account, region, name string
	count                 int
	eksCluster            string     // which they are nodes of, if any
	ill                   [][]string // keys of demoInstanceIssues that the first ones have in turn
}

// demoLooseInstances returns every instance of the demo outside of ECS. The ill
// ones show every kind of issue by turns.
func demoLooseInstances() []demoInstances {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	return []demoInstances{
		{account: demoAdministrator, region: use1, name: "bastion", count: 2, ill: [][]string{{"exclusion_tag"}}},
		{account: demoPayments, region: use1, name: "hsm-proxy", count: 4, ill: [][]string{{"kernel_too_old", "kernel_too_new"}}},
		{account: demoPayments, region: euw1, name: "hsm-proxy", count: 3, ill: [][]string{{"no_agent_reporting", "identity_document"}}},
		{account: demoShop, region: use1, name: "cache", count: 6, ill: [][]string{
			{"ssm_association_exists", "ssm_association_quota", "ssm_update_failed", "ssm_deletion_failed"},
		}},
		{account: demoShop, region: euw1, name: "shop-eks-node", count: 3, eksCluster: "shop-eks"},
		{account: demoData, region: use1, name: "notebook", count: 5, ill: [][]string{
			{"vpc_endpoint_dns", "vpc_endpoint_shared", "vpc_endpoint_owner", "shared_vpc_endpoint_deletion"},
		}},
		{account: demoData, region: apse2, name: "bottlerocket", count: 3, ill: [][]string{{"ecr_image_pull", "agent_disconnected"}}},
		{account: demoStandalone, region: use1, name: "file-server", count: 2, ill: [][]string{{"no_agent_reporting"}}},
	}
}

// at returns the instances at step n without their times of update.
func (d demoInstances) at(n int) []*Instance {
	var list []*Instance
	for index := range d.count {
		i := &Instance{
			Region: d.region, ID: demoInstanceID(d.account, d.region, d.name, index, 0), Type: "t3.medium",
			ManagementType: "MANUAL", AgentVersion: demoAgent(index),
		}
		if d.eksCluster != "" {
			i.ClusterARN, i.Type, i.ManagementType = clusterARN("eks", d.region, d.account, d.eksCluster), "m6i.2xlarge", "AUTO_MANAGED"
		}
		if index < len(d.ill) {
			key, episode := turn(d.ill[index], n)
			i.AgentVersion = ""
			i.Issue = fillIn(demoInstanceIssues()[key], demoID(i.ID), d.name, d.account, episode)
		}
		i.Status = i.CoverageStatus()
		list = append(list, i)
	}
	return list
}
