package collector

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

var update = flag.Bool("update", false, "write testdata/example.txt")

// TestCollector compares example, gathered by a pedantic registry, with
// testdata/example.txt.
func TestCollector(t *testing.T) {
	in := example()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(func() Input { return in }, tags()...))
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	help := map[string]string{}
	for _, f := range gathered {
		help[f.GetName()] = f.GetHelp()
		f.Help = nil
		if _, err := expfmt.MetricFamilyToText(&page, f); err != nil {
			t.Fatal(err)
		}
	}
	const file = "testdata/example.txt"
	if *update {
		if err := os.WriteFile(file, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page.String()); diff != "" {
		t.Errorf("%s differs, write it with -update (-want +got):\n%s", file, diff)
	}
	for _, f := range Families() {
		if help[f.Name] != f.Help {
			t.Errorf("%s: help %q, want %q", f.Name, help[f.Name], f.Help)
		}
	}
}

// TestCollectorReportsInvalidLabels: a label value that is not UTF-8 is an
// error of the scrape, and the other samples are gathered.
func TestCollectorReportsInvalidLabels(t *testing.T) {
	in := example()
	in.View.Reports[0].Target.Name = "\xff"
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(func() Input { return in }, tags()...))
	gathered, err := registry.Gather()
	if err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("error: %v", err)
	}
	if len(gathered) == 0 {
		t.Error("no family was gathered")
	}
}
