package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCheckConfig(t *testing.T) {
	var out, errOut bytes.Buffer
	if err := run(t.Context(), []string{"check-config", "config.example.yaml"}, streams{strings.NewReader(""), &out, &errOut}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "config.example.yaml: ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("printed %q, want one line about the targets", &out)
	}

	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("refersh: {}\ntargets: [{role_arn: x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"check-config", bad}, streams{strings.NewReader(""), &out, &errOut})
	if err == nil || !strings.Contains(err.Error(), bad+":1") || !strings.Contains(err.Error(), bad+":2") {
		t.Errorf("got %v, want both mistakes with their lines", err)
	}
}

// TestCheckConfigOfAFleet runs the command that docs/scale.md shows, and one for
// more clusters than the timeout allows.
func TestCheckConfigOfAFleet(t *testing.T) {
	document, err := os.ReadFile("docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "check-config config.example.yaml --clusters 4000"
	var out, errOut bytes.Buffer
	if err := run(t.Context(), strings.Fields(command), streams{strings.NewReader(""), &out, &errOut}); err != nil || errOut.Len() > 0 {
		t.Errorf("%v, and on standard error %q", err, &errOut)
	}
	shown := "```sh\n" + name + " " + command + "\n```\n\n```text\n" + out.String() + "```\n"
	if !strings.Contains(out.String(), "4,000 ECS clusters") || !strings.Contains(string(document), shown) {
		t.Errorf("docs/scale.md does not show\n%s", shown)
	}

	defaults := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(defaults, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	err = run(t.Context(), []string{"check-config", defaults, "--clusters", "50000"}, streams{strings.NewReader(""), &out, &errOut})
	for _, want := range []string{"50,000 clusters", "raise aws.requests_per_second", "its timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
	if !strings.Contains(out.String(), "\n50,000 ECS clusters") {
		t.Errorf("printed %q, want the estimate too", &out)
	}
}

// TestPolicyOfAConfiguration prints the policy of each principal of the example,
// and the reasons.
func TestPolicyOfAConfiguration(t *testing.T) {
	var out, reasons bytes.Buffer
	if err := run(t.Context(), []string{"iam-policy", "--config.file=config.example.yaml"}, streams{strings.NewReader(""), &out, &reasons}); err != nil {
		t.Fatal(err)
	}
	documents := 0
	for decoder := json.NewDecoder(&out); decoder.More(); documents++ {
		var policy struct{ Statement []struct{ Sid string } }
		if err := decoder.Decode(&policy); err != nil {
			t.Fatal(err)
		}
		for _, s := range policy.Statement {
			if !strings.Contains(reasons.String(), "| `"+s.Sid+"` |") {
				t.Errorf("no reason for %s:\n%s", s.Sid, &reasons)
			}
		}
	}
	if principals := strings.Count(reasons.String(), "# "); documents != 3 || principals != 3 {
		t.Errorf("%d policies of %d principals, want 3", documents, principals)
	}
}

// TestPolicyDocument compares the commands in docs/iam.md with their output.
func TestPolicyDocument(t *testing.T) {
	document, err := os.ReadFile("docs/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```\n\\$ "+name+" (iam-policy [^\n]*)\n(.*?)^```$").FindAllStringSubmatch(string(document), -1)
	if len(shown) == 0 {
		t.Fatal("the document shows no command")
	}
	for _, s := range shown {
		var out, errOut bytes.Buffer
		if err := run(t.Context(), strings.Fields(s[1]), streams{strings.NewReader(""), &out, &errOut}); err != nil || errOut.Len() > 0 {
			t.Errorf("%s: %v, and on standard error %q", s[1], err, &errOut)
		}
		if out.String() != s[2] {
			t.Errorf("%s prints\n%s\nbut the document shows\n%s", s[1], &out, s[2])
		}
	}
}

// TestCommandLine has arguments that are rejected.
func TestCommandLine(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":                    {[]string{"--nonsense"}, "--nonsense"},
		"unknown command":                 {[]string{"nonsense"}, "nonsense"},
		"missing file":                    {[]string{"--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"named serve":                     {[]string{"serve", "--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"policy of whom":                  {[]string{"iam-policy", "--config.file=config.example.yaml", "--for=nobody"}, "--for"},
		"policy of ecs":                   {[]string{"iam-policy", "--config.file=config.example.yaml", "--for=ecs"}, "no target has ecs.role_arn"},
		"policy of nobody":                {[]string{"iam-policy", "--for=nobody"}, "nobody"},
		"policy of nothing":               {[]string{"iam-policy", "--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"bad level":                       {[]string{"--log.level=loud", "demo"}, "loud"},
		"bad telemetry path":              {[]string{"demo", "--web.telemetry-path=metrics"}, "metrics"},
		"unclean telemetry path":          {[]string{"demo", "--web.telemetry-path=//metrics"}, "//metrics"},
		"odd telemetry path":              {[]string{"demo", "--web.telemetry-path=/a?b"}, "/a?b"},
		"open simulator":                  {[]string{"demo", "--simulator.listen-address=0.0.0.0:0"}, "0.0.0.0"},
		"bad address":                     {[]string{"demo", "--web.listen-address=127.0.0.1:nonsense"}, "nonsense"},
		"empty file":                      {[]string{"check-config", ""}, "argument <file> must not be empty"},
		"empty config file":               {[]string{"--config.file="}, "--config.file must not be empty"},
		"empty config file, apart":        {[]string{"serve", "--config.file", ""}, "--config.file must not be empty"},
		"empty web config file":           {[]string{"demo", "--web.config.file="}, "--web.config.file must not be empty"},
		"empty address":                   {[]string{"demo", "--web.listen-address="}, "--web.listen-address must not be empty"},
		"empty path":                      {[]string{"demo", "--web.telemetry-path="}, "--web.telemetry-path must not be empty"},
		"empty principal":                 {[]string{"iam-policy", "--for="}, "--for must not be empty"},
		"served standard input":           {[]string{"--config.file=-"}, "--config.file cannot be read from standard input"},
		"served standard input, apart":    {[]string{"serve", "--config.file", "-"}, "--config.file cannot be read from standard input"},
		"web config of standard input":    {[]string{"demo", "--web.config.file", "-"}, "--web.config.file cannot be read from standard input"},
		"principal of standard input":     {[]string{"iam-policy", "--for", "-"}, "--for cannot be read from standard input"},
		"level of standard input":         {[]string{"check-config", "config.example.yaml", "--log.level", "-"}, "--log.level cannot be read from standard input"},
		"negative clusters":               {[]string{"check-config", "config.example.yaml", "--clusters=-5"}, `--clusters must be a whole number above 0, not "-5"`},
		"no clusters":                     {[]string{"check-config", "config.example.yaml", "--clusters=0"}, `--clusters must be a whole number above 0, not "0"`},
		"fraction of a cluster":           {[]string{"check-config", "config.example.yaml", "--clusters=1.5"}, `not "1.5"`},
		"too many clusters":               {[]string{"check-config", "config.example.yaml", "--clusters=2147483648"}, `not "2147483648"`},
		"standard input":                  {[]string{"check-config", "-"}, "standard input:1: refersh: unknown key"},
		"policy of standard input":        {[]string{"iam-policy", "--config.file=-"}, "standard input:1: refersh: unknown key"},
		"policy of standard input, apart": {[]string{"iam-policy", "--config.file", "-"}, "standard input:1: refersh: unknown key"},
		"diagnose nothing":                {[]string{"diagnose", "--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"diagnose standard input":         {[]string{"diagnose", "--config.file", "-"}, "standard input:1: refersh: unknown key"},
		"diagnose the demo and a file":    {[]string{"diagnose", "--demo", "--config.file=config.example.yaml"}, "omit --config.file"},
		"diagnose no account":             {[]string{"diagnose", "--account="}, "--account must not be empty"},
		"diagnose as XML":                 {[]string{"diagnose", "--output=xml"}, `--output must be one of table, json, commands and markdown, not "xml"`},
		"automatic reload of nothing":     {[]string{"--config.enable-auto-reload"}, "--config.enable-auto-reload requires --config.file"},
		"automatic reload all the time":   {[]string{"--config.auto-reload-interval=0"}, "--config.auto-reload-interval must be a duration of at least 1s, not \"0\""},
		"bad web configuration":           {[]string{"demo", "--web.config.file=" + filepath.Join(t.TempDir(), "web.yaml")}, "web.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var out, errOut bytes.Buffer
			err := run(ctx, tc.args, streams{strings.NewReader("refersh: {}\n"), &out, &errOut})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error about %q", err, tc.want)
			}
		})
	}
}

func TestCheckConfigOfStandardInput(t *testing.T) {
	var out, errOut bytes.Buffer
	std := streams{strings.NewReader("targets: [{regions: [eu-west-1]}]\n"), &out, &errOut}
	if err := run(t.Context(), []string{"check-config", "-", "--clusters", "10"}, std); err != nil {
		t.Fatal(err)
	}
	if want := "standard input: 1 target: default (ambient credentials; eu-west-1)\n10 ECS clusters"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("printed %q, want %q", &out, want)
	}
}

// TestCheckConfigOfAllFiles has a mistake in each of three files, and the options that leave files out.
func TestCheckConfigOfAllFiles(t *testing.T) {
	dir := t.TempDir()
	webFile := filepath.Join(dir, "web.yaml")
	if err := os.WriteFile(webFile, []byte("basic_auth: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "id")
	config := "targets:\n- role_arn: arn:aws:iam::111122223333:role/coverage\n  external_id_file: " + missing + "\n"
	const idMistake, webMistake = `standard input:3: targets[0].external_id_file: cannot read "`, "field basic_auth not found"
	for args, wants := range map[string][]string{
		"check-config - --web.config.file=" + webFile:               {idMistake, webMistake},
		"check-config - --syntax-only --web.config.file=" + webFile: {webMistake},
		"check-config -":                   {idMistake},
		"check-config - --syntax-only":     nil,
		"iam-policy --config.file=-":       nil, // the external ID is in no policy
		"diagnose --config.file=- -o json": {idMistake},
	} {
		var out, errOut bytes.Buffer
		err := run(t.Context(), strings.Fields(args), streams{strings.NewReader(config), &out, &errOut})
		if (err == nil) != (len(wants) == 0) {
			t.Errorf("%s: %v", args, err)
		}
		for _, want := range wants {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %s", args, err, want)
			}
		}
	}
}

// TestStrict has a configuration with an exclusion that has ended.
func TestStrict(t *testing.T) {
	const ended = "exclusions: [{name: batch, cluster_name: batch, reason: not in use any more, until: 2026-01-31}]\n"
	const warning = "warning: standard input: the exclusion batch has ended, its last day was 2026-01-31; remove it, or set a later until\n"
	for args, tc := range map[string]struct{ config, warning, err string }{
		"check-config -":               {ended, warning, ""},
		"check-config - --strict":      {ended, warning, "there are warnings, which --strict does not allow"},
		"check-config --strict -":      {"{}\n", "", ""},
		"check-config - --clusters 10": {ended, warning, ""},
	} {
		var out, errOut bytes.Buffer
		err := run(t.Context(), strings.Fields(args), streams{strings.NewReader(tc.config), &out, &errOut})
		if errOut.String() != tc.warning || fmt.Sprint(err) != tc.err && (err != nil || tc.err != "") {
			t.Errorf("%s: %v, and on standard error %q", args, err, &errOut)
		}
		if !strings.HasPrefix(out.String(), "standard input: 1 target") {
			t.Errorf("%s printed %q", args, &out)
		}
	}
}

// TestECSOfStandardInput checks a configuration with ecs, and prints the policy of its role, alone and among all.
func TestECSOfStandardInput(t *testing.T) {
	const config = "targets: [{regions: [eu-west-1], ecs: {external_id: s3cret, role_arn: 'arn:aws:iam::{account_id}:role/ecs'}}]\n"
	for args, wants := range map[string][]string{
		"check-config -": {"standard input: 1 target: default (ambient credentials; eu-west-1); ecs of 1 target\n"},
		"iam-policy --config.file=- --for=ecs": {
			`"ecs:ListTasks"`, `"arn:aws:ecs:eu-west-1:*:task/*"`,
		},
		"iam-policy --config.file=-": {`"arn:aws:iam::*:role/ecs"`, `"guardduty:ListCoverage"`, `"ecs:DescribeTasks"`},
		"iam-policy --config.file=- --for=ecs --explain": {
			"# ecs\n\n| Action |", "| `ecs:DescribeContainerInstances` | `DescribeECS` |",
		},
	} {
		var out, errOut bytes.Buffer
		if err := run(t.Context(), strings.Fields(args), streams{strings.NewReader(config), &out, &errOut}); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s printed %s, want %s", args, &out, want)
			}
		}
		if strings.Contains(out.String()+errOut.String(), "s3cret") {
			t.Errorf("%s prints the external ID", args)
		}
	}
}

// TestLargePolicy warns about a policy that IAM does not accept.
func TestLargePolicy(t *testing.T) {
	var text strings.Builder
	text.WriteString("targets:\n")
	for i := range 300 {
		fmt.Fprintf(&text, "- {role_arn: 'arn:aws:iam::%012d:role/guardduty-coverage'}\n", i)
	}
	var out, errOut bytes.Buffer
	std := streams{strings.NewReader(text.String()), &out, &errOut}
	if err := run(t.Context(), []string{"iam-policy", "--config.file=-", "--for=exporter"}, std); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out.Bytes()) || strings.Count(out.String(), "role/guardduty-coverage") != 300 {
		t.Errorf("printed %.200s, want the whole policy", &out)
	}
	if want := "warning: policy of exporter: "; !strings.HasPrefix(errOut.String(), want) || !strings.Contains(errOut.String(), " of 10240 ") {
		t.Errorf("standard error is %q, want %q", &errOut, want)
	}
}

func TestManPage(t *testing.T) {
	var out, errOut bytes.Buffer
	if err := run(t.Context(), []string{"--help-man"}, streams{strings.NewReader(""), &out, &errOut}); err != nil {
		t.Fatal(err)
	}
	header := regexp.MustCompile(`(?m)^\.TH guardduty_coverage_exporter 1 "[^"\n]*" ""$`)
	whatis := "\n.SH \"NAME\"\n" + name + " \\- Prometheus exporter for Amazon GuardDuty Runtime Monitoring coverage\n.SH \"SYNOPSIS\"\n"
	if !header.MatchString(out.String()) || !strings.Contains(out.String(), whatis) {
		t.Errorf("printed %.300s", &out)
	}
}

func TestPrintError(t *testing.T) {
	for args, format := range map[string]string{
		"":                                      "text",
		"--log.format=logfmt":                   "text",
		"--config.file=json --log.format":       "text",
		"--log.format=json --nonsense":          "JSON",
		"check-config a.yaml --log.format json": "JSON",
	} {
		var out bytes.Buffer
		printError(&out, strings.Fields(args), errors.New("first\nsecond"))
		var record struct{ Level, Err string }
		if format == "text" && out.String() != "first\nsecond\n" {
			t.Errorf("%q: printed %q", args, &out)
		}
		if format == "JSON" && (json.Unmarshal(out.Bytes(), &record) != nil || record.Level != "ERROR" || record.Err != "first\nsecond") {
			t.Errorf("%q: printed %q", args, &out)
		}
	}
}
