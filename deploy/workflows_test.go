package deploy_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type workflow struct {
	Name        string
	On          yaml.Node
	Permissions map[string]string
	Jobs        map[string]struct {
		Permissions    map[string]string
		TimeoutMinutes int `yaml:"timeout-minutes"`
		Steps          []struct {
			Uses string
			With map[string]any
			Run  string
		}
	}
}

// TestWorkflows checks what Scorecard does, and that a workflow has no more rights than its jobs ask for.
func TestWorkflows(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	named := regexp.MustCompile(`(?m)uses: \S+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	for _, file := range files {
		text := string(read(t, filepath.ToSlash(file)))
		var w workflow
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatal(err)
		}
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: the permissions of all jobs are %v, want {}", file, w.Permissions)
		}
		if strings.Contains(text, "pull_request_target") {
			t.Errorf("%s gives the code of a pull request the rights of the repository", file)
		}
		uses := 0
		for name, job := range w.Jobs {
			if job.Permissions == nil || job.TimeoutMinutes == 0 {
				t.Errorf("%s: %s lacks permissions or timeout-minutes", file, name)
			}
			for _, step := range job.Steps {
				if step.Uses == "" {
					if strings.Contains(step.Run, "${{") {
						t.Errorf("%s: an expression in a script: %s", file, step.Run)
					}
					continue
				}
				uses++
				if !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s is not an action of a commit", file, step.Uses)
				}
				if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
					t.Errorf("%s: %s leaves the token in the clone", file, name)
				}
			}
		}
		if comments := len(named.FindAllString(text, -1)); comments != uses {
			t.Errorf("%s: %d of %d actions have their version in a comment", file, comments, uses)
		}
	}
}

// TestRenovateFindsTheTools applies Renovate's expressions to .ci/run.
func TestRenovateFindsTheTools(t *testing.T) {
	file := string(read(t, "../.ci/run"))
	renovate := readJSON[struct {
		Schema            string   `json:"$schema"`
		Extends           []string `json:"extends"`
		MinimumReleaseAge string   `json:"minimumReleaseAge"`
		PostUpdateOptions []string `json:"postUpdateOptions"`
		PackageRules      []any    `json:"packageRules"`
		CustomManagers    []struct {
			CustomType, Description, DatasourceTemplate string
			ManagerFilePatterns, MatchStrings           []string
		} `json:"customManagers"`
	}](t, "../.github/renovate.json")
	found := 0
	for _, manager := range renovate.CustomManagers {
		for _, expression := range manager.MatchStrings {
			matches := regexp.MustCompile(strings.ReplaceAll(expression, "(?<", "(?P<")).FindAllString(file, -1)
			if len(matches) == 0 {
				t.Errorf("Renovate finds no %s in .ci/run", manager.Description)
			}
			found += len(matches)
		}
	}
	if versions := len(regexp.MustCompile(`(?m)^readonly [A-Z_0-9]+=v?[0-9]`).FindAllString(file, -1)); versions != found {
		t.Errorf("Renovate finds %d of the %d versions in .ci/run", found, versions)
	}
}

// TestIssueForms checks the fields without which GitHub shows no form.
func TestIssueForms(t *testing.T) {
	for _, name := range []string{"bug", "unclassified", "verification"} {
		form := readYAML[struct {
			Name, Description, Title string
			Labels                   []string
			Body                     []struct {
				Type, ID    string
				Attributes  map[string]any
				Validations map[string]bool
			}
		}](t, "../.github/ISSUE_TEMPLATE/"+name+".yml")
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("the form %s lacks a name, a description or fields", name)
		}
		seen := map[string]bool{}
		for _, field := range form.Body {
			if field.ID == "" || seen[field.ID] || field.Attributes["label"] == nil {
				t.Errorf("the form %s has a field without ID or label, or an ID twice: %+v", name, field)
			}
			seen[field.ID] = true
		}
		if name == "verification" {
			checkVerificationForm(t, seen, string(read(t, "../.github/ISSUE_TEMPLATE/verification.yml")))
		}
	}
}

// checkVerificationForm checks that the form takes what the command of docs/verification.md prints and writes.
func checkVerificationForm(t *testing.T, fields map[string]bool, form string) {
	t.Helper()
	const command = "guardduty_coverage_exporter doctor --deep -o short --report=verification.json"
	document := string(read(t, "../docs/verification.md"))
	if !strings.Contains(document, command) || !strings.Contains(document, ".github/ISSUE_TEMPLATE/verification.yml") {
		t.Error("docs/verification.md does not show the command or the form")
	}
	if !fields["doctor"] || !fields["report"] || !strings.Contains(form, "Output of "+command+"\n") ||
		!strings.Contains(form, "Contents of verification.json\n") || !strings.Contains(form, "render: json\n") {
		t.Error("the form of verifications lacks a field for what doctor prints, or for its report")
	}
}
