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
	demoSandbox       = "555566667777" // a member without a single cluster
	demoStandalone    = "999988887777"

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

func demoRegions() []string { return []string{"us-east-1", "eu-west-1", "ap-southeast-2"} }

// DemoWorld returns the demo world as it stands at step 0: an administrator
// with four members and one account of its own, three Regions (the standalone
// account has no detector in the last), some sixty clusters of which about
// four in five are healthy, and every kind of issue. Step moves it on.
func DemoWorld(now time.Time) *World {
	members := []string{demoPayments, demoShop, demoData, demoSandbox}
	account := func(id, name string) *Account {
		a := &Account{ID: id, Name: name, Email: name + "@example.com"}
		for _, region := range demoRegions() {
			a.Detectors = append(a.Detectors, &Detector{Region: region, CreatedAt: now.AddDate(0, -8, 0)})
		}
		return a
	}

	administrator := account(demoAdministrator, "security")
	administrator.Keys = DemoKeys()
	for _, d := range administrator.Detectors {
		d.Members = slices.Clone(members)
	}
	standalone := account(demoStandalone, "standalone")
	standalone.Detectors = standalone.Detectors[:2]
	standalone.Roles = []*Role{{Name: demoRole, ExternalID: demoExternalID, Duration: 15 * time.Minute}}

	w := &World{Accounts: []*Account{
		administrator,
		account(demoPayments, "payments"),
		account(demoShop, "shop"),
		account(demoData, "data"),
		account(demoSandbox, "sandbox"),
		standalone,
	}}
	for i, c := range demoFleet() {
		if row := c.at(0); row != nil {
			// spread over the last two weeks, as in a fleet deployed now and then
			row.UpdatedAt = now.Add(-time.Duration(i*i*5) * time.Minute).Truncate(time.Millisecond)
			a := w.Account(c.account)
			a.Clusters = append(a.Clusters, row)
		}
	}
	return w
}

// Step moves the demo world from step n-1 to step n and stamps what changes
// with now. What happens depends on n alone; it is meant to be called through
// Server.Update with n = 1, 2, 3 … about every ten seconds. It touches the rows
// that change at this very step and no others, so that a row changed from
// outside keeps its state until the demo's own course next moves it.
func Step(w *World, n int, now time.Time) {
	for _, c := range demoFleet() {
		before, after := c.at(n-1), c.at(n)
		if same(before, after) {
			continue
		}
		a := w.Account(c.account)
		a.RemoveCluster(c.region, c.name)
		if after != nil {
			after.UpdatedAt = now.Truncate(time.Millisecond)
			a.Clusters = append(a.Clusters, after)
		}
	}
	// The role of the standalone account loses its trust and its policy for a
	// quarter of an hour out of each hour.
	if broken := demoRoleBroken(n); broken != demoRoleBroken(n-1) {
		role := w.Account(demoStandalone).Role(demoRole)
		role.Broken, role.Deny = broken, nil
		if broken {
			role.Deny = []string{
				"guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:ListCoverage",
				"guardduty:GetCoverageStatistics", "guardduty:ListMembers",
			}
		}
	}
}

// demoRoleBroken reports whether the standalone account's role is broken.
func demoRoleBroken(n int) bool {
	_, broken := window{period: 360, start: 60, length: 90}.episode(n)
	return broken
}

// same reports whether two states of a cluster are the same, absence included.
func same(a, b *Cluster) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Covered == b.Covered && a.Compatible == b.Compatible && slices.Equal(a.Issues, b.Issues)
}
