package simulator

import (
	"slices"
	"time"
)

// Accounts of the demo world, with the account IDs that AWS uses in its
// documentation.
const (
	demoAdministrator = "111122223333"
	demoPayments      = "222233334444"
	demoShop          = "333344445555"
	demoData          = "444455556666"
	demoSandbox       = "555566667777" // a member without a single resource
	demoPlayground    = "666677778888" // a member without Runtime Monitoring
	demoLegacy        = "777788889999" // a member that the administrator has suspended
	demoDivested      = "888899990000" // a member no more
	demoStandalone    = "999988887777"
	demoManagement    = "123456789012" // owns the organisation and has no GuardDuty

	demoRole       = "service/guardduty-coverage"
	demoExternalID = "demo-external-id"
)

// DemoTarget is what a configuration needs to ask for a part of the demo
// world.
type DemoTarget struct {
	Name       string
	RoleARN    string // empty: ask with DemoKeys themselves
	ExternalID string // empty: none
	Regions    []string
}

// DemoKeys returns the access key of the demo world's administrator account.
// It may assume the roles of DemoTargets.
func DemoKeys() Keys {
	return Keys{AccessKeyID: "AKIASIMULATORDEMO000", SecretAccessKey: "not-a-secret-but-the-key-of-the-demo-00"}
}

// DemoTargets returns the targets that show the whole demo world: the
// organisation through its administrator, and an account that belongs to none.
func DemoTargets() []DemoTarget {
	return []DemoTarget{
		{Name: "organization", Regions: demoRegions()},
		{
			Name: "standalone", RoleARN: "arn:aws:iam::" + demoStandalone + ":role/" + demoRole,
			ExternalID: demoExternalID, Regions: demoRegions(),
		},
	}
}

// DemoQueue returns the address of the demo world's queue, to which the event of
// every change of a coverage status in it comes, within the envelope of a topic.
// DemoKeys may receive from it. What is received twenty times and not deleted,
// which a quarter of an hour with a broken role does not bring about, goes to the
// queue of the same name with "-dead" behind it.
func DemoQueue() QueueAddress {
	return QueueAddress{AccountID: demoAdministrator, Region: "us-east-1", Name: "guardduty-coverage"}
}

func demoQueues() []*Queue {
	at := DemoQueue()
	return []*Queue{
		{
			Region: at.Region, Name: at.Name, VisibilityTimeout: time.Minute, DeadLetter: at.Name + "-dead", MaxReceives: 20,
			Events: SNS, Observed: true,
		},
		{Region: at.Region, Name: at.Name + "-dead"},
	}
}

func demoRegions() []string { return []string{"us-east-1", "eu-west-1", "ap-southeast-2"} }

// DemoWorld returns the demo world as it stands at step 0: an organisation whose
// security account administers GuardDuty for four members that are well set up,
// one without Runtime Monitoring, one suspended and one that has left, and an
// account that belongs to none. There are three Regions (the standalone account
// has no detector in the last), some sixty ECS clusters of which about four in
// five are healthy, their container instances, other EC2 instances, EKS
// clusters, and every kind of issue. A queue gets the events. Step moves it on.
func DemoWorld(now time.Time) *World {
	w, begin := demoOrganisation(now), demoAt(0)
	ago := func(d time.Duration) time.Time { return now.Add(-d).Truncate(time.Millisecond) }
	deployed := 0
	for _, a := range w.Accounts {
		a.Clusters, a.Instances, a.EKSClusters = begin[a.ID].Clusters, begin[a.ID].Instances, begin[a.ID].EKSClusters
		// spread over the last two weeks, as in a fleet deployed now and then
		for _, row := range a.Clusters {
			row.UpdatedAt = ago(time.Duration(deployed*deployed*5) * time.Minute)
			deployed++
		}
		for i, row := range a.Instances {
			row.UpdatedAt = ago(time.Duration(i*i) * time.Minute)
		}
		for i, row := range a.EKSClusters {
			row.UpdatedAt = ago(time.Duration(i) * 40 * time.Hour)
		}
	}
	return w
}

