package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// TestAutoReload changes the configuration file and the external ID that it names, without asking for a reload.
func TestAutoReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		temporary := filepath.Join(dir, name+".tmp")
		if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	yaml := strings.Replace(twoTargets, "external_id: an-external-id", "external_id_file: secret/id", 1)
	if err := os.Mkdir(filepath.Join(dir, "secret"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("config.yaml", yaml)
	write("secret/id", "an-external-id\n")
	loader := config.NewLoader(filepath.Join(dir, "config.yaml"))
	e := start(t, administratorWorld(), "", func(o *Options) {
		o.Load = func() (*config.Config, error) { return loader.Load(t.Context()) }
		o.Changed = func() bool { return loader.Changed(t.Context()) }
		o.AutoReload = 5 * time.Millisecond
	})
	const (
		up     = `guardduty_target_up{account_id="222233334444",kind="coverage",region="us-east-1",target="member"} `
		reload = "guardduty_exporter_config_last_reload_successful "
	)
	e.untilMetric(up + "1")
	write("secret/id", "another-external-id")
	e.untilMetric(up + "0")
	write("secret/id", "an-external-id")
	e.untilMetric(up + "1")

	if err := os.Remove(filepath.Join(dir, "secret", "id")); err != nil {
		t.Fatal(err)
	}
	e.untilMetric(reload + "0")
	lists := e.calls("ListCoverage")
	write("config.yaml", "targets: [{}]\nnonsense: true\n")
	e.until("the next mistake is logged", func() bool { return strings.Contains(e.log.String(), "nonsense: unknown key") })
	if !strings.Contains(e.metrics(), up+"1") || e.calls("ListCoverage") != lists {
		t.Error("a file that cannot be used has changed what runs")
	}
	write("secret/id", "an-external-id")
	write("config.yaml", yaml)
	e.untilMetric(reload + "1")
	log := e.log.String()
	for _, mistake := range []string{"cannot read", "nonsense: unknown key"} {
		if n := strings.Count(log, mistake); n != 1 {
			t.Errorf("%q is logged %d times", mistake, n)
		}
	}
	if strings.Contains(log, "an-external-id") || strings.Contains(log, "another-external-id") {
		t.Error("the log has the external ID")
	}
}
