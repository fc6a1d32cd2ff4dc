package faulttest

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"
)

// testCaseLabel is the profiler label of the goroutines of a test case.
// Goroutines inherit labels, so the goroutines of parallel cases can be
// distinguished.
const testCaseLabel = "test_case"

// withLabel calls f with the name of the test case as the label of the
// goroutine and of those that it starts.
func withLabel(ctx context.Context, name string, f func()) {
	pprof.Do(ctx, pprof.Labels(testCaseLabel, name), func(context.Context) { f() })
}

// goroutinesOf returns the number and the stacks of a test case's goroutines.
func goroutinesOf(name string) (n int, stacks string) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1) // a bytes.Buffer does not fail
	label := fmt.Sprintf("# labels: {%q:%q}", testCaseLabel, name)
	for record := range strings.SplitSeq(all.String(), "\n\n") {
		if !strings.Contains(record, label) {
			continue
		}
		count, _, _ := strings.Cut(record, " @")
		goroutines, err := strconv.Atoi(strings.TrimSpace(count[strings.LastIndexByte(count, '\n')+1:]))
		if err != nil {
			goroutines = 1
		}
		n += goroutines
		stacks += record + "\n\n"
	}
	return n, stacks
}

// checkGoroutines waits for the goroutines of the test case to end.
func (a *attempt) checkGoroutines() {
	for deadline := time.Now().Add(a.cleanupWithin); ; <-time.After(20 * time.Millisecond) {
		n, stacks := goroutinesOf(a.Name())
		if n > 0 && time.Now().After(deadline) {
			a.Errorf("%d goroutines remain:\n%s", n, stacks)
		} else if n > 0 {
			continue
		}
		a.checked[cleanup] = true
		return
	}
}
