package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// volume is a directory that is updated as Kubernetes updates the volume of a ConfigMap: its files are symbolic links
// through ..data, which is replaced.
type volume struct{ dir string }

func newVolume(t *testing.T, files map[string]string) volume {
	t.Helper()
	v := volume{t.TempDir()}
	v.update(t, files)
	for name := range files {
		if err := os.Symlink(filepath.Join("..data", name), v.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func (v volume) path(name string) string { return filepath.Join(v.dir, name) }

func (v volume) update(t *testing.T, files map[string]string) {
	t.Helper()
	dir, err := os.MkdirTemp(v.dir, "..") //nolint:usetesting // within the volume
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
	link := v.path("..data_tmp")
	if err := os.Symlink(filepath.Base(dir), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, v.path("..data")); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const withIDFile = "targets:\n- " + coverageRole + "\n  external_id_file: id\n  ecs: {" + ecsRole + ", external_id_file: id}\n" +
	"events:\n- " + queueURL + "\n  " + coverageRole + "\n  external_id_file: id\n"

func TestExternalIDFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	writeFile(t, path, withIDFile)
	writeFile(t, filepath.Join(dir, "id"), " s3cret\r\n\n")
	l := NewLoader(path)
	for _, want := range []Secret{"s3cret", "another"} {
		cfg, err := l.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for key, r := range cfg.roles() {
			if *r.externalID != want || r.externalIDFile != "id" {
				t.Errorf("%s: the external ID is %q of %s, want %q", key, r.externalID.Reveal(), r.externalIDFile, want)
			}
		}
		writeFile(t, filepath.Join(dir, "id"), "another")
	}

	t.Run("absolute", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "config.yaml")
		writeFile(t, other, strings.ReplaceAll(withIDFile, ": id", ": "+filepath.Join(dir, "id")))
		cfg, err := NewLoader(other).Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "external ID", Secret("another"), cfg.Targets[0].ExternalID)
	})
	t.Run("standard input", func(t *testing.T) {
		t.Chdir(dir)
		cfg, err := NewInputLoader("standard input", strings.NewReader(withIDFile)).Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "external ID", Secret("another"), cfg.Targets[0].ExternalID)
	})
	t.Run("parse only", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "config.yaml")
		writeFile(t, other, withIDFile)
		cfg, err := NewLoader(other).Parse(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "external ID", Secret(""), cfg.Targets[0].ExternalID)
	})
}

func TestMistakesInContentsOfExternalIDFiles(t *testing.T) {
	const invalid = `the contents of "id" must have 2 to 1224 letters, digits and _+=,.@:/-`
	for name, tc := range map[string]struct {
		write func(t *testing.T, path string)
		want  string
	}{
		"missing":      {func(*testing.T, string) {}, `cannot read "id": no such file or directory`},
		"empty":        {func(t *testing.T, path string) { writeFile(t, path, "\n") }, invalid},
		"two words":    {func(t *testing.T, path string) { writeFile(t, path, "s3 cret\n") }, invalid},
		"a large file": {func(t *testing.T, path string) { writeFile(t, path, strings.Repeat("s3cret", 1000)) }, invalid},
		"directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, `cannot read "id": is a directory`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "config.yaml")
			writeFile(t, path, withIDFile)
			tc.write(t, filepath.Join(dir, "id"))
			_, err := NewLoader(path).Load(t.Context())
			var want []string
			for _, key := range []string{":3: targets[0]", ":4: targets[0].ecs", ":8: events[0]"} {
				want = append(want, path+key+".external_id_file: "+tc.want)
			}
			if err == nil || err.Error() != strings.Join(want, "\n") {
				t.Errorf("\n got %v\nwant %s", err, strings.Join(want, "\n"))
			}
			if err != nil && strings.Contains(err.Error(), "cret") {
				t.Error("the message shows the secret")
			}
		})
	}
}

