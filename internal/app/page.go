package app

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/collector"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

// minRenderInterval is the minimum time between the starts of two renderings,
// except for a reload.
const minRenderInterval = 100 * time.Millisecond

// renderer keeps the page that scrapes get and renders it again after a change.
// Renderings start at least minRenderInterval apart and take at most half of
// the time.
type renderer struct {
	o       rendererOptions
	changed chan struct{} // holds one value when a change may not be on the page
	ended   chan struct{} // closed when run ends

	renderMu sync.Mutex
	current  atomic.Pointer[renderedPage] // nil before the first
}

// rendererOptions configures a renderer. The functions must be safe for
// concurrent use.
type rendererOptions struct {
	// render returns a page and when it expires, zero for never: it must not be
	// served after that.
	render func() (page *exposition.Page, expires time.Time)
	// ready reports whether a page rendered from now on is complete.
	ready func() bool
	// expire removes what is too old to be rendered.
	expire func()
}

type renderedPage struct {
	page     *exposition.Page
	expires  time.Time
	ready    bool
	replaced chan struct{} // closed when there is a newer page
}

func (p *renderedPage) expired() bool {
	return !p.expires.IsZero() && coverage.Expired(p.expires, time.Now())
}

func newRenderer(o rendererOptions) *renderer {
	return &renderer{o: o, changed: make(chan struct{}, 1), ended: make(chan struct{})}
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
	r.renderMu.Lock()
	defer r.renderMu.Unlock()
	select {
	case <-r.changed:
	default:
	}
	next := &renderedPage{replaced: make(chan struct{})}
	next.ready = r.o.ready() // before rendering: the page may lack what changes meanwhile
	next.page, next.expires = r.o.render()
	if previous := r.current.Swap(next); previous != nil {
		close(previous.replaced)
	}
}

// Page returns the current page. It must not be called before the first Render.
// If the page has expired, which happens after a suspension of the process, it
// waits for the next one.
func (r *renderer) Page() *exposition.Page {
	for {
		current := r.current.Load()
		if !current.expired() {
			return current.page
		}
		r.o.expire()
		r.Changed()
		select {
		case <-current.replaced:
		case <-r.ended:
			return exposition.Render(func(*exposition.Writer) {})
		}
	}
}

// Ready reports whether the current page is complete.
func (r *renderer) Ready() bool { return r.current.Load().ready }

// run renders after changes, until ctx ends.
func (r *renderer) run(ctx context.Context) {
	defer close(r.ended)
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
		case <-time.After(max(minRenderInterval, 2*took) - took):
		}
	}
}

// expiry returns when the first snapshot of a view expires, zero for never.
func expiry(v *coverage.View) time.Time {
	var first time.Time
	for _, r := range v.Reports {
		if r.Snapshot != nil && (first.IsZero() || r.Expires.Before(first)) {
			first = r.Expires
		}
	}
	return first
}

// renderPage renders all families, with labels for these cluster tags.
func renderPage(in collector.Input, tags ...string) *exposition.Page {
	families := slices.SortedFunc(slices.Values(collector.Families(tags...)), func(a, b collector.Family) int {
		return strings.Compare(a.Name, b.Name)
	})
	return exposition.Render(func(w *exposition.Writer) {
		for _, f := range families {
			w.Family(f.Name, f.Help, f.Labels)
			f.Each(in, w.Sample)
		}
	})
}
