package app

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exposition"
)

// renderHarness runs a renderer with fake time. Its pages show a version.
type renderHarness struct {
	*renderer
	mu      sync.Mutex
	version int
	latency time.Duration // of each rendering
	expires time.Time     // of the pages rendered from now on
	expired int           // calls of expire
	done    []rendering
}

type rendering struct {
	version      int
	started, end time.Time
}

// runRenderer runs f beside a renderer that is ready from version 2 on.
func runRenderer(t *testing.T, latency time.Duration, f func(*testing.T, *renderHarness)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &renderHarness{latency: latency}
		h.renderer = newRenderer(rendererOptions{
			render: h.renderVersion, ready: func() bool { return h.currentVersion() > 1 }, expire: h.expire,
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.run(ctx) })
		f(t, h)
		cancel()
		running.Wait()
	})
}

func (h *renderHarness) renderVersion() (*exposition.Page, time.Time) {
	r := rendering{version: h.currentVersion(), started: time.Now()}
	time.Sleep(h.latency)
	r.end = time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, r)
	return versionPage(r.version), h.expires
}

func versionPage(version int) *exposition.Page {
	return exposition.Render(func(w *exposition.Writer) {
		w.Family("version", "Version.", nil)
		w.Sample(float64(version))
	})
}

func text(t *testing.T, p *exposition.Page) string {
	t.Helper()
	var text strings.Builder
	if err := p.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// expire makes a version that does not expire.
func (h *renderHarness) expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.expired++
	h.version++
	h.expires = time.Time{}
}

func (h *renderHarness) currentVersion() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.version
}

func (h *renderHarness) change() {
	h.mu.Lock()
	h.version++
	h.mu.Unlock()
	h.Changed()
}

func (h *renderHarness) renderings() []rendering {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.done
}

func TestChangeIsRenderedAtOnce(t *testing.T) {
	runRenderer(t, 0, func(t *testing.T, h *renderHarness) {
		for n := 1; n <= 3; n++ {
			h.change()
			if got := h.renderings(); len(got) != n || got[n-1].version != n {
				t.Errorf("after change %d: %v", n, got)
			}
			time.Sleep(minRenderInterval)
		}
		time.Sleep(time.Hour)
		if got := h.renderings(); len(got) != 3 {
			t.Errorf("%d renderings of 3 changes", len(got))
		}
	})
}

func TestBurstIsRenderedTwice(t *testing.T) {
	runRenderer(t, time.Millisecond, func(t *testing.T, h *renderHarness) {
		for range 1000 {
			h.change()
			time.Sleep(minRenderInterval / 1000)
		}
		time.Sleep(time.Hour)
		if got := h.renderings(); len(got) != 2 || got[1].version != 1000 {
			t.Errorf("%v", got)
		}
	})
}

// TestRenderingsAreLimited has few and many changes at random times, and
// renderings shorter and longer than the time between them.
func TestRenderingsAreLimited(t *testing.T) {
	for _, latency := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond, 2 * time.Second} {
		for _, between := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 3 * time.Second} {
			runRenderer(t, latency, func(t *testing.T, h *renderHarness) {
				r := rand.New(rand.NewPCG(1, 1))
				changed := []time.Time{{}}
				started := time.Now()
				for range 300 {
					time.Sleep(time.Duration(r.Int64N(int64(2 * between))))
					changed = append(changed, time.Now())
					h.change()
				}
				time.Sleep(time.Minute)
				checkRenderings(t, h, changed)
				if spent, all := time.Duration(len(h.done))*latency, time.Since(started); spent > all/2+latency {
					t.Errorf("renderings of %s took %s of %s", latency, spent, all)
				}
			})
		}
	}
}

