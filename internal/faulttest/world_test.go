package faulttest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// The exporter runs in the home account and assumes roles in the subject and
// other accounts. The subject administers the member.
const (
	homeAccount    = "111122223333"
	subjectAccount = "222233334444"
	memberAccount  = "222233335555"
	otherAccount   = "333344445555"
)

const (
	faultRegion   = "eu-south-1" // an opt-in Region
	healthyRegion = "us-east-1"
)

// Secrets that no output may contain.
const (
	homeKeyID         = "AKIACANARYCANARY0001"
	homeSecret        = "canary/secret+access/key/of/the/home/001"
	subjectExternalID = "canary-external-id-of-subject"
	otherExternalID   = "canary-external-id-of-other"
	canaryEmail       = "canary.member@accounts.example.com"
)

// baseTime is the updatedAt of all resources.
var baseTime = time.Date(2026, 11, 1, 12, 30, 0, 250_000_000, time.UTC)

// target identifies a target by its labels and has the accounts that it shows,
// its own first.
type target struct {
	name, region string
	accounts     []string
}

func (t target) account() string { return t.accounts[0] }

func (t target) String() string { return t.name + " in " + cmp.Or(t.region, "no Region") }

// subject is the target that most faults affect: an administrator with a
// member, in the same Region as the target "other".
func subject() target { return target{"subject", faultRegion, []string{subjectAccount, memberAccount}} }

// subjectHealthy is the subject in the other Region.
func subjectHealthy() target { return target{"subject", healthyRegion, []string{subjectAccount}} }

func other() target { return target{"other", faultRegion, []string{otherAccount}} }

func home() target { return target{"home", healthyRegion, []string{homeAccount}} }

// accountNames is the target that reads the account names.
func accountNames() target { return target{"home", "", []string{homeAccount}} }

func allTargets() []target {
	return []target{subject(), subjectHealthy(), other(), home(), accountNames()}
}

// owns reports whether a series belongs to the target.
func (t target) owns(series string) bool {
	family, labels := family(series), labels(series)
	switch {
	case labels["target"] != "":
		return labels["target"] == t.name && labels["region"] == t.region
	case family == "guardduty_account_info":
		return t.name == accountNames().name && t.region == accountNames().region
	}
	return labels["region"] == t.region && slices.Contains(t.accounts, labels["account_id"])
}

// twoPages is a number of clusters that takes two pages of ListCoverage.
const twoPages = 55

func world() *simulator.World {
	role := func(externalID string) []*simulator.Role {
		return []*simulator.Role{{Name: "coverage", ExternalID: externalID}}
	}
	return &simulator.World{
		Organization: &simulator.Organization{ManagementAccount: homeAccount, Accounts: []string{subjectAccount, memberAccount, otherAccount}},
		Accounts: []*simulator.Account{
			{
				ID: homeAccount, Name: "home", Email: canaryEmail, Roles: []*simulator.Role{{Name: "ambient"}},
				Keys:      simulator.Keys{AccessKeyID: homeKeyID, SecretAccessKey: homeSecret},
				Detectors: []*simulator.Detector{{Region: healthyRegion}},
				Clusters:  clusters(healthyRegion, 3),
			},
			{
				ID: subjectAccount, Name: "subject", Email: canaryEmail, Roles: role(subjectExternalID),
				Detectors: []*simulator.Detector{{Region: faultRegion, Members: []string{memberAccount}}, {Region: healthyRegion}},
				Clusters:  subjectClusters(),
			},
			{
				ID: memberAccount, Name: "member", Email: canaryEmail, Roles: role(subjectExternalID),
				Detectors: []*simulator.Detector{{Region: faultRegion}},
				Clusters:  clusters(faultRegion, 2),
			},
			{
				ID: otherAccount, Name: "other", Email: canaryEmail, Roles: role(otherExternalID),
				Detectors: []*simulator.Detector{{Region: faultRegion}},
				Clusters:  clusters(faultRegion, 3),
			},
		},
	}
}

