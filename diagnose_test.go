package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
)

func TestStatusOf(t *testing.T) {
	cluster, unreadable := []diagnose.Cluster{{}}, []diagnose.Unreadable{{}}
	for _, tc := range []struct {
		r    diagnose.Result
		want error
	}{
		{diagnose.Result{}, nil},
		{diagnose.Result{Clusters: cluster}, exitStatus(1)},
		{diagnose.Result{Clusters: []diagnose.Cluster{{Excluded: &diagnose.Excluded{}}}}, nil},
		{diagnose.Result{Unreadable: unreadable}, exitStatus(3)},
		{diagnose.Result{Clusters: cluster, Unreadable: unreadable}, exitStatus(3)},
	} {
		if got := statusOf(&tc.r); got != tc.want { //nolint:errorlint // not wrapped
			t.Errorf("%+v: got %v, want %v", tc.r, got, tc.want)
		}
	}
}

// TestDiagnoseInReadme compares the output in README.md with that of the command.
func TestDiagnoseInReadme(t *testing.T) {
	const command = "diagnose --demo --cluster=legacy-storefront"
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(readme), "go run . "+command+" 2>/dev/null\n```\n\n```text\n")
	want, _, closed := strings.Cut(after, "```\n")
	if !ok || !closed {
		t.Fatal("README.md does not show the command and its output")
	}
	var out bytes.Buffer
	if err := run(t.Context(), strings.Fields(command), streams{strings.NewReader(""), &out, io.Discard}); !errors.Is(err, exitUnreadable) {
		t.Fatal(err)
	}
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	normalize := func(s string) string { return times.ReplaceAllString(s, "TIME") }
	if diff := cmp.Diff(normalize(want), normalize(out.String())); diff != "" {
		t.Errorf("-README +output:\n%s", diff)
	}
}

// TestDiagnoseDemoDeep: the command in docs/diagnose.md finds the defect of a VPC.
func TestDiagnoseDemoDeep(t *testing.T) {
	var out bytes.Buffer
	arguments := strings.Fields("diagnose --demo --deep --cluster=ledger")
	var status exitStatus
	if err := run(t.Context(), arguments, streams{strings.NewReader(""), &out, io.Discard}); !errors.As(err, &status) {
		t.Fatal(err)
	}
	const defect = "The tasks are in vpc-0fedcba9876543210: enableDnsHostnames is off; there is no endpoint for the telemetry."
	if !strings.Contains(out.String(), "ledger-api: vpc_endpoint (proof)") || !strings.Contains(out.String(), defect) {
		t.Errorf("it printed\n%s", out.String())
	}
}
