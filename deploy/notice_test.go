package deploy_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "regenerate NOTICE")

// licenseFile matches the files of a module with its terms.
var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)(\.(md|txt))?$`)

// released returns the operating systems of the released binaries.
func released() []string { return []string{"linux", "darwin", "windows"} }

// linkedTerms returns the licences of what the binaries contain: the text of each file, with the modules that have it.
func linkedTerms(t *testing.T) map[string][]string {
	t.Helper()
	modules := map[string][]string{}
	add := func(module, directory string) {
		entries, err := os.ReadDir(directory)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if !licenseFile.MatchString(entry.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(directory, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			plain := strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))
			if !slices.Contains(modules[plain], module) {
				modules[plain] = append(modules[plain], module)
			}
		}
	}
	seen := map[string]bool{}
	for _, system := range released() {
		for line := range strings.Lines(goList(t, system)) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			module, root, directory := fields[0], fields[1], fields[2]
			// A package may have terms that differ from those of its module.
			for ; !seen[directory]; directory = filepath.Dir(directory) {
				seen[directory] = true
				add(module, directory)
				if directory == root {
					break
				}
			}
		}
	}
	root := strings.TrimSpace(command(t, nil, "go", "env", "GOROOT"))
	add("The Go standard library", root)
	return modules
}

// goList returns the module, its folder and the folder of each package of the binary that is not ours or Go's.
func goList(t *testing.T, system string) string {
	t.Helper()
	const format = "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
	list := command(t, []string{"GOOS=" + system, "GOARCH=amd64", "CGO_ENABLED=0"}, "go", "list", "-deps", "-f", format, "..")
	return strings.TrimLeft(list, "\n")
}

// command returns the standard output of a program.
func command(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

// TestNotice checks that NOTICE has the terms of everything that the binaries contain.
func TestNotice(t *testing.T) {
	type section struct{ modules, text string }
	var sections []section
	licensed := map[string]bool{}
	for text, modules := range linkedTerms(t) {
		slices.Sort(modules)
		sections = append(sections, section{strings.Join(modules, "\n"), text})
		for _, module := range modules {
			licensed[module] = true
		}
	}
	slices.SortFunc(sections, func(a, b section) int {
		if order := strings.Compare(a.modules, b.modules); order != 0 {
			return order
		}
		return strings.Compare(a.text, b.text)
	})
	for line := range strings.Lines(goList(t, "linux")) {
		if module, _, _ := strings.Cut(line, "\t"); !licensed[module] {
			t.Errorf("%s has no licence", module)
		}
	}
	var want strings.Builder
	want.WriteString("guardduty_coverage_exporter\nCopyright the authors of guardduty_coverage_exporter\n\n" +
		"Licensed under the Apache License, Version 2.0; see LICENSE. The binaries contain the software below, each under its\nown terms.\n")
	for _, s := range sections {
		fmt.Fprintf(&want, "\n%s\n\n%s\n\n%s\n", strings.Repeat("=", 80), s.modules, s.text)
	}
	if *update {
		if err := os.WriteFile("../NOTICE", []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, "../NOTICE")), want.String()); diff != "" {
		t.Errorf("regenerate with go test ./deploy -run TestNotice -update: NOTICE (-), modules (+):\n%s", diff)
	}
}
