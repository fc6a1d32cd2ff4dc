package faulttest

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var (
	update = flag.Bool("update", false, "write the tables of docs/reliability.md anew")
	every  = flag.Bool("every", false, "run every row, and not only those that stand for the others")
	full   = flag.Bool("full", false, "run every row, with the largest fleets, and a thousand refreshes")
)

// brief says whether only those rows run that stand for the others.
func brief() bool { return !*every && !*full }

// atATime is how many rows run at a time: they wait more than they work, but
// for the race detector's part in it.
func atATime() int {
	if raced {
		return 12
	}
	return 32
}

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(atATime())); err != nil {
		panic(err)
	}
	cleanUp, err := setEnvironment()
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		cleanUp()
		os.Exit(code)
	}))
}

// rows is the table of faults.
func rows() []row {
	return slices.Concat(apiRows(), networkRows(), credentialRows(), domainRows(), httpRows(), processRows(), eventRows(), chainRows())
}

// TestReliability runs the rows and prints, for those that passed, what they
// have checked.
func TestReliability(t *testing.T) {
	pulse := newPulse()
	defer close(pulse.stop)
	var mu sync.Mutex
	passed := map[string]bool{}
	run := func(t *testing.T, heavy bool) {
		n := 0
		for _, r := range rows() {
			if brief() && !r.short || r.heavy != heavy {
				continue
			}
			n++
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				<-time.After(usual().interval * time.Duration(n%atATime()) / time.Duration(atATime())) // so that not all refresh at once
				failures := r.try(t, pulse)
				for _, failure := range failures {
					t.Error(failure)
				}
				mu.Lock()
				defer mu.Unlock()
				passed[r.name] = len(failures) == 0
			})
		}
	}
	t.Run("rows", func(t *testing.T) { run(t, false) })
	t.Run("heavy", func(t *testing.T) { run(t, true) })
	t.Log("what has been checked:\n" + matrix(slices.DeleteFunc(rows(), func(r row) bool { return !passed[r.name] })))
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.name] {
			t.Errorf("two rows are called %q", r.name)
		}
		seen[r.name] = true
	}
}

// TestDocument holds the document to the table.
func TestDocument(t *testing.T) {
	const begin, end = "<!-- The tables are made by go test ./internal/faulttest -update -->\n", "<!-- The end of the tables. -->\n"
	file := filepath.Join("..", "..", "docs", "reliability.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no place for the tables", file)
	}
	want := before + begin + matrix(rows()) + "\n" + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s is not of the table; write it anew with -update (-want +got):\n%s", file, diff)
	}
}
