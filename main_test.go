package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCheckConfig(t *testing.T) {
	var out, errOut bytes.Buffer
	if err := run(t.Context(), []string{"check-config", "config.example.yaml"}, &out, &errOut); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "config.example.yaml: ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("printed %q, want one line about the targets", &out)
	}

	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("refersh: {}\ntargets: [{role_arn: x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run(t.Context(), []string{"check-config", bad}, &out, &errOut)
	if err == nil || !strings.Contains(err.Error(), bad+":1") || !strings.Contains(err.Error(), bad+":2") {
		t.Errorf("got %v, want both mistakes with their lines", err)
	}
}

// TestCheckConfigOfAFleet runs the command that docs/scale.md shows with its
// output, and one for more clusters than there is time for.
func TestCheckConfigOfAFleet(t *testing.T) {
	document, err := os.ReadFile("docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "check-config config.example.yaml --clusters 4000"
	var out, errOut bytes.Buffer
	if err := run(t.Context(), strings.Fields(command), &out, &errOut); err != nil || errOut.Len() > 0 {
		t.Errorf("%v, and on standard error %q", err, &errOut)
	}
	shown := "```sh\n" + name + " " + command + "\n```\n\n```text\n" + out.String() + "```\n"
	if !strings.Contains(out.String(), "4,000 ECS clusters") || !strings.Contains(string(document), shown) {
		t.Errorf("docs/scale.md shows something else than\n%s", shown)
	}

	defaults := filepath.Join(t.TempDir(), "defaults.yaml")
	if err := os.WriteFile(defaults, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	err = run(t.Context(), []string{"check-config", defaults, "--clusters", "50000"}, &out, &errOut)
	for _, want := range []string{"50,000 clusters", "raise aws.requests_per_second", "refresh.timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %q", err, want)
		}
	}
	if !strings.Contains(out.String(), "\n50,000 ECS clusters") {
		t.Errorf("printed %q, want what they ask of AWS all the same", &out)
	}
}

// TestPolicyOfAConfiguration prints what the whole example needs: a document for
// each principal, and why.
func TestPolicyOfAConfiguration(t *testing.T) {
	var out, reasons bytes.Buffer
	if err := run(t.Context(), []string{"iam-policy", "--config.file=config.example.yaml"}, &out, &reasons); err != nil {
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

// TestPolicyDocument runs the commands that docs/iam.md shows with their output.
func TestPolicyDocument(t *testing.T) {
	document, err := os.ReadFile("docs/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?ms)^```\n\\$ "+name+" (iam-policy [^\n]*)\n(.*?)^```$").FindAllStringSubmatch(string(document), -1)
	if len(shown) == 0 {
		t.Fatal("no command is shown")
	}
	for _, s := range shown {
		var out, errOut bytes.Buffer
		if err := run(t.Context(), strings.Fields(s[1]), &out, &errOut); err != nil || errOut.Len() > 0 {
			t.Errorf("%s: %v, and on standard error %q", s[1], err, &errOut)
		}
		if out.String() != s[2] {
			t.Errorf("%s prints\n%s\nbut the document shows\n%s", s[1], &out, s[2])
		}
	}
}

// TestCommandLine starts nothing: its arguments are wrong.
func TestCommandLine(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":           {[]string{"--nonsense"}, "--nonsense"},
		"unknown command":        {[]string{"nonsense"}, "nonsense"},
		"missing file":           {[]string{"--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"named serve":            {[]string{"serve", "--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"policy of whom":         {[]string{"iam-policy", "--config.file=config.example.yaml", "--for=nobody"}, "--for"},
		"policy of nobody":       {[]string{"iam-policy", "--for=nobody"}, "nobody"},
		"policy of nothing":      {[]string{"iam-policy", "--config.file=" + filepath.Join(t.TempDir(), "none.yaml")}, "none.yaml"},
		"bad level":              {[]string{"--log.level=loud", "demo"}, "loud"},
		"bad telemetry path":     {[]string{"demo", "--web.telemetry-path=metrics"}, "metrics"},
		"unclean telemetry path": {[]string{"demo", "--web.telemetry-path=//metrics"}, "//metrics"},
		"odd telemetry path":     {[]string{"demo", "--web.telemetry-path=/a?b"}, "/a?b"},
		"open simulator":         {[]string{"demo", "--simulator.listen-address=0.0.0.0:0"}, "0.0.0.0"},
		"bad address":            {[]string{"demo", "--web.listen-address=127.0.0.1:nonsense"}, "nonsense"},
		"bad web configuration":  {[]string{"demo", "--web.config.file=" + filepath.Join(t.TempDir(), "web.yaml")}, "web.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var out, errOut bytes.Buffer
			err := run(ctx, tc.args, &out, &errOut)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error about %q", err, tc.want)
			}
		})
	}
}
