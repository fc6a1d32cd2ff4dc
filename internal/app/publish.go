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

// minBetween is the least time between the beginnings of two renderings, unless
// a reload wants one.
const minBetween = 100 * time.Millisecond

// publisher keeps the page that scrapes get and renders it anew when something
// has changed. A change is on the page one rendering after it, but renderings
// begin at least minBetween apart and take at most half of the time, so that a
// burst of changes costs few of them: a change waits for at most the rest of
// minBetween or, where renderings are longer than half of that, of two of them.
type publisher struct {
	render  func() *exposition.Page
	ready   func() bool   // whether what is rendered from now on is complete
	changed chan struct{} // holds one value when something may not be on the page

	rendering sync.Mutex
	current   atomic.Pointer[publication]
}

type publication struct {
	page  *exposition.Page
	ready bool
}

func newPublisher(render func() *exposition.Page, ready func() bool) *publisher {
	return &publisher{render: render, ready: ready, changed: make(chan struct{}, 1)}
}

// Changed says that what is rendered has changed. It does not wait.
func (p *publisher) Changed() {
	select {
	case p.changed <- struct{}{}:
	default: // it is said already
	}
}

// Publish renders now. All that has changed before is on the page when it
// returns. It may be called concurrently.
func (p *publisher) Publish() {
	p.rendering.Lock()
	defer p.rendering.Unlock()
	select {
	case <-p.changed:
	default:
	}
	ready := p.ready() // before the page is begun: what comes in meanwhile may not be on it
	p.current.Store(&publication{page: p.render(), ready: ready})
}

// Page returns the current page, nil before the first.
func (p *publisher) Page() *exposition.Page { return p.current.Load().page }

// Ready says whether the current page is complete.
func (p *publisher) Ready() bool { return p.current.Load().ready }

// run publishes after changes, until ctx ends.
func (p *publisher) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
		begun := time.Now()
		p.Publish()
		took := time.Since(begun)
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(minBetween, 2*took) - took):
		}
	}
}

// render makes a page of what is known now.
func render(in collector.Input) *exposition.Page {
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