// subjectClusters are the subject's clusters before a fault.
func subjectClusters() []*simulator.Cluster {
	return slices.Concat(clusters(faultRegion, twoPages), clusters(healthyRegion, 3))
}

// clusters returns n clusters. Every tenth is unhealthy.
func clusters(region string, n int) []*simulator.Cluster {
	made := make([]*simulator.Cluster, n)
	for i := range made {
		made[i] = &simulator.Cluster{
			Region: region, Name: fmt.Sprintf("cluster-%05d", i), ManagementType: "AUTO_MANAGED", UpdatedAt: baseTime,
		}
		if i%10 == 1 {
			made[i].Status = "UNHEALTHY"
			made[i].Issues = []string{"Agent exited: ExitCode: 1 for tasks in TaskDefinition - 'web:7'"}
		}
	}
	return made
}

// updateWorld returns a fault that changes the world, and restores it.
func updateWorld(change, restore func(*simulator.World)) func(*harness) func() {
	return func(h *harness) func() {
		h.aws.Update(change)
		return func() { h.aws.Update(restore) }
	}
}

// pace has the refresh settings of a test case's exporter.
type pace struct{ interval, timeout, maxStaleness time.Duration }

// defaultPace is fast, but leaves time for many parallel test cases.
func defaultPace() pace {
	if raceEnabled {
		return pace{3 * time.Second, 2500 * time.Millisecond, 7500 * time.Millisecond}
	}
	return pace{2 * time.Second, 1500 * time.Millisecond, 4 * time.Second}
}

// retryPace leaves time for the SDK's retries.
func retryPace() pace { return pace{8 * time.Second, 7 * time.Second, 16 * time.Second} }

// heavyPace leaves time for test cases that need much CPU.
func heavyPace() pace { return pace{6 * time.Second, 5 * time.Second, 15 * time.Second} }

func (p pace) times(n int) pace {
	return pace{p.interval * time.Duration(n), p.timeout * time.Duration(n), p.maxStaleness * time.Duration(n)}
}

func (p pace) yaml() string {
	return fmt.Sprintf("refresh: {interval: %dms, timeout: %dms, max_staleness: %dms}\naws: {requests_per_second: 1000}\n",
		p.interval.Milliseconds(), p.timeout.Milliseconds(), p.maxStaleness.Milliseconds())
}

func roleARN(account string) string { return "arn:aws:iam::" + account + ":role/coverage" }

// defaultTargets is the configuration of [allTargets].
func defaultTargets() string {
	return strings.Join([]string{
		"targets:",
		targetYAML("home", "", "", healthyRegion) + ", account_names: true}",
		targetYAML("subject", roleARN(subjectAccount), subjectExternalID, faultRegion, healthyRegion) + ", detector: true, members: true}",
		targetYAML("other", roleARN(otherAccount), otherExternalID, faultRegion) + ", detector: true}",
		"",
	}, "\n")
}

// targetYAML returns the beginning of a target; the caller adds "}".
func targetYAML(name, role, externalID string, regions ...string) string {
	text := fmt.Sprintf("  - {name: %s, regions: [%s]", name, strings.Join(regions, ", "))
	if role != "" {
		text += fmt.Sprintf(", role_arn: %q, external_id: %q", role, externalID)
	}
	return text
}

// clusterSeries is the health series of one of the subject's clusters.
func clusterSeries(name string) string {
	return series("guardduty_ecs_cluster_healthy", "account_id", subjectAccount, "cluster_name", name, "region", faultRegion)
}

// checkCounts checks the number of the subject's clusters by status.
func checkCounts(p page, want map[string]string) error {
	return checkCountsOf(p, subjectAccount, want)
}

func checkCountsOf(p page, account string, want map[string]string) error {
	for status, n := range want {
		s := series("guardduty_coverage_resources", "account_id", account, "region", faultRegion, "resource_type", string(coverage.ECS), "coverage_status", status)
		if got := p.series[s]; got != n {
			return fmt.Errorf("%s: %q resources of %s, want %s", status, got, account, n)
		}
	}
	return nil
}
