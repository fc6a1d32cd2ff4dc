package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogWriterWritesAllLinesInOrder(t *testing.T) {
	var out, want bytes.Buffer
	w := NewLogWriter(&out)
	for i := range 1000 {
		line := fmt.Appendf(nil, "line %d\n", i)
		want.Write(line)
		if n, err := w.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		copy(line, "XXXX") // the caller may reuse it
	}
	w.Close(time.Minute)
	if out.String() != want.String() || w.Dropped() != 0 {
		t.Errorf("dropped %d lines, wrote %d bytes", w.Dropped(), out.Len())
	}
}

// TestLogWriterNeverBlocks writes to a pipe without a reader until more than the
// buffer is dropped, then reads what was kept.
func TestLogWriterNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, out := io.Pipe()
		w := NewLogWriter(out)
		line := []byte(strings.Repeat("x", 1023) + "\n")
		const lines = 3 * maxPendingLog / 1024
		for range lines {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		if got, want := w.Dropped(), uint64(lines*2/3); got != want {
			t.Errorf("dropped %d lines, want %d", got, want)
		}
		go io.Copy(io.Discard, reader) //nolint:errcheck // ends with the pipe
		synctest.Wait()
		before := w.Dropped()
		if _, err := w.Write(line); err != nil || w.Dropped() != before {
			t.Error("a line was dropped although there is room again")
		}
		w.Close(time.Minute)
		_ = out.Close()
	})
}

func TestLogWriterCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, out := io.Pipe()
		w := NewLogWriter(out)
		_, _ = w.Write([]byte("a line\n"))
		started := time.Now()
		w.Close(time.Second)
		if took := time.Since(started); took != time.Second {
			t.Errorf("Close took %v", took)
		}
		_ = reader.Close() // ends the goroutine
	})
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestLogWriterCountsLinesThatFail(t *testing.T) {
	w := NewLogWriter(failingWriter{})
	_, _ = w.Write([]byte("a line\n"))
	w.Close(time.Minute)
	if got := w.Dropped(); got != 1 {
		t.Errorf("dropped %d lines, want 1", got)
	}
	if got := (*LogWriter)(nil).Dropped(); got != 0 {
		t.Errorf("dropped %d lines without a LogWriter", got)
	}
}
