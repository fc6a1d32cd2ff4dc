package demo

import (
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// Accounts of the demo, with account IDs of AWS's documentation.
const (
	administratorID = "111122223333"
	paymentsID      = "222233334444"
	shopID          = "333344445555"
	dataID          = "444455556666"
	sandboxID       = "555566667777" // a member without resources
	playgroundID    = "666677778888" // a member without Runtime Monitoring
	legacyID        = "777788889999" // a member that the administrator has suspended
	divestedID      = "888899990000" // a former member
	standaloneID    = "999988887777"
	managementID    = "123456789012" // owns the organization and has no GuardDuty

	roleName   = "service/guardduty-coverage"
	externalID = "demo-external-id"
)

// target is a target of the demo's configuration.
type target struct {
	name       string
	roleARN    string // empty: the administrator's own access key
	externalID string // empty: none
	types      string // resource_types
	regions    []string
}

// accessKey returns the long-term key of the administrator account. It may
// assume every role of the demo and receive from its queue.
func accessKey() simulator.Keys {
	return simulator.Keys{AccessKeyID: "AKIASIMULATORDEMO000", SecretAccessKey: "not-a-secret-but-the-key-of-the-demo-00"}
}

// shopKey returns the long-term key of the shop account, for changing its services.
func shopKey() simulator.Keys {
	return simulator.Keys{AccessKeyID: "AKIASIMULATORSHOP000", SecretAccessKey: "not-a-secret-but-the-key-of-the-shop-00"}
}

// targets returns the targets of the demo: the organization through its
// administrator, and an account outside of the organization, whose EKS clusters
// are not read.
func targets() []target {
	return []target{
		{name: "organization", types: "ECS, EC2, EKS", regions: regions()},
		{
			name: "standalone", roleARN: "arn:aws:iam::" + standaloneID + ":role/" + roleName,
			externalID: externalID, types: "ECS, EC2", regions: regions(),
		},
	}
}

// exclusions returns the exclusions of the demo: of a cluster that is unhealthy because
// GuardDuty does not support its tasks, and of one that GuardDuty does not list for
// that reason. The second ends soon.
func exclusions(now time.Time) []exclusion.Entry {
	today := now.UTC().Truncate(24 * time.Hour)
	return []exclusion.Entry{
		{
			Name: "nightly-batch", AccountID: dataID, Region: "us-east-1", ClusterName: "nightly-*",
			Reason: "AWS Batch, which Runtime Monitoring does not support", Until: today.AddDate(0, 0, 90), Owner: "data",
		},
		{
			Name: "edge-sites", AccountID: sandboxID, ClusterName: "edge",
			Reason: "ECS Anywhere, until the sites are closed", Until: today.AddDate(0, 0, 10), Owner: "sandbox", Ticket: "SEC-1234",
		},
	}
}

// eventQueue returns the address of the queue that receives an event for every
// change of a coverage status, in the envelope of an SNS topic.
func eventQueue() queue.Address {
	return queue.Address{AccountID: administratorID, Region: "us-east-1", Name: "guardduty-coverage"}
}

// queues returns the event queue and its dead-letter queue. A message that can
// not be processed while the role is broken (15 minutes) is received fewer than
// 20 times in that time, so it stays in the event queue.
func queues() []*simulator.Queue {
	address := eventQueue()
	return []*simulator.Queue{
		{
			Region: address.Region, Name: address.Name, VisibilityTimeout: time.Minute, DeadLetter: address.Name + "-dead", MaxReceives: 20,
			Events: simulator.SNS, Observed: true, Policy: queuePolicy,
		},
		{Region: address.Region, Name: address.Name + "-dead"},
	}
}

// queuePolicy lets SNS send, as in deploy/eventbridge/topic.yaml.
const queuePolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage"}]}`

func regions() []string { return []string{"us-east-1", "eu-west-1", "ap-southeast-2"} }

// newWorld returns the world at step 0: an organization whose security account
// administers GuardDuty for four members with Runtime Monitoring, one without it,
// one suspended and one that has left, and an account outside of the
// organization. There are three Regions (the standalone account has no detector
// in the last), about 60 ECS clusters, about 80 % of them healthy, their container
// instances, other EC2 instances, EKS clusters, and every kind of issue.
func newWorld(now time.Time) *simulator.World {
	w, begin, clusters := newOrganization(now), resourcesAt(0), fleetByKey()
	ago := func(d time.Duration) time.Time { return now.Add(-d).Truncate(time.Millisecond) }
	deployed := 0
	for _, a := range w.Accounts {
		a.Clusters, a.Instances, a.EKSClusters = begin[a.ID].clusters, begin[a.ID].instances, begin[a.ID].eksClusters
		// Spread the updates over two weeks, as in a fleet that is deployed irregularly.
		for _, row := range a.Clusters {
			row.UpdatedAt = ago(time.Duration(deployed*deployed*5) * time.Minute)
			fillECS(a, row, clusters[clusterKey(a.ID, row.Region, row.Name)], 0, ago(20*24*time.Hour))
			deployed++
		}
		for i, row := range a.Instances {
			row.UpdatedAt = ago(time.Duration(i*i) * time.Minute)
		}
		for i, row := range a.EKSClusters {
			row.UpdatedAt = ago(time.Duration(i) * 40 * time.Hour)
		}
	}
	addUnlisted(w, ago(20*24*time.Hour))
	return w
}

// newOrganization returns the accounts of the demo without their resources.
func newOrganization(now time.Time) *simulator.World {
	account := func(id, name string) *simulator.Account {
		a := &simulator.Account{ID: id, Name: name, Email: name + "@example.com", JoinedAt: now.AddDate(-2, 0, 0).Truncate(time.Millisecond)}
		a.Roles = []*simulator.Role{{Name: ecsRoleName}, executionRole(id)}
		for _, region := range regions() {
			a.VPCs = append(a.VPCs, vpcs(region)...)
			a.Detectors = append(a.Detectors, &simulator.Detector{
				Region: region, CreatedAt: now.AddDate(0, -8, 0), ManagedBy: "ACCOUNT", Features: []string{"S3_DATA_EVENTS", "EKS_AUDIT_LOGS"},
				ChangedAt: map[string]time.Time{
					"RUNTIME_MONITORING": now.AddDate(0, -6, 0), "ECS_FARGATE_AGENT_MANAGEMENT": now.AddDate(0, -5, 0),
				},
			})
		}
		return a
	}
	members := []string{paymentsID, shopID, dataID, sandboxID, playgroundID, legacyID, divestedID}
	administrator := account(administratorID, "security")
	administrator.Keys = accessKey()
	administrator.Queues = queues()
	shop := account(shopID, "shop")
	shop.Keys = shopKey()
	for _, d := range administrator.Detectors {
		d.Members = slices.Clone(members)
		d.Relationships = map[string]string{legacyID: "Disabled", divestedID: "Removed"}
	}
	playground, legacy := account(playgroundID, "playground"), account(legacyID, "legacy")
	data := account(dataID, "data")
	for i := range regions() {
		data.Detectors[i].ManagedBy = "GUARDDUTY_POLICY"
		playground.Detectors[i].RuntimeMonitoringOff = true
		playground.Detectors[i].ChangedAt["RUNTIME_MONITORING"] = now.AddDate(0, -1, 0)
		legacy.Detectors[i].Suspended = true
	}
	standalone := account(standaloneID, "standalone")
	standalone.Detectors = standalone.Detectors[:2]
	standalone.Roles = append(standalone.Roles, &simulator.Role{Name: roleName, ExternalID: externalID, Duration: 15 * time.Minute})
	management := account(managementID, "management")
	management.Detectors = nil

	return &simulator.World{
		Accounts: []*simulator.Account{
			administrator, account(paymentsID, "payments"), shop, data,
			account(sandboxID, "sandbox"), playground, legacy, account(divestedID, "divested"), standalone, management,
		},
		Organization: &simulator.Organization{
			ManagementAccount: managementID, Delegated: []string{administratorID}, EmptyPages: 1,
			Accounts: slices.DeleteFunc(members, func(id string) bool { return id == divestedID }),
		},
	}
}

// advance moves the world from step n-1 to step n. Changed rows get the update
// time now; the changes depend on n alone. It must be called through
// Server.Update with n = 1, 2, 3 … Rows that do not change at this step are not
// touched, so a row changed by a user keeps its state until the next scheduled
// change of it.
func advance(w *simulator.World, n int, now time.Time) {
	now = now.Truncate(time.Millisecond)
	before, after, clusters := resourcesAt(n-1), resourcesAt(n), fleetByKey()
	for _, a := range w.Accounts {
		was, is := before[a.ID], after[a.ID]
		a.Clusters = replaceChanged(a.Clusters, was.clusters, is.clusters,
			func(c *simulator.Cluster) string { return c.Region + "/" + c.Name },
			func(c *simulator.Cluster) {
				c.UpdatedAt = now
				fillECS(a, c, clusters[clusterKey(a.ID, c.Region, c.Name)], n, now)
			})
		a.Instances = replaceChanged(a.Instances, was.instances, is.instances,
			func(i *simulator.Instance) string { return i.Region + "/" + i.ID },
			func(i *simulator.Instance) { i.UpdatedAt = now })
		a.EKSClusters = replaceChanged(a.EKSClusters, was.eksClusters, is.eksClusters,
			func(c *simulator.EKSCluster) string { return c.Region + "/" + c.Name },
			func(c *simulator.EKSCluster) { c.UpdatedAt = now })
	}
	if broken := roleBroken(n); broken != roleBroken(n-1) {
		role := w.Account(standaloneID).Role(roleName)
		role.Broken, role.Deny = broken, nil
		if broken {
			role.Deny = []string{
				"guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:ListCoverage",
				"guardduty:GetCoverageStatistics", "guardduty:ListMembers", "guardduty:GetMemberDetectors",
			}
		}
	}
}

// roleBroken reports whether, at step n, the standalone account's role cannot be
// assumed and has no permissions: 15 minutes of each hour.
func roleBroken(n int) bool {
	_, broken := schedule{period: 360, start: 60, length: 90}.occurrence(n)
	return broken
}
