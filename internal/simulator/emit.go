package simulator

import "time"

// assessed calls do with every resource of the world that a detector assesses.
func (w *World) assessed(do func(accountID string, r resource)) {
	for _, a := range w.Accounts {
		for _, d := range a.Detectors {
			if d.monitors() && a.Detector(d.Region) == d {
				a.each(d.Region, func(r resource) { do(a.ID, r) })
			}
		}
	}
}

// statuses returns the coverage status of every assessed resource by its ARN;
// nil where no queue wants events.
func (w *World) statuses() map[string]string {
	if len(w.listeners()) == 0 {
		return nil
	}
	all := map[string]string{}
	w.assessed(func(accountID string, r resource) { all[r.arn(accountID)] = r.CoverageStatus() })
	return all
}

// listeners returns the queues that want events.
func (w *World) listeners() map[QueueAddress]*Queue {
	all := w.queues()
	for at, q := range all {
		if q.Events == NoEvents {
			delete(all, at)
		}
	}
	return all
}

// changes returns the assessed resources whose status is not what it was before,
// or that are new.
func (w *World) changes(before map[string]string, now time.Time) []change {
	var list []change
	w.assessed(func(accountID string, r resource) {
		if previous, known := before[r.arn(accountID)]; !known || previous != r.CoverageStatus() {
			list = append(list, change{resource: r, id: newUUID(), accountID: accountID, previous: previous, time: now})
		}
	})
	return list
}

// emit sends the events of what has changed since before, which is nil where no
// queue wanted any. The lock must be held.
func (s *Server) emit(before map[string]string) {
	if before == nil {
		return
	}
	now := s.now()
	changes := s.world.changes(before, now)
	for at, q := range s.world.listeners() {
		for _, c := range changes {
			text, err := c.text(q, at)
			if err != nil {
				s.logger.Error("an event cannot be written", "err", err)
				continue
			}
			s.mail.send(at, now, producer, text)
		}
	}
}
