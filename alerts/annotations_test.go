package alerts

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// The URLs of all annotations begin with one of these, so that a fork or an internal
// mirror changes them with the command in the runbook.
const (
	docsURL      = "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/"
	dashboardURL = "http://127.0.0.1:3000/d/"
)

const (
	// accountName is an account with its name, if that is known, in a description.
	accountName = `{{ $labels.account_id }}` + nameOfAccount
	// targetAccount is the same for a target, whose account may be unknown.
	targetAccount  = `{{ or $labels.account_id "unknown" }}` + nameOfAccount
	nameOfAccount  = `{{ with printf "account:guardduty_account_info:name{account_id=%q}" $labels.account_id | query }} ({{ . | first | label "account_name" }}){{ end }}`
	ownerOfCluster = `{{ with printf "cluster:guardduty_ecs_cluster_tags_info:owner{account_id=%q,region=%q,cluster_name=%q}" $labels.account_id $labels.region $labels.cluster_name | query }}{{ . | first | label "owner" }}{{ else }}unknown{{ end }}`
)

func TestAnnotations(t *testing.T) {
	_, alerts := readRules(t)
	for _, a := range alerts {
		for _, name := range []string{"summary", "description", "since", "acts", "runbook_url", "dashboard_url"} {
			if a.Annotations[name] == "" {
				t.Errorf("%s: no %s", a.Alert, name)
			}
		}
		for name := range a.Annotations {
			if !slices.Contains([]string{"summary", "description", "since", "aws_text", "cause", "owner", "acts", "fix_url", "runbook_url", "dashboard_url"}, name) {
				t.Errorf("%s: unknown annotation %s, which the templates do not show", a.Alert, name)
			}
		}
		text := a.Annotations["description"]
		if strings.Contains(text, `$labels.account_id }}`) && !strings.Contains(text, accountName) && !strings.Contains(text, targetAccount) ||
			strings.Contains(text, `or $labels.account_id`) && !strings.Contains(text, targetAccount) {
			t.Errorf("%s: the description has an account without its name", a.Alert)
		}
		if got, want := a.Annotations["runbook_url"], docsURL+"alerts.md#"+strings.ToLower(a.Alert); got != want {
			t.Errorf("%s: runbook_url is %s, want %s", a.Alert, got, want)
		}
		ecs := strings.Contains(text, "$labels.cluster_name") && a.Labels["resource_type"] == ""
		if got := a.Annotations["owner"]; ecs && got != ownerOfCluster || !ecs && got != "" {
			t.Errorf("%s: owner is %q", a.Alert, got)
		}
		// A query without a result must not leave an annotation empty or the alert without it.
		for name, text := range a.Annotations {
			if name != "summary" && name != "description" && strings.HasPrefix(text, "{{ with") && !strings.HasSuffix(text, "{{ end }}") {
				t.Errorf("%s: %s is empty or broken without a result: %s", a.Alert, name, text)
			}
			if name == "since" && strings.Contains(text, "query") && !strings.HasSuffix(text, "{{ else }}unknown{{ end }}") {
				t.Errorf("%s: since has no fallback: %s", a.Alert, text)
			}
			// The query for the time of another alert, after a copy.
			if found := regexp.MustCompile(`alertname=\\"(\w+)`).FindStringSubmatch(text); len(found) == 2 && found[1] != a.Alert {
				t.Errorf("%s: %s queries %s", a.Alert, name, found[1])
			}
		}
	}
}

// TestFixURLs: every fix_url is a section of the documents about causes or issue types.
func TestFixURLs(t *testing.T) {
	_, alerts := readRules(t)
	static := regexp.MustCompile(`^([a-z]+\.md)#([a-z_0-9]+)$`)
	dynamic := regexp.MustCompile(`^(causes|issues)\.md(#|\{\{ ?with .*#)\{\{`)
	fixable := 0
	for _, a := range alerts {
		fix, ok := a.Annotations["fix_url"]
		if !ok {
			continue
		}
		fixable++
		path, found := strings.CutPrefix(fix, docsURL)
		if match := static.FindStringSubmatch(path); match != nil {
			if !anchors(t, match[1])[match[2]] {
				t.Errorf("%s: %s has no section %s", a.Alert, match[1], match[2])
			}
		} else if !found || !dynamic.MatchString(path) {
			t.Errorf("%s: fix_url is %s", a.Alert, fix)
		}
	}
	if fixable < 10 {
		t.Errorf("%d alerts have a fix_url", fixable)
	}
	issues, causes := anchors(t, "issues.md"), anchors(t, "causes.md")
	for _, name := range append(coverage.IssueTypes(), "without_issue") {
		if !issues[string(name)] {
			t.Errorf("issues.md has no section %s", name)
		}
	}
	for _, c := range diagnosis.Causes() {
		if !causes[string(c.Cause)] {
			t.Errorf("causes.md has no section %s", c.Cause)
		}
	}
	runbook := anchors(t, "alerts.md")
	for _, a := range alerts {
		if !runbook[strings.ToLower(a.Alert)] {
			t.Errorf("alerts.md has no section %s", a.Alert)
		}
	}
}

