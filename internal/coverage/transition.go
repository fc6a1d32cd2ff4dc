package coverage

// Transition is an ECS cluster's change to another coverage status.
type Transition struct {
	AccountID string
	Region    string
	Status    Status // the new one
}

// Transitions returns what changed for ECS clusters as one target's snapshot
// took the place of another, either of which may be nil. Others are the
// snapshots of further targets: a cluster that they show too has changed when
// the newest of its rows has.
func Transitions(before, after *Snapshot, others []*Snapshot) []Transition {
	if before == nil || after == nil {
		return nil
	}
	var changed []Transition
	old := before.Resources
	for i := range after.Resources {
		now := &after.Resources[i]
		for len(old) > 0 && old[0].Key.compare(now.Key) < 0 {
			old = old[1:]
		}
		if now.Type != ECS || len(old) == 0 || old[0].Key != now.Key || old[0].Status == now.Status {
			continue
		}
		was, is := &old[0], now
		for _, s := range others {
			if other := s.Find(now.Key); other != nil {
				was, is = believed(was, other), believed(is, other)
			}
		}
		if was.Status != is.Status {
			changed = append(changed, Transition{now.AccountID, now.Region, is.Status})
		}
	}
	return changed
}

func believed(a, b *Resource) *Resource {
	if b.compare(*a) < 0 {
		return b
	}
	return a
}
