package deploy_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

// TestExamplesAreOneStory reads the example configuration, the documents, the policies, the template and the manifests as
// one setup: an account number has one role (except for that of ECS, which is in each account), the roles of targets are
// those of the template, and each has an external ID, because the trust policies require one.
func TestExamplesAreOneStory(t *testing.T) {
	exporter := readManifests(t).ServiceAccount.Metadata.Annotations[roleAnnotation]
	template := readYAML[template](t, memberRole)
	files := []string{
		"../config.example.yaml", "../docs/iam.md", "../docs/events.md", "../README.md", "kubernetes/exporter.yaml", "terraform/README.md",
		"package/config.yaml", "iam/assume-roles.json", "iam/trust-policy.json",
	}
	roles := map[string]map[string]bool{}
	for _, file := range files {
		for _, arn := range regexp.MustCompile(`arn:aws:iam::(\d{12}):role/([\w-]+)`).FindAllStringSubmatch(string(read(t, file)), -1) {
			if roles[arn[1]] == nil {
				roles[arn[1]] = map[string]bool{}
			}
			roles[arn[1]][arn[2]] = true
		}
	}
	for account, names := range roles {
		name := template.Parameters["RoleName"].Default
		if strings.Contains(exporter, ":"+account+":") {
			_, name, _ = strings.Cut(exporter, ":role/")
		}
		if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, []string{name}) {
			t.Errorf("the account %s has the roles %q, want %q", account, got, name)
		}
	}
	if len(roles) < 3 {
		t.Errorf("the examples have the accounts %v, want at least three", roles)
	}

	blocks := map[string]string{
		"config.example.yaml": string(read(t, "../config.example.yaml")), "exporter.yaml": readManifests(t).ConfigMap.Data["config.yaml"],
	}
	for _, document := range []string{"../README.md", "../docs/iam.md", "../docs/events.md"} {
		for _, block := range regexp.MustCompile("(?s)\n```yaml\n(targets:\n.*?)\n```\n").FindAllStringSubmatch(string(read(t, document)), -1) {
			blocks[document+": "+block[1]] = block[1]
		}
	}
	if len(blocks) < 6 {
		t.Fatalf("the documents have %d configurations", len(blocks)-2)
	}
	for name, text := range blocks {
		cfg, err := config.Parse("config.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, target := range cfg.Targets {
			if target.RoleARN != "" && target.ExternalID == "" && target.ExternalIDFile == "" {
				t.Errorf("%s: the target %s has no external ID, which its trust policy requires", name, target.Name)
			}
		}
	}
}
