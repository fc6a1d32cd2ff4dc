package simulator_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// runCLI runs the AWS CLI as the administrator and returns its output. It skips
// the test if the CLI is not installed.
func runCLI(t *testing.T, url string, arguments ...string) ([]byte, error) {
	t.Helper()
	if testing.Short() {
		t.Skip("the AWS CLI starts slowly")
	}
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("there is no AWS CLI in PATH")
	}
	keys := keysOf(administrator)
	command := exec.CommandContext(t.Context(), cli, append([]string{"--endpoint-url", url, "--output", "json"}, arguments...)...)
	command.Env = append(os.Environ(),
		"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_SESSION_TOKEN=",
		"AWS_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(t.TempDir(), "none"),
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "NO_PROXY=127.0.0.1")
	return command.CombinedOutput()
}

// The AWS CLI has its own model of the API. The calls are the examples of the
// GuardDuty user guide, with the filter in the form of the API: a list in Equals.
func TestAWSCLI(t *testing.T) {
	t.Parallel()
	_, url := serve(t, organizationWorld(0, 1), simulator.Options{})
	run := func(into any, arguments ...string) {
		t.Helper()
		out, err := runCLI(t, url, arguments...)
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
	if len(detectors.Members) != 1 || detectors.Members[0].AccountID != memberID || len(detectors.Members[0].Features) != 8 ||
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

func TestAWSCLIWithSQS(t *testing.T) {
	t.Parallel()
	s, url := serve(t, queueWorld(), simulator.Options{})
	queue := queueAt(queueName).URL(url)
	run := func(arguments ...string) string {
		t.Helper()
		out, err := runCLI(t, url, append([]string{"sqs", arguments[0], "--queue-url", queue}, arguments[1:]...)...)
		if err != nil {
			t.Fatalf("aws %q: %v\n%s", arguments, err, out)
		}
		return string(out)
	}
	if printed := run("receive-message"); printed != "" {
		t.Errorf("for an empty queue it printed %s", printed)
	}
	run("send-message", "--message-body", `a "message" & <more>`)
	var got struct {
		Messages []struct {
			Body, ReceiptHandle string
			Attributes          map[string]string
		}
	}
	printed := run("receive-message", "--max-number-of-messages", "10", "--wait-time-seconds", "20", "--visibility-timeout", "60", "--attribute-names", "All")
	if err := json.Unmarshal([]byte(printed), &got); err != nil || len(got.Messages) != 1 {
		t.Fatalf("receive-message printed %s", printed)
	}
	if m := got.Messages[0]; m.Body != `a "message" & <more>` || m.Attributes["ApproximateReceiveCount"] != "1" {
		t.Errorf("received %+v", m)
	}
	run("change-message-visibility", "--receipt-handle", got.Messages[0].ReceiptHandle, "--visibility-timeout", "0")
	checkDepth(t, s, queueName, 1, 0)
	if printed := run("get-queue-attributes", "--attribute-names", "All"); !strings.Contains(printed, `"ApproximateNumberOfMessages": "1"`) {
		t.Errorf("get-queue-attributes printed %s", printed)
	}
	run("delete-message-batch", "--entries", "Id=a,ReceiptHandle="+got.Messages[0].ReceiptHandle)
	checkDepth(t, s, queueName, 0, 0)
	out, err := runCLI(t, url, "sqs", "receive-message", "--queue-url", queue+"-not")
	if err == nil || !strings.Contains(string(out), "(AWS.SimpleQueueService.NonExistentQueue)") {
		t.Errorf("for a missing queue it printed %s, %v", out, err)
	}
}
