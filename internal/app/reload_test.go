package app

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func TestReloadKeepsUnchangedTargets(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	before := domainPage(e.metrics())
	lists := e.calls("ListCoverage")

	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	if got := domainPage(e.metrics()); got != before {
		t.Errorf("the page changed:\n%s", got)
	}
	if got := e.calls("ListCoverage"); got != lists {
		t.Errorf("ListCoverage was called %d times more", got-lists)
	}

	e.setConfig(strings.Replace(twoTargets, memberTarget, "", 1))
	if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, body)
	}
	page := e.metrics()
	if strings.Contains(page, `target="member"`) || !strings.Contains(page, `target="default"`) {
		t.Errorf("after the removal of the target member:\n%s", page)
	}
	if !strings.Contains(page, `guardduty_ecs_cluster_healthy{account_id="222233334444",cluster_name="checkout"`) {
		t.Error("the administrator's own view of the member is gone")
	}
	if got := e.calls("ListCoverage"); got != lists {
		t.Errorf("ListCoverage was called %d times more for the unchanged target", got-lists)
	}
}

func TestReloadAppliesWhatChanged(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	e.setConfig(twoTargets + "issues: {text: false}\n")
	e.request(http.MethodPut, "/-/reload")
	e.untilMetric(`guardduty_ecs_cluster_issue_info{account_id="222233334444",cluster_name="payments",issue="",issue_type="agent_not_reporting",region="us-east-1",task_definition="payments:7"} 1`)

	e.setConfig(strings.Replace(twoTargets, "regions: [us-east-1]", "regions: [us-east-1]\n    detector: true\n    resource_types: [ECS, EKS]", 1))
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric(`guardduty_detector_enabled{account_id="111122223333",region="us-east-1"} 1`)
	e.untilMetric(`guardduty_coverage_resources{account_id="111122223333",coverage_status="HEALTHY",region="us-east-1",resource_type="EKS"} 0`)

	e.setConfig(strings.Replace(twoTargets, "interval: 1h, timeout: 10s", "interval: 2s, timeout: 1s", 1))
	e.request(http.MethodPost, "/-/reload")
	e.aws.Update(func(w *simulator.World) { w.Accounts[1].RemoveCluster("us-east-1", "checkout") })
	e.until("refreshed at the new interval", func() bool { return !strings.Contains(e.metrics(), `"checkout"`) })

	e.setConfig(strings.Replace(twoTargets, "external_id: an-external-id", "external_id: another-one", 1))
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric(`guardduty_target_state{account_id="222233334444",kind="coverage",region="us-east-1",state="denied",target="member"} 1`)
	if page := e.metrics(); strings.Contains(page, `guardduty_target_last_success_timestamp_seconds{account_id="222233334444"`) {
		t.Errorf("a target with another external ID has kept its data:\n%s", page)
	}
}

func TestReloadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	before := domainPage(e.metrics())
	e.setConfig("targets:\n  - regoins: [us-east-1]\n  - name: x\n    role_arn: nonsense\n")
	status, body := e.request(http.MethodPost, "/-/reload")
	if status != http.StatusInternalServerError || !strings.Contains(body, "test.yaml:2") || !strings.Contains(body, "test.yaml:4") {
		t.Errorf("response %d %q lacks one of the two mistakes with its line", status, body)
	}
	page := e.metrics()
	if domainPage(page) != before {
		t.Errorf("the page changed:\n%s", page)
	}
	e.untilMetric("guardduty_exporter_config_last_reload_successful 0")
	e.setConfig(twoTargets)
	e.request(http.MethodPost, "/-/reload")
	e.untilMetric("guardduty_exporter_config_last_reload_successful 1")
}

// TestSIGHUPReloads is not parallel: the signal reaches every exporter of the process.
func TestSIGHUPReloads(t *testing.T) {
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	e.setConfig("not a mapping")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	e.untilMetric("guardduty_exporter_config_last_reload_successful 0")
}

func TestLifecycleIsOffByDefault(t *testing.T) {
	t.Parallel()
	e := start(t, homeWorld(), ambient, func(o *Options) { o.Lifecycle = false })
	if status, _ := e.request(http.MethodPost, "/-/reload"); status != http.StatusForbidden {
		t.Errorf("POST /-/reload: %d", status)
	}
}

// TestReloadDoesNotDropAllTargets has files that are valid, but emptied or cut.
func TestReloadDoesNotDropAllTargets(t *testing.T) {
	t.Parallel()
	e := start(t, administratorWorld(), twoTargets)
	e.untilReady()
	before := domainPage(e.metrics())
	for _, yaml := range []string{"", "refresh: {interval: 1h, timeout: 10s, max_staleness: 3h}\n"} {
		e.setConfig(yaml)
		if status, body := e.request(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError || !strings.Contains(body, "targets: [{}]") {
			t.Errorf("reload of %q: %d %s", yaml, status, body)
		}
		if page := domainPage(e.metrics()); page != before {
			t.Errorf("after a reload of %q:\n%s", yaml, page)
		}
	}
	e.untilMetric("guardduty_exporter_config_last_reload_successful 0")
}
