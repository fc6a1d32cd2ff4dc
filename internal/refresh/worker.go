package refresh

import (
	"context"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// worker refreshes one target.
type worker struct {
	refresher  *Refresher
	id         coverage.TargetID
	parent     *worker // whose List found this target; nil for a configured one
	cancel     context.CancelFunc
	changed    chan struct{}       // holds one value after a change of the settings
	requests   chan refreshRequest // for a refresh now
	hasPending chan struct{}       // holds one value while a batch is pending

	refreshLog awserr.LogLevels // used by run only
	partialLog awserr.LogLevels // used by runPartialReads only

	mu sync.Mutex // guards the fields below
	workerState
	stopped bool
	expiry  *time.Timer // expires the snapshot; see setExpiry
	pending *batch      // nil for none
	// partialReads holds what was read by key during the refresh in flight, nil
	// for resources that the target omits. The map is nil while none is in flight.
	partialReads map[coverage.Key]*coverage.Resource
}

// workerState is the part of a worker that state returns.
type workerState struct {
	target    Target    // of the next refresh
	settings  Settings  // of the next refresh
	lastRead  Target    // the target as of the last successful refresh
	completed int       // refreshes, successful or not
	next      time.Time // when the next refresh starts; zero before the first has ended
	report    coverage.Report
}

func newWorker(r *Refresher, t Target, s Settings) *worker {
	return &worker{
		refresher: r, id: t.id(),
		changed: make(chan struct{}, 1), requests: make(chan refreshRequest), hasPending: make(chan struct{}, 1),
		workerState: workerState{target: t, settings: s, report: coverage.Report{Target: t.id()}},
	}
}

// state returns the state. The report has no snapshot if the snapshot has only
// optional data.
func (w *worker) state() workerState {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.workerState
	if !w.listed() {
		s.report.Snapshot = nil
	}
	return s
}

// listed reports whether the snapshot is of a successful refresh. The caller
// holds w.mu.
func (w *worker) listed() bool {
	return w.report.Snapshot != nil && !w.report.Snapshot.OptionalOnly
}

// run refreshes after the first delay and then at every interval, until ctx ends.
func (w *worker) run(ctx context.Context, first time.Duration, random func() float64) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	var started time.Time
	for {
		select {
		case <-ctx.Done():
			w.stop()
			return
		case <-w.changed:
			if started.IsZero() {
				continue
			}
		case <-timer.C:
			started = time.Now()
			_ = w.refresh(ctx) // logged, and visible in the target's state
		case request := <-w.requests:
			if !request.needed() {
				request.result <- nil
				continue
			}
			started = time.Now()
			request.result <- w.refresh(ctx)
		}
		timer.Reset(time.Until(w.schedule(started, random())))
	}
}

// schedule sets and returns when the next refresh starts.
func (w *worker) schedule(started time.Time, random float64) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = nextStart(started, w.settings.Interval, random)
	return w.next
}

// refresh makes one attempt and returns its error.
func (w *worker) refresh(ctx context.Context) error {
	target, settings, known := w.begin()
	attempt, cancel := context.WithTimeout(ctx, settings.Timeout)
	defer cancel()
	started := time.Now()
	var r result
	if target.List != nil {
		r = w.list(ctx, attempt, target)
	} else {
		r.accountID, r.snapshot, r.err = target.Source.Read(attempt, known)
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopped, which is not a failure of the target
	}
	r.duration = time.Since(started)
	w.requeue(w.finish(ctx, target, r))
	return r.err
}

// begin returns the input of a refresh and starts to record partial reads.
func (w *worker) begin() (t Target, s Settings, known *coverage.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partialReads = map[coverage.Key]*coverage.Resource{}
	return w.target, w.settings, w.report.Snapshot
}

// result is the result of one refresh.
type result struct {
	accountID string
	snapshot  *coverage.Snapshot
	err       error
	duration  time.Duration
}

// list finds targets and hands them to the refresher. They run until ctx ends,
// which outlives the attempt.
func (w *worker) list(ctx, attempt context.Context, target Target) (r result) {
	var targets []Target
	r.accountID, targets, r.err = target.List(attempt)
	if r.err == nil {
		w.refresher.setListed(ctx, w, targets)
	}
	return r
}

// finish puts and logs the result of a refresh. It returns the resources that
// have to be read again.
func (w *worker) finish(ctx context.Context, target Target, r result) (conflicts []coverage.Key) {
	report, conflicts, ok := w.put(target, r)
	if ok {
		w.logRefresh(ctx, report, r) // without the lock: the log may block
	}
	return conflicts
}

// put updates the report with the result of a refresh and puts it, unless the
// worker has stopped.
func (w *worker) put(target Target, r result) (report coverage.Report, conflicts []coverage.Key, ok bool) {
	o := w.refresher.o
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return coverage.Report{}, nil, false
	}
	w.completed++
	w.report.Duration = r.duration
	w.report.State = awserr.State(w.target.Region, r.err)
	if r.accountID != "" {
		w.report.AccountID = r.accountID
	}
	if r.err != nil && r.snapshot != nil {
		w.report.Snapshot = w.report.Snapshot.WithOptional(r.snapshot)
		w.setExpiry()
	}
	if r.err != nil {
		w.report.LastFailure = awserr.Failure(time.Now(), r.err)
	} else {
		w.report.LastSuccess, w.lastRead = time.Now(), target
		w.report.Snapshot, conflicts = w.merge(r.snapshot)
		w.setExpiry()
		if r.snapshot != nil {
			o.Metrics.countUnclassified(r.snapshot.Resources)
		}
	}
	w.partialReads = nil
	o.Put(w.report)
	return w.report, conflicts, true
}

// setExpiry sets when the snapshot is too old and starts the timer that then
// removes it. The caller holds w.mu.
func (w *worker) setExpiry() {
	if w.expiry != nil {
		w.expiry.Stop()
	}
	w.report.Expires = time.Time{}
	if w.report.Snapshot == nil {
		return
	}
	since := w.report.LastSuccess
	if !w.listed() {
		since = w.report.Snapshot.ReadAt
	}
	w.report.Expires = since.Add(w.settings.MaxStaleness)
	w.expiry = time.AfterFunc(time.Until(w.report.Expires), w.expire)
}

// expire removes a snapshot that is too old from the report.
func (w *worker) expire() {
	if report, maxStaleness, ok := w.putExpired(); ok {
		w.refresher.o.Logger.Warn("target data expired, last successful refresh exceeds max_staleness",
			append(targetAttrs(report), "last_success", report.LastSuccess, "max_staleness", maxStaleness)...)
	}
}

func (w *worker) putExpired() (r coverage.Report, maxStaleness time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.report.Snapshot == nil || !coverage.Expired(w.report.Expires, time.Now()) {
		return coverage.Report{}, 0, false
	}
	w.report.Snapshot = nil
	w.setExpiry()
	w.refresher.o.Put(w.report)
	return w.report, w.settings.MaxStaleness, true
}

// update replaces the functions and settings of a target whose Key is unchanged.
func (w *worker) update(t Target, s Settings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = t
	if w.settings == s {
		return
	}
	w.settings = s
	if w.setExpiry(); w.report.Snapshot != nil && !w.stopped {
		w.refresher.o.Put(w.report) // with the new time
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// stop stops the worker. Nothing is put after it returns.
func (w *worker) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.expiry != nil {
		w.expiry.Stop()
	}
}