// demoOrganisation returns the accounts of the demo without their resources.
func demoOrganisation(now time.Time) *World {
	account := func(id, name string) *Account {
		a := &Account{ID: id, Name: name, Email: name + "@example.com", JoinedAt: now.AddDate(-2, 0, 0).Truncate(time.Millisecond)}
		for _, region := range demoRegions() {
			a.Detectors = append(a.Detectors, &Detector{
				Region: region, CreatedAt: now.AddDate(0, -8, 0), ManagedBy: "ACCOUNT", Features: []string{"S3_DATA_EVENTS", "EKS_AUDIT_LOGS"},
				ChangedAt: map[string]time.Time{
					featureRuntime: now.AddDate(0, -6, 0), additionalFargate: now.AddDate(0, -5, 0),
				},
			})
		}
		return a
	}
	members := []string{demoPayments, demoShop, demoData, demoSandbox, demoPlayground, demoLegacy, demoDivested}
	administrator := account(demoAdministrator, "security")
	administrator.Keys = DemoKeys()
	administrator.Queues = demoQueues()
	for _, d := range administrator.Detectors {
		d.Members = slices.Clone(members)
		d.Relationships = map[string]string{demoLegacy: relationDisabled, demoDivested: relationRemoved}
	}
	playground, legacy := account(demoPlayground, "playground"), account(demoLegacy, "legacy")
	data := account(demoData, "data")
	for i := range demoRegions() {
		data.Detectors[i].ManagedBy = "GUARDDUTY_POLICY"
		playground.Detectors[i].RuntimeMonitoringOff = true
		playground.Detectors[i].ChangedAt[featureRuntime] = now.AddDate(0, -1, 0)
		legacy.Detectors[i].Suspended = true
	}
	standalone := account(demoStandalone, "standalone")
	standalone.Detectors = standalone.Detectors[:2]
	standalone.Roles = []*Role{{Name: demoRole, ExternalID: demoExternalID, Duration: 15 * time.Minute}}
	management := account(demoManagement, "management")
	management.Detectors = nil

	return &World{
		Accounts: []*Account{
			administrator, account(demoPayments, "payments"), account(demoShop, "shop"), data,
			account(demoSandbox, "sandbox"), playground, legacy, account(demoDivested, "divested"), standalone, management,
		},
		Organisation: &Organisation{
			ManagementAccount: demoManagement, Delegated: []string{demoAdministrator}, EmptyPages: 1,
			Accounts: slices.DeleteFunc(members, func(id string) bool { return id == demoDivested }),
		},
	}
}

// Step moves the demo world from step n-1 to step n and stamps what changes
// with now. What happens depends on n alone; it is meant to be called through
// Server.Update with n = 1, 2, 3 … about every ten seconds. It touches the rows
// that change at this very step and no others, so that a row changed from
// outside keeps its state until the demo's own course next moves it.
func Step(w *World, n int, now time.Time) {
	now = now.Truncate(time.Millisecond)
	before, after := demoAt(n-1), demoAt(n)
	for _, a := range w.Accounts {
		was, is := before[a.ID], after[a.ID]
		a.Clusters = advance(a.Clusters, was.Clusters, is.Clusters, now)
		a.Instances = advance(a.Instances, was.Instances, is.Instances, now)
		a.EKSClusters = advance(a.EKSClusters, was.EKSClusters, is.EKSClusters, now)
	}
	// The role of the standalone account loses its trust and its policy for a
	// quarter of an hour out of each hour.
	if broken := demoRoleBroken(n); broken != demoRoleBroken(n-1) {
		role := w.Account(demoStandalone).Role(demoRole)
		role.Broken, role.Deny = broken, nil
		if broken {
			role.Deny = []string{
				"guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:ListCoverage",
				"guardduty:GetCoverageStatistics", "guardduty:ListMembers", "guardduty:GetMemberDetectors",
			}
		}
	}
}

// demoRoleBroken reports whether the standalone account's role is broken.
func demoRoleBroken(n int) bool {
	_, broken := window{period: 360, start: 60, length: 90}.episode(n)
	return broken
}
