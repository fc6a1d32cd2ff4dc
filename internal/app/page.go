package app

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

// minBetween is the minimum time between the starts of two renderings, except
// for a reload.
const minBetween = 100 * time.Millisecond

// renderer keeps the page that scrapes get and renders it again after a change.
// Renderings start at least minBetween apart and take at most half of the time.
type renderer struct {
	render  func() *exposition.Page
	ready   func() bool   // whether a page rendered from now on is complete
	changed chan struct{} // holds one value when a change may not be on the page

	rendering sync.Mutex
	current   atomic.Pointer[renderedPage]
}

type renderedPage struct {
	page  *exposition.Page
	ready bool
}

func newRenderer(render func() *exposition.Page, ready func() bool) *renderer {
	return &renderer{render: render, ready: ready, changed: make(chan struct{}, 1)}
}

// Changed schedules a rendering. It does not block.
func (r *renderer) Changed() {
	select {
	case r.changed <- struct{}{}:
	default: // scheduled already
	}
}

// Render renders the page now. All earlier changes are on the page when it
// returns. It is safe for concurrent use.
func (r *renderer) Render() {
	r.rendering.Lock()
	defer r.rendering.Unlock()
	select {
	case <-r.changed:
	default:
	}
	ready := r.ready() // before rendering: the page may lack what changes meanwhile
	r.current.Store(&renderedPage{page: r.render(), ready: ready})
}

// Page returns the current page, nil before the first.
func (r *renderer) Page() *exposition.Page { return r.current.Load().page }

// Ready reports whether the current page is complete.
func (r *renderer) Ready() bool { return r.current.Load().ready }

// run renders after changes, until ctx ends.
func (r *renderer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.changed:
		}
		started := time.Now()
		r.Render()
		took := time.Since(started)
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(minBetween, 2*took) - took):
		}
	}
}

// renderPage renders all families.
func renderPage(in collector.Input) *exposition.Page {
	families := slices.SortedFunc(slices.Values(collector.Families()), func(a, b collector.Family) int {
		return strings.Compare(a.Name, b.Name)
	})
	return exposition.Render(func(w *exposition.Writer) {
		for _, f := range families {
			w.Family(f.Name, f.Help, f.Labels)
			f.Each(in, w.Sample)
		}
	})
}