// anchors returns the anchors of the second-level headings of a document, and its explicit ones.
func anchors(t *testing.T, document string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^## (\w+)$|<a id="(\w+)">`).FindAllStringSubmatch(string(read(t, "../docs/"+document)), -1) {
		found[strings.ToLower(match[1]+match[2])] = true
	}
	return found
}

// TestDashboardURLs: every dashboard_url has the uid of a dashboard and names of its variables.
func TestDashboardURLs(t *testing.T) {
	variables := map[string][]string{}
	for _, name := range fileNames(t, "../dashboards/*.json") {
		var dashboard struct {
			UID        string `json:"uid"`
			Templating struct {
				List []struct {
					Name string `json:"name"`
				} `json:"list"`
			} `json:"templating"`
		}
		if err := json.Unmarshal(read(t, name), &dashboard); err != nil {
			t.Fatal(err)
		}
		variables[dashboard.UID] = []string{}
		for _, v := range dashboard.Templating.List {
			variables[dashboard.UID] = append(variables[dashboard.UID], v.Name)
		}
	}
	_, alerts := readRules(t)
	action := regexp.MustCompile(`\{\{.*?\}\}`)
	value := regexp.MustCompile(`var-(\w+)=\{\{ (?:\$labels\.(\w+)|\.) \| urlquery \}\}`)
	for _, a := range alerts {
		text, ok := strings.CutPrefix(a.Annotations["dashboard_url"], dashboardURL)
		link, err := url.Parse(action.ReplaceAllString(text, "x"))
		if !ok || err != nil {
			t.Errorf("%s: dashboard_url is %s: %v", a.Alert, text, err)
			continue
		}
		known, ok := variables[link.Path]
		if !ok {
			t.Errorf("%s: no dashboard has the uid %s", a.Alert, link.Path)
		}
		for name := range link.Query() {
			if name, ok := strings.CutPrefix(strings.TrimLeft(name, "x"), "var-"); !ok || !slices.Contains(known, name) {
				t.Errorf("%s: dashboard %s has no variable %s", a.Alert, link.Path, name)
			}
		}
		values := value.FindAllStringSubmatch(text, -1)
		if len(values) != strings.Count(text, "var-") {
			t.Errorf("%s: a variable has no escaped value: %s", a.Alert, text)
		}
		for _, match := range values {
			if match[2] != "" && match[1] != match[2] {
				t.Errorf("%s: variable %s has the value of label %s", a.Alert, match[1], match[2])
			}
		}
	}
}

// TestWhoActs: the alerts about issues name those who act as the document about
// issue types does.
func TestWhoActs(t *testing.T) {
	want := map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^\| \[(\w+)\]\(#\w+\) \| .* \| (.+) \|$`).FindAllStringSubmatch(string(read(t, "../docs/issues.md")), -1) {
		want[match[1]] = match[2]
	}
	if len(want) != len(coverage.IssueTypes()) {
		t.Errorf("issues.md has %d issue types with those who act", len(want))
	}
	_, alerts := readRules(t)
	for _, a := range alerts {
		acts := a.Annotations["acts"]
		if !strings.Contains(acts, "$labels.issue_type") {
			continue
		}
		got := map[string]string{}
		for _, branch := range regexp.MustCompile(`(?:if|else if) eq \$labels\.issue_type ((?:"\w+" ?)+)\}\}(.*?) ?\{\{`).FindAllStringSubmatch(acts, -1) {
			for name := range strings.FieldsSeq(branch[1]) {
				got[strings.Trim(name, `"`)] = branch[2]
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: acts is %v, want as in issues.md %v", a.Alert, got, want)
		}
	}
}

// TestBaseURLs runs the command of the runbook that changes the base URLs, on a copy of the rules.
func TestBaseURLs(t *testing.T) {
	command := regexp.MustCompile("(?s)```sh\n(sed -i .*?)```").FindStringSubmatch(string(read(t, runbookFile)))
	if command == nil {
		t.Fatalf("%s has no command that changes the base URLs", runbookFile)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "alerts"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range fileNames(t, ruleFiles) {
		if err := os.WriteFile(filepath.Join(dir, "alerts", name), read(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command[1])
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command[1], err, out)
	}
	t.Chdir(filepath.Join(dir, "alerts"))
	_, alerts := readRules(t)
	for _, a := range alerts {
		for name, text := range a.Annotations {
			want := map[string]string{"runbook_url": "https://wiki.example.org/guardduty/", "fix_url": "https://wiki.example.org/guardduty/", "dashboard_url": "https://grafana.example.org/d/"}[name]
			if !strings.HasPrefix(text, want) || strings.Contains(text, docsURL) || strings.Contains(text, dashboardURL) {
				t.Errorf("%s: %s is %s", a.Alert, name, text)
			}
			if !strings.HasSuffix(name, "_url") && strings.Contains(text, "://") {
				t.Errorf("%s: %s contains a URL", a.Alert, name)
			}
		}
	}
}
