package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoses reads the same file again after it has changed.
func TestLoses(t *testing.T) {
	const empty, noTargets = "the file is empty; write targets: [{}]", "the file has no targets any more; write targets: [{}]"
	full := "refresh: {interval: 10m}\ntargets:\n- {name: a, regions: [us-east-1]}\n- {name: b, regions: [eu-west-1]}\n"
	settings := "refresh: {interval: 10m}\n"
	for name, tc := range map[string]struct{ before, after, want string }{
		"the same":                {full, full, ""},
		"emptied":                 {full, "", empty},
		"blank":                   {full, "\n\n", empty},
		"comments alone":          {full, "# targets:\n", empty},
		"null":                    {full, "~\n", empty},
		"settings emptied":        {settings, "", empty},
		"empty before":            {"", "", empty},
		"cut off before targets":  {full, settings, noTargets},
		"cut off after targets":   {full, settings + "targets:\n", noTargets},
		"an empty mapping":        {full, "{}\n", noTargets},
		"the default, on purpose": {full, "targets: [{}]\n", ""},
		"a target less":           {full, "targets:\n- {name: a, regions: [us-east-1]}\n", ""},
		"settings alone":          {settings, "{}\n", ""},
		"targets come":            {settings, full, ""},
		"more in an empty file":   {"", settings, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, tc.before).CheckReload(parse(t, tc.after))
			if (got == nil) != (tc.want == "") || got != nil && !strings.HasPrefix(got.Error(), "config.yaml: "+tc.want) {
				t.Errorf("got %v, want %q", got, tc.want)
			}
		})
	}
}

// TestHalfWrittenFile cuts a file off after each of its bytes: what is left is
// a mistake or a loss, until it names a target.
func TestHalfWrittenFile(t *testing.T) {
	whole, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := parse(t, string(whole))
	for n := range len(whole) {
		after, err := Parse("config.yaml", whole[:n])
		if err == nil && before.CheckReload(after) == nil && !after.named {
			t.Errorf("cut off after %d bytes, the file is accepted for %s", n, after.Summary())
		}
	}
}

func TestNoFileLosesNothing(t *testing.T) {
	none, err := Load("")
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
	emptied, err := Load(file)
	if err != nil {
		t.Fatal(err) // at a start, an empty file stands for the defaults
	}
	if none.CheckReload(emptied) == nil {
		t.Error("an emptied file is taken for none")
	}
}
