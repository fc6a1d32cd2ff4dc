package simulator_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"guardduty_coverage_exporter/internal/simulator"
)

// The AWS CLI is built on a model of the API that is not the Go SDK's. The
// calls are the examples of the GuardDuty user guide, with the filter written
// as the API takes it: a list under Equals.
func TestAWSCLI(t *testing.T) {
	if testing.Short() {
		t.Skip("the AWS CLI starts slowly")
	}
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("there is no AWS CLI in PATH")
	}
	_, url := serve(t, organisedWorld(0, 1), simulator.Options{})
	keys := keysOf(administrator)
	run := func(into any, arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), cli, append([]string{"--endpoint-url", url, "--output", "json"}, arguments...)...)
		command.Env = append(os.Environ(),
			"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_SESSION_TOKEN=",
			"AWS_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(t.TempDir(), "none"),
			"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "NO_PROXY=127.0.0.1")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %q: %v\n%s", arguments, err, out)
		}
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatalf("aws %q printed %s", arguments, out)
		}
	}
	const filter = `{"FilterCriterion":[{"CriterionKey":"ACCOUNT_ID", "FilterCondition":{"Equals":["111122223333"]}}] }`

	var list struct {
		Resources []struct {
			AccountID       string `json:"AccountId"`
			ResourceDetails struct {
				EcsClusterDetails struct{ ClusterName string }
			}
		}
	}
	run(&list, "guardduty", "list-coverage", "--detector-id", detectorID, "--max-results", "5",
		"--sort-criteria", `{"AttributeName": "ECS_CLUSTER_NAME", "OrderBy": "DESC"}`, "--filter-criteria", filter)
	if len(list.Resources) != 2 || list.Resources[0].ResourceDetails.EcsClusterDetails.ClusterName != "bravo" ||
		list.Resources[0].AccountID != administrator {
		t.Errorf("list-coverage printed %+v", list)
	}

	var statistics struct {
		CoverageStatistics struct{ CountByCoverageStatus map[string]int }
	}
	run(&statistics, "guardduty", "get-coverage-statistics", "--detector-id", detectorID,
		"--statistics-type", "COUNT_BY_COVERAGE_STATUS", "--filter-criteria", filter)
	if counts := statistics.CoverageStatistics.CountByCoverageStatus; counts["HEALTHY"] != 1 || counts["UNHEALTHY"] != 1 {
		t.Errorf("get-coverage-statistics printed %v", counts)
	}

	var detectors struct {
		Members []struct { // "members" on the wire
			AccountID string `json:"AccountId"`
			Features  []struct{ Name, Status string }
		} `json:"MemberDataSourceConfigurations"`
		UnprocessedAccounts []struct {
			AccountID string `json:"AccountId"`
		}
	}
	run(&detectors, "guardduty", "get-member-detectors", "--detector-id", detectorID, "--account-ids", memberID, outsider)
	if len(detectors.Members) != 1 || detectors.Members[0].AccountID != memberID || len(detectors.Members[0].Features) != 10 ||
		len(detectors.UnprocessedAccounts) != 1 || detectors.UnprocessedAccounts[0].AccountID != outsider {
		t.Errorf("get-member-detectors printed %+v", detectors)
	}

	var accounts struct {
		Accounts []struct{ ID, Name, State string }
	}
	run(&accounts, "organizations", "list-accounts")
	if len(accounts.Accounts) != 3 || accounts.Accounts[0].Name != "management" || accounts.Accounts[2].State != "PENDING_ACTIVATION" {
		t.Errorf("list-accounts printed %+v", accounts)
	}
}
