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

// rowLabel is the profiler's label of the goroutines of a row. Goroutines pass
// it on to those that they start, so rows that run at a time can be told apart.
const rowLabel = "row"

// labelled does with the calling goroutine, and those that it starts, carrying
// the row's name.
func labelled(ctx context.Context, name string, do func()) {
	pprof.Do(ctx, pprof.Labels(rowLabel, name), func(context.Context) { do() })
}

// leftOver returns the stacks of a row's goroutines.
func leftOver(name string) (n int, stacks string) {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1) // a bytes.Buffer takes everything
	mark := fmt.Sprintf("# labels: {%q:%q}", rowLabel, name)
	for record := range strings.SplitSeq(all.String(), "\n\n") {
		if !strings.Contains(record, mark) {
			continue
		}
		count, _, _ := strings.Cut(record, " @")
		of, err := strconv.Atoi(strings.TrimSpace(count[strings.LastIndexByte(count, '\n')+1:]))
		if err != nil {
			of = 1
		}
		n += of
		stacks += record + "\n\n"
	}
	return n, stacks
}

// nothingLeft waits for the goroutines that a row has started to end.
func (x *trial) nothingLeft() {
	for deadline := time.Now().Add(x.patience); ; <-time.After(20 * time.Millisecond) {
		n, stacks := leftOver(x.Name())
		if n > 0 && time.Now().After(deadline) {
			x.Errorf("%d goroutines are left over:\n%s", n, stacks)
		} else if n > 0 {
			continue
		}
		x.evidence.keep(leftovers)
		return
	}
}