// TestChanged has files as Kubernetes provides them. A change is one until the next Load, whether that succeeds or not.
func TestChanged(t *testing.T) {
	whole := map[string]string{"config.yaml": withIDFile, "id": "s3cret"}
	with := func(name, text string) map[string]string {
		return map[string]string{"config.yaml": whole["config.yaml"], "id": whole["id"], name: text}
	}
	v := newVolume(t, whole)
	l := NewLoader(v.path("config.yaml"))
	reload := func(what string, change func(), changed, succeeds bool) {
		t.Helper()
		change()
		if got := l.Changed(t.Context()); got != changed {
			t.Errorf("%s: Changed is %v", what, got)
		}
		if _, err := l.Load(t.Context()); (err == nil) != succeeds {
			t.Errorf("%s: Load: %v", what, err)
		}
		if l.Changed(t.Context()) {
			t.Errorf("%s: changed again", what)
		}
	}
	update := func(files map[string]string) func() { return func() { v.update(t, files) } }
	remove := func(name string) func() {
		return func() {
			if err := os.Remove(v.path("..data/" + name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	reload("first", func() {}, false, true)
	reload("the same contents", update(whole), false, true)
	reload("configuration", update(with("config.yaml", withIDFile+"aws: {requests_per_second: 1}\n")), true, true)
	reload("external ID", update(with("id", "another")), true, true)
	reload("a mistake", update(with("config.yaml", "nonsense")), true, false)
	reload("mistake corrected", update(whole), true, true)
	reload("external ID missing", remove("id"), true, false)
	reload("external ID back", update(whole), true, true)
	reload("configuration missing", remove("config.yaml"), true, false)
	reload("configuration back", update(whole), true, true)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if l.Changed(cancelled) {
		t.Error("a cancelled check is not a change")
	}
}

const exclusionsYAML = "exclusions:\n- name: batch\n  cluster_name: batch-*\n  reason: AWS Batch is not supported\n  until: 2026-01-31\n"

func TestExclusionsFile(t *testing.T) {
	whole := map[string]string{"config.yaml": "exclusions_file: exclusions.yaml\n", "exclusions.yaml": exclusionsYAML}
	v := newVolume(t, whole)
	l := NewLoader(v.path("config.yaml"))
	cfg, err := l.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "exclusions", parse(t, exclusionsYAML).Exclusions, cfg.Exclusions)
	lastDay := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC)
	if warnings := cfg.Warnings(lastDay); len(warnings) != 0 {
		t.Errorf("on the last day: %v", warnings)
	}
	want := []string{v.path("config.yaml") + ": the exclusion batch has ended, its last day was 2026-01-31; remove it, or set a later until"}
	equal(t, "warnings after it", want, cfg.Warnings(lastDay.Add(time.Second)))
	if cfg, err := NewLoader(v.path("config.yaml")).Parse(t.Context()); err != nil || len(cfg.Exclusions) != 0 {
		t.Errorf("without the files it names: %v, %v", cfg, err)
	}

	path := v.path("exclusions.yaml")
	for text, want := range map[string]string{
		"":                                      path + ":1: the file is empty; write exclusions: [] for none",
		"# nothing\n":                           path + ":1: the file is empty; write exclusions: [] for none",
		"- name: batch\n":                       path + ":1: the file must be a mapping of keys, not a list",
		"targets: []\n" + exclusionsYAML:        path + ":1: targets: unknown key",
		exclusionsYAML[:len(exclusionsYAML)-19]: path + ":2: exclusions[0].until: is required, a date such as 2027-03-01",
		"exclusions: [\n":                       path + ":1: not valid YAML: did not find expected node content",
	} {
		v.update(t, map[string]string{"config.yaml": whole["config.yaml"], "exclusions.yaml": text})
		if !l.Changed(t.Context()) {
			t.Errorf("%q is no change", text)
		}
		if _, err := l.Load(t.Context()); err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
	v.update(t, map[string]string{"config.yaml": whole["config.yaml"], "exclusions.yaml": "exclusions: []\n"})
	if cfg, err := l.Load(t.Context()); err != nil || len(cfg.Exclusions) != 0 {
		t.Errorf("no exclusion: %v, %v", cfg, err)
	}
	v.update(t, map[string]string{"config.yaml": whole["config.yaml"]})
	if _, err := l.Load(t.Context()); err == nil || err.Error() != v.path("config.yaml")+`:1: exclusions_file: cannot read "exclusions.yaml": no such file or directory` {
		t.Errorf("no file: %v", err)
	}
}

// TestLimitOfTheLastDay has the last day that is allowed, and the next.
func TestLimitOfTheLastDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000-01-01
		file := "exclusions: [{name: a, cluster_name: shop, reason: not in use any more, until: %s}]\n"
		if _, err := Parse("config.yaml", fmt.Appendf(nil, file, "2001-02-04")); err != nil {
			t.Error(err)
		}
		if _, err := Parse("config.yaml", fmt.Appendf(nil, file, "2001-02-05")); err == nil || !strings.Contains(err.Error(), "2001-02-05 is more than 400 days ahead") {
			t.Errorf("got %v", err)
		}
	})
}
