package app

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// transitionMetrics counts transitions. It is a counter, so it cannot be derived
// from the current view like the other coverage metrics. The counters of an
// account and Region exist while a target reports it, from its first snapshot
// on, so that increase() includes their first increment. It is safe for
// concurrent use.
type transitionMetrics struct {
	counter *prometheus.CounterVec

	mu       sync.Mutex
	accounts map[coverage.TargetID][]string // of the last snapshot
	targets  map[accountRegion]int          // number of targets that report it
}

type accountRegion struct{ accountID, region string }

func newTransitionMetrics(reg prometheus.Registerer) *transitionMetrics {
	return &transitionMetrics{
		counter: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_coverage_transitions_total",
			Help: `Number of changes of an ECS cluster to this coverage status; "other" is any status except HEALTHY and UNHEALTHY.`,
		}, []string{"account_id", "region", "coverage_status"}),
		accounts: map[coverage.TargetID][]string{},
		targets:  map[accountRegion]int{},
	}
}

// observe takes a report and the transitions that it brought. An expired
// snapshot does not remove counters.
func (m *transitionMetrics) observe(r coverage.Report, transitions []coverage.Transition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Snapshot != nil {
		m.set(r.Target, r.Snapshot.AccountsOf(coverage.ECS))
	}
	for _, t := range transitions {
		m.counter.WithLabelValues(t.AccountID, t.Region, transitionStatus(t.Status)).Inc()
	}
}

// drop removes a target that is no longer configured.
func (m *transitionMetrics) drop(t coverage.TargetID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set(t, nil)
}

// set replaces the accounts that a target reports. The caller holds m.mu.
func (m *transitionMetrics) set(t coverage.TargetID, accounts []string) {
	before := m.accounts[t]
	if slices.Equal(before, accounts) {
		return
	}
	for _, id := range accounts {
		key := accountRegion{id, t.Region}
		if m.targets[key]++; m.targets[key] == 1 {
			m.counter.WithLabelValues(id, t.Region, string(coverage.Healthy))
			m.counter.WithLabelValues(id, t.Region, string(coverage.Unhealthy))
		}
	}
	for _, id := range before {
		key := accountRegion{id, t.Region}
		if m.targets[key]--; m.targets[key] == 0 {
			delete(m.targets, key)
			m.counter.DeletePartialMatch(prometheus.Labels{"account_id": id, "region": t.Region})
		}
	}
	if m.accounts[t] = accounts; len(accounts) == 0 {
		delete(m.accounts, t)
	}
}

// transitionStatus keeps the number of series bounded, whatever AWS returns.
func transitionStatus(s coverage.Status) string {
	if s == coverage.Healthy || s == coverage.Unhealthy {
		return string(s)
	}
	return "other"
}
