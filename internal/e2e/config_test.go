package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

const alertsDir = "../../alerts"

// rulesFile has every key of the shipped rules files. Unknown keys fail the test.
type rulesFile struct {
	Groups []struct {
		Name     string `yaml:"name"`
		Interval string `yaml:"interval,omitempty"`
		Rules    []struct {
			Record        string            `yaml:"record,omitempty"`
			Alert         string            `yaml:"alert,omitempty"`
			Expr          string            `yaml:"expr"`
			For           string            `yaml:"for,omitempty"`
			KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
			Labels        map[string]string `yaml:"labels,omitempty"`
			Annotations   map[string]string `yaml:"annotations,omitempty"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// writeRules writes the shipped rules with every duration scaled.
func writeRules(t *testing.T, dir string) {
	t.Helper()
	shipped, err := filepath.Glob(filepath.Join(alertsDir, "*.rules.yaml"))
	if err != nil || len(shipped) == 0 {
		t.Fatalf("rules in %s: %q, %v", alertsDir, shipped, err)
	}
	for _, name := range shipped {
		var rules rulesFile
		decoder := yaml.NewDecoder(bytes.NewReader(read(t, name)))
		decoder.KnownFields(true)
		if err := decoder.Decode(&rules); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range rules.Groups {
			group := &rules.Groups[i]
			group.Interval = scaleDuration(group.Interval)
			for j := range group.Rules {
				rule := &group.Rules[j]
				rule.Expr = scaleExpression(rule.Expr)
				rule.For, rule.KeepFiringFor = scaleDuration(rule.For), scaleDuration(rule.KeepFiringFor)
			}
		}
		write(t, filepath.Join(dir, filepath.Base(name)), rules)
	}
}

// writeRouting writes the example configuration of Alertmanager with scaled timers,
// its templates, and all receivers at a webhook, without emails.
func writeRouting(t *testing.T, path, url string) {
	t.Helper()
	var routing yaml.Node
	if err := yaml.Unmarshal(read(t, filepath.Join(alertsDir, "alertmanager.example.yaml")), &routing); err != nil {
		t.Fatal(err)
	}
	if n := adaptRouting(&routing, url); n == 0 {
		t.Fatal("no receiver URL in the example")
	}
	write(t, path, &routing)
	const templates = "guardduty-coverage.tmpl"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), templates), read(t, filepath.Join(alertsDir, templates)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// adaptRouting scales timers, replaces receiver URLs and removes emails below a node.
// It returns the number of replaced URLs of webhooks.
func adaptRouting(node *yaml.Node, url string) (replaced int) {
	for i, key := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 && key.Value == "email_configs" {
			node.Content = slices.Delete(node.Content, i, i+2)
			break
		}
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 {
			switch node.Content[i-1].Value {
			case "url":
				child.Value = url
				replaced++
			case "api_url":
				child.Value = url + slackPath
			case "group_wait", "group_interval", "repeat_interval":
				child.Value = scaleDuration(child.Value)
			}
		}
		replaced += adaptRouting(child, url)
	}
	return replaced
}

// writeScrapes writes the configuration of Prometheus next to the rules.
func writeScrapes(t *testing.T, dir, exporter, alertmanager string) string {
	t.Helper()
	path := filepath.Join(dir, "prometheus.yml")
	config := fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["*.rules.yaml"]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [{job_name: guardduty_coverage_exporter, static_configs: [{targets: [%q]}]}]
`, alertmanager, exporter)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, name string, value any) {
	t.Helper()
	content, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
