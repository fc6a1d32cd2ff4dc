package refresh

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// worker refreshes one target.
type worker struct {
	refresher *Refresher
	at        id
	lister    *worker // the one whose List found this target; nil for a configured one
	cancel    context.CancelFunc
	changed   chan struct{} // holds one value when the settings changed
	early     chan early    // asks for a refresh at once
	wanted    chan struct{} // holds one value when there is a next batch

	rereadFails bool // the last reread failed; for runRereads alone

	mu       sync.Mutex // guards what follows
	target   Target
	settings Settings
	report   coverage.Report
	answered Target // that the last good refresh was made with
	ended    int    // how many refreshes have
	tried    bool
	retired  bool
	stale    *time.Timer // runs from each success until the snapshot is too old
	next     *batch      // what is to be reread, nil for nothing
	// meanwhile holds what was reread since the refresh under way began, nil
	// for what is gone. It is nil itself while none is under way.
	meanwhile map[coverage.Key]*coverage.Resource
}

func newWorker(r *Refresher, t Target, s Settings) *worker {
	return &worker{
		refresher: r, at: t.id(), target: t, settings: s,
		changed: make(chan struct{}, 1), early: make(chan early), wanted: make(chan struct{}, 1),
		report: coverage.Report{Target: coverage.TargetID{Name: t.Name, Region: t.Region}},
	}
}

// run refreshes after the first delay and then at every interval, until ctx ends.
func (w *worker) run(ctx context.Context, first time.Duration, random func() float64) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	var started time.Time
	for {
		select {
		case <-ctx.Done():
			w.retire()
			return
		case <-w.changed:
			if started.IsZero() {
				continue
			}
		case <-timer.C:
			started = time.Now()
			_ = w.refresh(ctx) // is logged, and a state of the target
		case ask := <-w.early:
			if !ask.needed() {
				ask.result <- nil
				continue
			}
			started = time.Now()
			ask.result <- w.refresh(ctx)
		}
		_, settings := w.orders()
		timer.Reset(time.Until(nextStart(started, settings.Interval, random())))
	}
}

// refresh makes one attempt and returns its error.
func (w *worker) refresh(ctx context.Context) error {
	target, settings, known := w.begin()
	attempt, cancel := context.WithTimeout(ctx, settings.Timeout)
	defer cancel()
	started := time.Now()
	var result outcome
	if target.List != nil {
		result = w.list(ctx, attempt, target)
	} else {
		result.accountID, result.snapshot, result.err = target.Read(attempt, known)
	}
	if ctx.Err() != nil {
		return ctx.Err() // told to stop: that is no failure of the target
	}
	result.duration = time.Since(started)
	w.wantAgain(w.finish(ctx, target, result))
	return result.err
}

// begin says what to do, and has what is reread from now on remembered.
func (w *worker) begin() (t Target, s Settings, known *coverage.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meanwhile = map[coverage.Key]*coverage.Resource{}
	return w.target, w.settings, w.report.Snapshot
}

type outcome struct {
	accountID string
	snapshot  *coverage.Snapshot
	err       error
	duration  time.Duration
}

// list finds targets and hands them to the refresher. They live as long as ctx,
// not as the attempt.
func (w *worker) list(ctx, attempt context.Context, target Target) (result outcome) {
	var targets []Target
	result.accountID, targets, result.err = target.List(attempt)
	if result.err == nil {
		w.refresher.setListed(ctx, w, targets)
	}
	return result
}

// finish takes what an attempt has brought and publishes it. It returns what
// has to be read again.
func (w *worker) finish(ctx context.Context, target Target, result outcome) (unsure []coverage.Key) {
	o := w.refresher.o
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired {
		return nil
	}
	before := w.report.State
	w.tried = true
	w.ended++
	w.report.Duration = result.duration
	w.report.State = awserr.State(w.target.Region, result.err)
	if result.accountID != "" {
		w.report.Target.AccountID = result.accountID
	}
	if result.err == nil {
		w.report.LastSuccess, w.answered = time.Now(), target
		w.report.Snapshot, unsure = w.reconcile(result.snapshot)
		w.watchStaleness()
		o.Metrics.countUnclassified(result.snapshot)
	}
	w.meanwhile = nil
	w.log(ctx, before, result)
	o.Put(w.report)
	return unsure
}

// maxErrorBytes bounds an error in the log: some repeat the whole answer.
const maxErrorBytes = 2000

// log writes one line for the attempt, a loud one where the state changed.
func (w *worker) log(ctx context.Context, before coverage.State, result outcome) {
	logger, attrs := w.refresher.o.Logger, []slog.Attr{
		slog.String("target", w.report.Target.Name),
		slog.String("account_id", w.report.Target.AccountID),
		slog.String("region", w.report.Target.Region),
		slog.String("state", string(w.report.State)),
		slog.Duration("duration", result.duration),
	}
	success, failure := slog.LevelInfo, slog.LevelWarn
	if before == w.report.State {
		success, failure = slog.LevelDebug, slog.LevelDebug
	}
	if result.err != nil {
		text := result.err.Error()
		attrs = append(attrs, slog.String("err", text[:min(len(text), maxErrorBytes)]))
		logger.LogAttrs(ctx, failure, "refresh of target failed", attrs...)
		return
	}
	if result.snapshot != nil {
		attrs = append(attrs, slog.Int("resources", len(result.snapshot.Resources)))
	}
	logger.LogAttrs(ctx, success, "target refreshed", attrs...)
}

// watchStaleness sets the time at which the snapshot becomes too old to be
// shown. The caller holds w.mu.
func (w *worker) watchStaleness() {
	if w.stale != nil {
		w.stale.Stop()
	}
	if w.report.Snapshot == nil {
		return
	}
	left := time.Until(w.report.LastSuccess.Add(w.settings.MaxStaleness))
	w.stale = time.AfterFunc(left, w.withdraw)
}

// withdraw takes a snapshot that became too old from the report.
func (w *worker) withdraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.retired || w.report.Snapshot == nil || time.Since(w.report.LastSuccess) < w.settings.MaxStaleness {
		return
	}
	w.report.Snapshot = nil
	w.refresher.o.Logger.Warn("data of target withdrawn: its last successful refresh is too long ago",
		"target", w.report.Target.Name, "account_id", w.report.Target.AccountID, "region", w.report.Target.Region,
		"last_success", w.report.LastSuccess, "max_staleness", w.settings.MaxStaleness)
	w.refresher.o.Put(w.report)
}

// adopt takes new functions and settings for a target that asks the same.
func (w *worker) adopt(t Target, s Settings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.target = t
	if w.settings == s {
		return
	}
	w.settings = s
	w.watchStaleness()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// retire makes sure that nothing more is published, and returns the target.
func (w *worker) retire() coverage.TargetID {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retired = true
	if w.stale != nil {
		w.stale.Stop()
	}
	return w.report.Target
}

// known returns the target as it was last refreshed well, what is known of it,
// and whether it was ever tried.
func (w *worker) known() (answered Target, r coverage.Report, tried bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered, w.report, w.tried
}

// finished returns how many refreshes have ended.
func (w *worker) finished() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *worker) orders() (Target, Settings) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target, w.settings
}

func (w *worker) hasTried() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tried
}
