package faulttest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// The accounts: the exporter runs in home. near and far have a role for it, and
// near administers member.
const (
	homeAccount   = "111122223333"
	nearAccount   = "222233334444"
	memberAccount = "222233335555"
	farAccount    = "333344445555"
)

const (
	// faulty is the Region that most faults are about. Accounts opt in to it.
	faulty  = "eu-south-1"
	sibling = "us-east-1"
)

// What nobody may see.
const (
	homeKeyID  = "AKIACANARYCANARY0001"
	homeSecret = "canary/secret+access/key/of/the/home/001"
	nearSesame = "canary-external-id-of-near"
	farSesame  = "canary-external-id-of-far"
	canaryMail = "canary.member@accounts.example.com"
)

var then = time.Date(2026, 11, 1, 12, 30, 0, 250_000_000, time.UTC)

// target is a target as its labels name it, and the accounts that it shows,
// the first of which is its own.
type target struct {
	name, region string
	accounts     []string
}

func (t target) account() string { return t.accounts[0] }

// near is what most faults are about: an administrator with a member, in a
// Region in which far is, too.
func near() target { return target{"near", faulty, []string{nearAccount, memberAccount}} }

// nearSibling is near in another Region.
func nearSibling() target { return target{"near", sibling, []string{nearAccount}} }

func far() target { return target{"far", faulty, []string{farAccount}} }

func home() target { return target{"home", sibling, []string{homeAccount}} }

// names is the target that reads the accounts' names.
func names() target { return target{"home", "organization", []string{homeAccount}} }

func everyTarget() []target { return []target{near(), nearSibling(), far(), home(), names()} }

// owns tells whether a series of the page is the target's, or about it.
func (t target) owns(series string) bool {
	family, labels := family(series), labels(series)
	switch {
	case labels["target"] != "":
		return labels["target"] == t.name && labels["region"] == t.region
	case family == "guardduty_account_info":
		return t.region == names().region
	}
	return labels["region"] == t.region && slices.Contains(t.accounts, labels["account_id"])
}

// pageful is more clusters than a page of ListCoverage holds.
const pageful = 55

func world() *simulator.World {
	role := func(sesame string) []*simulator.Role {
		return []*simulator.Role{{Name: "coverage", ExternalID: sesame}}
	}
	return &simulator.World{
		Organization: &simulator.Organization{ManagementAccount: homeAccount, Accounts: []string{nearAccount, memberAccount, farAccount}},
		Accounts: []*simulator.Account{
			{
				ID: homeAccount, Name: "home", Email: canaryMail, Roles: []*simulator.Role{{Name: "ambient"}},
				Keys:      simulator.Keys{AccessKeyID: homeKeyID, SecretAccessKey: homeSecret},
				Detectors: []*simulator.Detector{{Region: sibling}},
				Clusters:  clusters(sibling, 3),
			},
			{
				ID: nearAccount, Name: "near", Email: canaryMail, Roles: role(nearSesame),
				Detectors: []*simulator.Detector{{Region: faulty, Members: []string{memberAccount}}, {Region: sibling}},
				Clusters:  original(),
			},
			{
				ID: memberAccount, Name: "member", Email: canaryMail, Roles: role(nearSesame),
				Detectors: []*simulator.Detector{{Region: faulty}},
				Clusters:  clusters(faulty, 2),
			},
			{
				ID: farAccount, Name: "far", Email: canaryMail, Roles: role(farSesame),
				Detectors: []*simulator.Detector{{Region: faulty}},
				Clusters:  clusters(faulty, 3),
			},
		},
	}
}

// original are near's clusters while no fault changes them.
func original() []*simulator.Cluster {
	return slices.Concat(clusters(faulty, pageful), clusters(sibling, 3))
}

// clusters makes n clusters, every tenth of them unhealthy.
func clusters(region string, n int) []*simulator.Cluster {
	made := make([]*simulator.Cluster, n)
	for i := range made {
		made[i] = &simulator.Cluster{
			Region: region, Name: fmt.Sprintf("cluster-%05d", i), ManagementType: "AUTO_MANAGED", UpdatedAt: then,
		}
		if i%10 == 1 {
			made[i].Status = "UNHEALTHY"
			made[i].Issues = []string{"Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:7'"}
		}
	}
	return made
}

// pace is how fast a row's exporter goes.
type pace struct{ interval, timeout, maxStaleness time.Duration }

// usual is fast enough for a test and slow enough for a machine that runs many
// at a time.
func usual() pace {
	if raced {
		return pace{3 * time.Second, 2500 * time.Millisecond, 7500 * time.Millisecond}
	}
	return pace{2 * time.Second, 1500 * time.Millisecond, 4 * time.Second}
}

// patient leaves time for what the SDK tries again before it says so.
func patient() pace { return pace{8 * time.Second, 7 * time.Second, 16 * time.Second} }

// ample leaves time for much work.
func ample() pace { return pace{6 * time.Second, 5 * time.Second, 15 * time.Second} }

func (p pace) times(n int) pace {
	return pace{p.interval * time.Duration(n), p.timeout * time.Duration(n), p.maxStaleness * time.Duration(n)}
}

func (p pace) yaml() string {
	return fmt.Sprintf("refresh: {interval: %s, timeout: %s, max_staleness: %s}\naws: {requests_per_second: 1000}\n",
		p.interval, p.timeout, p.maxStaleness)
}

func roleARN(account string) string { return "arn:aws:iam::" + account + ":role/coverage" }

// targets is the usual configuration of [everyTarget].
func targets() string {
	return strings.Join([]string{
		"targets:",
		entry("home", "", "", sibling) + ", account_names: true}",
		entry("near", roleARN(nearAccount), nearSesame, faulty, sibling) + ", detector: true, members: true}",
		entry("far", roleARN(farAccount), farSesame, faulty) + ", detector: true}",
		"",
	}, "\n")
}

// entry begins one of the targets of a configuration.
func entry(name, role, sesame string, regions ...string) string {
	text := fmt.Sprintf("  - {name: %s, regions: [%s]", name, strings.Join(regions, ", "))
	if role != "" {
		text += fmt.Sprintf(", role_arn: %q, external_id: %q", role, sesame)
	}
	return text
}
