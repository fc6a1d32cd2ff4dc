package events

import (
	"context"
	"log/slog"
	"sync"
)

// action is what is asked of a queue.
type action string

const (
	receiving   action = "receive"
	deleting    action = "delete"
	handingBack action = "hand_back"
)

// health knows which actions of a queue failed the last time. It is safe for
// concurrent use.
type health struct {
	url string
	o   Options

	mu      sync.Mutex
	failed  map[action]bool // without what was never tried
	retired bool
}

func newHealth(url string, o Options) *health {
	return &health{url: url, o: o, failed: map[action]bool{}}
}

// report takes the result of an action. A queue is up while receiving and
// deleting succeed. A message that cannot be handed back is not lost, nor is it
// known when the next one will be, so that is logged alone.
func (h *health) report(ctx context.Context, a action, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.retired {
		return
	}
	failed, tried := h.failed[a]
	h.failed[a] = err != nil
	h.o.Metrics.setUp(h.url, !h.failed[receiving] && !h.failed[deleting])
	switch {
	case err != nil:
		level := slog.LevelWarn
		if failed {
			level = slog.LevelDebug
		}
		text := err.Error()
		h.o.Logger.LogAttrs(ctx, level, "request to event queue failed",
			slog.String("action", string(a)), slog.String("err", text[:min(len(text), maxErrorBytes)]))
	case failed, !tried && a == receiving:
		h.o.Logger.LogAttrs(ctx, slog.LevelInfo, "event queue answers", slog.String("action", string(a)))
	}
}

// maxErrorBytes bounds an error in the log: some repeat the whole answer.
const maxErrorBytes = 2000

// retire makes sure that nothing more is said of the queue.
func (h *health) retire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retired = true
	h.o.Metrics.dropUp(h.url)
}
