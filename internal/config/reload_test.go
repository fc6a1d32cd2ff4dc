package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckReload reads the same file again after it has changed.
func TestCheckReload(t *testing.T) {
	const empty, noTargets = "the file is empty; write targets: [{}]", "the file no longer has targets; write targets: [{}]"
	full := "refresh: {interval: 10m}\ntargets:\n- {name: a, regions: [us-east-1]}\n- {name: b, regions: [eu-west-1]}\n"
	settings := "refresh: {interval: 10m}\n"
	for name, tc := range map[string]struct{ before, after, want string }{
		"the same":                  {full, full, ""},
		"emptied":                   {full, "", empty},
		"blank":                     {full, "\n\n", empty},
		"only comments":             {full, "# targets:\n", empty},
		"null":                      {full, "~\n", empty},
		"settings emptied":          {settings, "", empty},
		"empty before":              {"", "", empty},
		"truncated before targets":  {full, settings, noTargets},
		"truncated after targets":   {full, settings + "targets:\n", noTargets},
		"an empty mapping":          {full, "{}\n", noTargets},
		"the default, on purpose":   {full, "targets: [{}]\n", ""},
		"a target removed":          {full, "targets:\n- {name: a, regions: [us-east-1]}\n", ""},
		"only settings":             {settings, "{}\n", ""},
		"targets added":             {settings, full, ""},
		"settings in an empty file": {"", settings, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, tc.before).CheckReload(parse(t, tc.after))
			if (got == nil) != (tc.want == "") || got != nil && !strings.HasPrefix(got.Error(), "config.yaml: "+tc.want) {
				t.Errorf("got %v, want %q", got, tc.want)
			}
		})
	}
}

// TestHalfWrittenFile truncates a file after each byte. The rest is rejected until it contains a target.
func TestHalfWrittenFile(t *testing.T) {
	whole, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := parse(t, string(whole))
	for n := range len(whole) {
		after, err := Parse("config.yaml", whole[:n])
		switch {
		case err != nil || before.CheckReload(after) != nil:
		case after.hasTargets:
			return // as has what is longer
		default:
			t.Errorf("truncated after %d bytes, the file is accepted: %s", n, after.Summary())
		}
	}
	t.Error("the whole file has no targets")
}

func TestCheckReloadWithoutFile(t *testing.T) {
	none, err := load(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := none.CheckReload(none); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	emptied, err := load(t, file)
	if err != nil {
		t.Fatal(err) // at startup, an empty file means the defaults
	}
	if none.CheckReload(emptied) == nil {
		t.Error("a reload accepts an empty file")
	}
}
