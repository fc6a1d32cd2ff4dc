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

// world is something that changes, in a bubble of fake time.
type world struct {
	*renderer
	mu      sync.Mutex
	version int
	took    time.Duration // by each rendering
	ended   []rendering
}

type rendering struct {
	version    int
	begun, end time.Time
}

// inBubble runs f beside a publisher.
func inBubble(t *testing.T, took time.Duration, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{took: took}
		w.renderer = newRenderer(w.render, func() bool { return w.now() > 1 })
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.run(ctx) })
		f(t, w)
		cancel()
		running.Wait()
	})
}

func (w *world) render() *exposition.Page {
	r := rendering{version: w.now(), begun: time.Now()}
	time.Sleep(w.took)
	r.end = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, r)
	return exposition.Render(func(out *exposition.Writer) {
		out.Family("version", "Version.", nil)
		out.Sample(float64(r.version))
	})
}

func (w *world) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version
}

func (w *world) change() {
	w.mu.Lock()
	w.version++
	w.mu.Unlock()
	w.Changed()
}

func (w *world) renderings() []rendering {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func TestAChangeIsPublishedAtOnce(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, w *world) {
		for n := 1; n <= 3; n++ {
			w.change()
			if got := w.renderings(); len(got) != n || got[n-1].version != n {
				t.Errorf("after change %d: %v", n, got)
			}
			time.Sleep(minBetween)
		}
		time.Sleep(time.Hour)
		if got := w.renderings(); len(got) != 3 {
			t.Errorf("%d renderings of 3 changes", len(got))
		}
	})
}

func TestABurstCostsTwoRenderings(t *testing.T) {
	inBubble(t, time.Millisecond, func(t *testing.T, w *world) {
		for range 1000 {
			w.change()
			time.Sleep(minBetween / 1000)
		}
		time.Sleep(time.Hour)
		if got := w.renderings(); len(got) != 2 || got[1].version != 1000 {
			t.Errorf("%v", got)
		}
	})
}

// TestRenderingsLeaveTimeAndStarveNobody has changes at random times, few and
// many, and renderings from short to longer than what lies between them.
func TestRenderingsLeaveTimeAndStarveNobody(t *testing.T) {
	for _, took := range []time.Duration{0, 10 * time.Millisecond, 50 * time.Millisecond, 80 * time.Millisecond, 2 * time.Second} {
		for _, between := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 3 * time.Second} {
			inBubble(t, took, func(t *testing.T, w *world) {
				r := rand.New(rand.NewPCG(1, 1))
				changed := []time.Time{{}}
				begun := time.Now()
				for range 300 {
					time.Sleep(time.Duration(r.Int64N(int64(2 * between))))
					changed = append(changed, time.Now())
					w.change()
				}
				time.Sleep(time.Minute)
				checkRenderings(t, w, changed)
				if spent, all := time.Duration(len(w.ended))*took, time.Since(begun); spent > all/2+took {
					t.Errorf("renderings of %s took %s of %s", took, spent, all)
				}
			})
		}
	}
}

// checkRenderings asks how long each change has waited, and that none is lost.
func checkRenderings(t *testing.T, w *world, changed []time.Time) {
	t.Helper()
	longest := max(minBetween, 2*w.took) + w.took
	ended, shown := w.renderings(), 0
	for i, r := range ended {
		if i > 0 && r.begun.Sub(ended[i-1].begun) < minBetween {
			t.Errorf("renderings began %s apart", r.begun.Sub(ended[i-1].begun))
		}
		for ; shown < r.version; shown++ {
			if waited := r.end.Sub(changed[shown+1]); waited > longest {
				t.Errorf("a change was on the page after %s, of at most %s", waited, longest)
			}
		}
	}
	if shown != len(changed)-1 {
		t.Errorf("%d changes of %d are on the page", shown, len(changed)-1)
	}
}

// TestPublishWaits asks for a page while another is rendered.
func TestPublishWaits(t *testing.T) {
	begun, finish := make(chan int, 2), make(chan struct{})
	n := 0
	p := newRenderer(func() *exposition.Page {
		n++ // one at a time, or the race detector tells
		begun <- n
		<-finish
		return exposition.Render(func(w *exposition.Writer) {
			w.Family("n", "N.", nil)
			w.Sample(float64(n))
		})
	}, func() bool { return true })
	var publishing sync.WaitGroup
	publishing.Go(p.Render)
	<-begun
	p.Changed()
	publishing.Go(p.Render)
	finish <- struct{}{}
	<-begun
	if len(p.changed) > 0 {
		t.Error("what is being published is said to have changed still")
	}
	finish <- struct{}{}
	publishing.Wait()
	var page strings.Builder
	if _, err := p.Page().WriteTo(&page); err != nil || !strings.HasSuffix(page.String(), "\nn 2\n") {
		t.Errorf("%v %s", err, &page)
	}
}

// TestReadyIsThePage is ready from version 2 on, once that is on the page.
func TestReadyIsThePage(t *testing.T) {
	inBubble(t, time.Second, func(t *testing.T, w *world) {
		w.Render()
		w.change()
		synctest.Wait() // version 1 is being rendered
		w.change()
		time.Sleep(1500 * time.Millisecond)
		if got := w.renderings(); len(got) != 2 || w.Ready() {
			t.Errorf("ready before the page: %v", got)
		}
		time.Sleep(time.Hour)
		if !w.Ready() {
			t.Error("not ready with the page")
		}
	})
}

func TestRunEndsWhileItRests(t *testing.T) {
	inBubble(t, 0, func(_ *testing.T, w *world) {
		w.change()
		synctest.Wait()
	})
}
