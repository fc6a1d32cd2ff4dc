package simulator

import (
	"errors"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// eachMonitored calls do for every resource that a detector monitors.
func (w *World) eachMonitored(do func(accountID string, r resource)) {
	for _, a := range w.Accounts {
		for _, d := range a.Detectors {
			if d.monitors() && a.Detector(d.Region) == d {
				for r := range a.listed(d.Region) {
					do(a.ID, r)
				}
			}
		}
	}
}

// statuses returns the coverage status of every monitored resource by ARN, or
// nil if no queue receives events.
func (w *World) statuses() map[string]string {
	if len(w.subscribers()) == 0 {
		return nil
	}
	all := map[string]string{}
	w.eachMonitored(func(accountID string, r resource) { all[r.arn(accountID)] = r.CoverageStatus() })
	return all
}

// subscribers returns the queues that receive events.
func (w *World) subscribers() map[queue.Address]*Queue {
	all := w.queues()
	for at, q := range all {
		if q.Events == NoEvents {
			delete(all, at)
		}
	}
	return all
}

// diff returns the monitored resources that are new or whose status differs from
// before.
func (w *World) diff(before map[string]string, now time.Time) []change {
	var list []change
	w.eachMonitored(func(accountID string, r resource) {
		if previous, known := before[r.arn(accountID)]; !known || previous != r.CoverageStatus() {
			list = append(list, change{resource: r, id: queue.NewUUID(), accountID: accountID, previous: previous, time: now})
		}
	})
	return list
}

// publishEvents sends the events of all changes since before, which is nil if no
// queue received events then. The lock must be held. The error is that of the
// events that cannot be encoded.
func (s *Server) publishEvents(before map[string]string) error {
	if before == nil {
		return nil
	}
	var failed error
	now := s.now()
	changes := s.world.diff(before, now)
	for at, q := range s.world.subscribers() {
		for _, c := range changes {
			body, err := c.body(q, at)
			if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			s.messages.Send(at, now, eventSender, body)
		}
	}
	return failed
}