// checkRenderings checks how long each change took to be rendered, and that none
// is lost.
func checkRenderings(t *testing.T, h *renderHarness, changed []time.Time) {
	t.Helper()
	longest := max(minRenderInterval, 2*h.latency) + h.latency
	done, rendered := h.renderings(), 0
	for i, r := range done {
		if i > 0 && r.started.Sub(done[i-1].started) < minRenderInterval {
			t.Errorf("renderings started %s apart", r.started.Sub(done[i-1].started))
		}
		for ; rendered < r.version; rendered++ {
			if took := r.end.Sub(changed[rendered+1]); took > longest {
				t.Errorf("a change was rendered after %s, want at most %s", took, longest)
			}
		}
	}
	if rendered != len(changed)-1 {
		t.Errorf("%d changes of %d were rendered", rendered, len(changed)-1)
	}
}

// TestRenderWaits calls Render during another rendering.
func TestRenderWaits(t *testing.T) {
	started, finish := make(chan int, 2), make(chan struct{})
	n := 0
	r := newRenderer(rendererOptions{
		render: func() (*exposition.Page, time.Time) {
			n++ // not concurrently, or the race detector fails
			started <- n
			<-finish
			return versionPage(n), time.Time{}
		},
		ready: func() bool { return true },
	})
	var rendering sync.WaitGroup
	rendering.Go(r.Render)
	<-started
	r.Changed()
	rendering.Go(r.Render)
	finish <- struct{}{}
	<-started
	if len(r.changed) > 0 {
		t.Error("another rendering is scheduled")
	}
	finish <- struct{}{}
	rendering.Wait()
	if page := text(t, r.Page()); !strings.HasSuffix(page, "\nversion 2\n") {
		t.Error(page)
	}
}

func TestReadyOnceThePageIs(t *testing.T) {
	runRenderer(t, time.Second, func(t *testing.T, h *renderHarness) {
		h.Render()
		h.change()
		synctest.Wait() // version 1 is being rendered
		h.change()
		time.Sleep(1500 * time.Millisecond)
		if got := h.renderings(); len(got) != 2 || h.Ready() {
			t.Errorf("ready before the page: %v", got)
		}
		time.Sleep(time.Hour)
		if !h.Ready() {
			t.Error("not ready with the page")
		}
	})
}

func TestRunEndsBetweenRenderings(t *testing.T) {
	runRenderer(t, 0, func(_ *testing.T, h *renderHarness) {
		h.change()
		synctest.Wait()
	})
}

// TestExpiredPageIsNotServed has no timer that would replace the page. The scrapes
// wait for one rendering by the renderer.
func TestExpiredPageIsNotServed(t *testing.T) {
	runRenderer(t, time.Second, func(t *testing.T, h *renderHarness) {
		h.expires = time.Now().Add(time.Minute)
		h.Render()
		time.Sleep(time.Until(h.expires) - 1)
		if page := text(t, h.Page()); !strings.HasSuffix(page, "\nversion 0\n") {
			t.Error(page)
		}
		time.Sleep(time.Nanosecond)
		var scrapes sync.WaitGroup
		scrapes.Go(func() {
			started := time.Now()
			if page := text(t, h.Page()); !strings.HasSuffix(page, "\nversion 1\n") || time.Since(started) != h.latency {
				t.Errorf("after %s: %s", time.Since(started), page)
			}
		})
		synctest.Wait()
		if h.expired != 1 {
			t.Errorf("expire was called %d times", h.expired)
		}
		scrapes.Wait()
		if n := len(h.renderings()); n != 2 {
			t.Errorf("%d renderings, want 2", n)
		}
	})
}

// TestExpiredPageAfterTheEnd has no renderer that would replace the page.
func TestExpiredPageAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRenderer(rendererOptions{
			render: func() (*exposition.Page, time.Time) { return versionPage(1), time.Now() },
			ready:  func() bool { return true }, expire: func() {},
		})
		r.Render()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.run(ctx)
		if page := text(t, r.Page()); page != "" {
			t.Errorf("an expired page was served: %s", page)
		}
	})
}
