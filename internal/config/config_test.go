package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if err := validateBySchema(t, []byte(text)); err != nil {
		t.Errorf("the schema refuses %s: %v", text, err)
	}
	return cfg
}

func load(t *testing.T, path string) (*Config, error) {
	t.Helper()
	return NewLoader(path).Load(t.Context())
}

// equal compares everything that a file can set.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func defaultConfig() *Config {
	return &Config{
		Refresh: Refresh{Interval: 5 * time.Minute, Timeout: 2 * time.Minute, MaxStaleness: 30 * time.Minute},
		AWS:     AWS{RequestsPerSecond: 5},
		Targets: []Target{{
			Name: "default", Interval: 5 * time.Minute, Timeout: 2 * time.Minute, ResourceTypes: []coverage.ResourceType{"ECS"},
		}},
		EC2:    EC2{OnlyECS: true},
		Issues: Issues{Text: true, MaxPerCluster: 20},
		Detail: DetailAll,
	}
}

func TestDefaults(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                "",
		"comments":             "# nothing\n\n# here\n",
		"byte order mark":      "\ufeff",
		"start of document":    "---\n",
		"end of document":      "---\n{}\n...\n",
		"null":                 "~\n",
		"empty mapping":        "{}\n",
		"null sections":        "refresh: null\naws: ~\ntargets:\nec2: ~\nissues: null\ndetail: ~\n",
		"empty sections":       "refresh: {}\naws: {}\nec2: {}\nissues: {}\n",
		"null keys":            "refresh: {interval: , timeout: }\naws: {profile: , requests_per_second: }\nec2: {only_ecs: }\nissues: {text: }\n",
		"one target of nulls":  "targets: [{name: , role_arn: , external_id: , external_id_file: , regions: , interval: , timeout: , resource_types: , filter: , detector: , members: }]\n",
		"one target of blanks": `targets: [{name: "", role_arn: "", external_id: "", external_id_file: "", role_session_name: "", detector_id: ""}]` + "\ndetail: ''",
		"empty conditions":     "targets: [{filter: {account_id: {equals: [], not_equals: []}, management_type: {}}}]\n",
		"Windows lines":        "refresh:\r\n  interval: 5m\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, "configuration", defaultConfig(), parse(t, text))
		})
	}
}

