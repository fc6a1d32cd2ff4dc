package app

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxPendingLog limits the bytes that wait to be written to the log.
const maxPendingLog = 1 << 20

// LogWriter is an io.Writer that never blocks: a goroutine writes to another
// io.Writer, and what does not fit into the buffer while that blocks is dropped.
// It is safe for concurrent use.
type LogWriter struct {
	out     io.Writer
	wake    chan struct{} // holds one value after a Write
	closing chan struct{}
	done    chan struct{}
	dropped atomic.Uint64

	mu      sync.Mutex
	pending [][]byte
	size    int // bytes of pending and of the line being written
}

// NewLogWriter returns a LogWriter to out. Its goroutine runs until Close.
func NewLogWriter(out io.Writer) *LogWriter {
	w := &LogWriter{out: out, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// Write implements io.Writer. Each call is one line, written or dropped as a whole.
func (w *LogWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size+len(line) > maxPendingLog {
		w.dropped.Add(1)
		return len(line), nil
	}
	w.pending = append(w.pending, bytes.Clone(line))
	w.size += len(line)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// Dropped returns the number of lines that were not written, 0 for a nil
// LogWriter.
func (w *LogWriter) Dropped() uint64 {
	if w == nil {
		return 0
	}
	return w.dropped.Load()
}

// Close waits for the pending lines to be written, for at most the timeout. It
// must be called once.
func (w *LogWriter) Close(timeout time.Duration) {
	close(w.closing)
	select {
	case <-w.done:
	case <-time.After(timeout):
	}
}

func (w *LogWriter) run() {
	defer close(w.done)
	for {
		for line := w.next(0); line != nil; line = w.next(len(line)) {
			if _, err := w.out.Write(line); err != nil {
				w.dropped.Add(1)
			}
		}
		select {
		case <-w.wake:
		case <-w.closing:
			select {
			case <-w.wake: // lines from before Close
			default:
				return
			}
		}
	}
}

// next returns the next line, nil for none, after the given bytes were written.
func (w *LogWriter) next(written int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size -= written
	if len(w.pending) == 0 {
		w.pending = nil
		return nil
	}
	line := w.pending[0]
	w.pending = w.pending[1:]
	return line
}