func TestParseWholeFile(t *testing.T) {
	got := parse(t, `
refresh: {interval: 1d, timeout: 1h30m, max_staleness: 2d12h}
aws: {profile: monitoring, requests_per_second: 0.5}
targets:
  - name: organization
    role_arn: arn:aws:iam::111122223333:role/monitoring/guardduty-coverage
    external_id: 0123:secret
    role_session_name: prometheus
    regions: [us-east-1]
    detector_id: 12345678901234567890123456789012
    filter:
      account_id: {equals: [111122223333, 012345678901], not_equals: ["444455556666"]}
      ecs_cluster_name: {equals: [shop, 2024-01-01, "true"], not_equals: [sandbox]}
      coverage_status: {equals: [UNHEALTHY]}
      management_type: {not_equals: [DISABLED, MANUAL]}
    resource_types: [EKS, ECS]
    detector: true
    members: true
    account_names: true
    timeout: 3h
  - role_arn: arn:aws:iam::444455556666:role/guardduty-coverage
    regions: [all]
  - regions: [eu-west-1, eu-central-9]
    resource_types: [EC2]
    interval: 12h
    timeout: 10m
ec2: {only_ecs: false}
issues: {text: false, max_per_cluster: 0}
detail: unhealthy
`)
	want := &Config{
		Refresh: Refresh{Interval: 24 * time.Hour, Timeout: 90 * time.Minute, MaxStaleness: 60 * time.Hour},
		AWS:     AWS{Profile: "monitoring", RequestsPerSecond: 0.5},
		Targets: []Target{
			{
				Name:            "organization",
				RoleARN:         "arn:aws:iam::111122223333:role/monitoring/guardduty-coverage",
				ExternalID:      "0123:secret",
				RoleSessionName: "prometheus",
				Regions:         []string{"us-east-1"},
				Interval:        24 * time.Hour,
				Timeout:         3 * time.Hour,
				DetectorID:      "12345678901234567890123456789012",
				ResourceTypes:   []coverage.ResourceType{"EKS", "ECS"},
				Filter: coverage.Filter{
					AccountID: coverage.Condition{
						Equals:    []string{"111122223333", "012345678901"},
						NotEquals: []string{"444455556666"},
					},
					ECSClusterName: coverage.Condition{Equals: []string{"shop", "2024-01-01", "true"}, NotEquals: []string{"sandbox"}},
					CoverageStatus: coverage.Condition{Equals: []string{"UNHEALTHY"}},
					ManagementType: coverage.Condition{NotEquals: []string{"DISABLED", "MANUAL"}},
				},
				Detector:     true,
				Members:      true,
				AccountNames: true,
			},
			{
				Name:            "444455556666",
				RoleARN:         "arn:aws:iam::444455556666:role/guardduty-coverage",
				RoleSessionName: "guardduty-coverage-exporter",
				Regions:         []string{"all"},
				Interval:        24 * time.Hour,
				Timeout:         90 * time.Minute,
				ResourceTypes:   []coverage.ResourceType{"ECS"},
			},
			{
				Name: "default", Regions: []string{"eu-west-1", "eu-central-9"}, ResourceTypes: []coverage.ResourceType{"EC2"},
				Interval: 12 * time.Hour, Timeout: 10 * time.Minute,
			},
		},
		EC2:    EC2{OnlyECS: false},
		Issues: Issues{Text: false, MaxPerCluster: 0},
		Detail: DetailUnhealthy,
	}
	equal(t, "configuration", want, got)
	if !got.Targets[1].AllRegions() || got.Targets[2].AllRegions() {
		t.Error("AllRegions must be true only for the second target")
	}
	if got.Targets[0].RoleAccountID() != "111122223333" || got.Targets[2].RoleAccountID() != "" {
		t.Error("RoleAccountID must be the role's account, and empty without a role")
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	got := parse(t, `
targets:
  - &first
    name: first
    role_arn: arn:aws:iam::111122223333:role/coverage
    regions: &regions [us-east-1, eu-west-1]
  - <<: *first
    name: second
    role_arn: arn:aws:iam::444455556666:role/coverage
  - <<: [{name: third}, *first]
    role_arn:
    regions: *regions
`)
	var names, roles []string
	for _, target := range got.Targets {
		names = append(names, target.Name)
		roles = append(roles, target.RoleAccountID())
		equal(t, "regions", []string{"us-east-1", "eu-west-1"}, target.Regions)
	}
	equal(t, "names", []string{"first", "second", "third"}, names)
	equal(t, "accounts", []string{"111122223333", "444455556666", ""}, roles)
}

func TestAliasesAreBounded(t *testing.T) {
	var text strings.Builder
	text.WriteString("targets:\n- filter: {account_id: {equals: &list [")
	text.WriteString(strings.Repeat("1,", 2000))
	text.WriteString("]}}\n")
	for range 2000 {
		text.WriteString("- filter: {account_id: {equals: *list}}\n")
	}
	// Each of these mappings merges the one before it twice.
	var doubled strings.Builder
	doubled.WriteString("targets:\n- &m0 {name: a}\n")
	for i := range 40 {
		fmt.Fprintf(&doubled, "- &m%d {<<: [*m%d, *m%d]}\n", i+1, i, i)
	}
	for name, file := range map[string]string{"lists": text.String(), "merges": doubled.String()} {
		_, err := Parse("config.yaml", []byte(file))
		const want = "config.yaml:1: the file has more than 250000 values after aliases are expanded"
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %.200v, want %s", name, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	t.Run("no file", func(t *testing.T) {
		got, err := load(t, "")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "configuration", defaultConfig(), got)
		const want = "no configuration file: 1 target: default (ambient credentials; Region from the environment)"
		equal(t, "summary", want, got.Summary())
	})
	t.Run("file", func(t *testing.T) {
		got, err := load(t, write("good.yaml", "aws: {profile: p}\n"))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "profile", "p", got.AWS.Profile)
	})
	t.Run("bad file", func(t *testing.T) {
		path := write("bad.yaml", "\nawz: {}\n")
		_, err := load(t, path)
		found, ok := errors.AsType[*Error](err)
		if !ok {
			t.Fatalf("no *Error in %v", err)
		}
		equal(t, "mistake", &Error{File: path, Line: 2, Key: "awz", Reason: "unknown key (did you mean aws?)"}, found)
	})
	t.Run("missing file", func(t *testing.T) {
		path := filepath.Join(dir, "missing.yaml")
		_, err := load(t, path)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("directory", func(t *testing.T) {
		if _, err := load(t, dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("size", func(t *testing.T) {
		atLimit := strings.Repeat("#", maxFileSize)
		if _, err := load(t, write("limit.yaml", atLimit)); err != nil {
			t.Errorf("at the limit: %v", err)
		}
		path := write("big.yaml", atLimit+"#")
		if _, err := load(t, path); err == nil || err.Error() != path+":1: the file is larger than 10 MiB" {
			t.Errorf("above the limit: %v", err)
		}
	})
}

func TestSummary(t *testing.T) {
	got := parse(t, `
targets:
  - name: organization
    role_arn: arn:aws:iam::111122223333:role/coverage
    external_id: s3cret
    regions: [us-east-1, eu-west-1]
  - {role_arn: "arn:aws:iam::444455556666:role/coverage", regions: [all]}
  - {}
`).Summary()
	const want = "config.yaml: 3 targets: organization (role 111122223333; us-east-1, eu-west-1), " +
		"444455556666 (role 444455556666; all Regions), default (ambient credentials; Region from the environment)"
	equal(t, "summary", want, got)
}

func TestSummaryOfManyTargets(t *testing.T) {
	var file strings.Builder
	file.WriteString("targets:\n")
	for i := range 3000 {
		fmt.Fprintf(&file, "- {role_arn: 'arn:aws:iam::%012d:role/coverage', regions: [us-east-1]}\n", i)
	}
	got := parse(t, file.String()).Summary()
	if !strings.HasPrefix(got, "config.yaml: 3000 targets: 000000000000 (role 000000000000; us-east-1), ") ||
		!strings.HasSuffix(got, "000000000019 (role 000000000019; us-east-1) and 2980 more") || strings.Count(got, "role") != 20 {
		t.Errorf("summary %.3000q", got)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30s":   30 * time.Second,
		"5m":    5 * time.Minute,
		"1h30m": 90 * time.Minute,
		"250ms": 250 * time.Millisecond,
		"1d":    24 * time.Hour,
		"1d12h": 36 * time.Hour,
		"1w":    7 * 24 * time.Hour,
	} {
		got := parse(t, "refresh: {timeout: "+text+", interval: 60d, max_staleness: 1y}\n")
		equal(t, text, want, got.Refresh.Timeout)
	}
	for _, text := range []string{"d", "5", "5x", "-1d", "1.5h", "1.5d", "1d-1h", "1h1d", "99999d", "1d9000h", "999999999999y", "5 m"} {
		if _, err := Parse("config.yaml", []byte("refresh: {max_staleness: "+text+"}\n")); err == nil {
			t.Errorf("max_staleness: %s is accepted", text)
		}
	}
}
