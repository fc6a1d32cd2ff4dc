package coverage

import "time"

// UnhealthySince returns since when the ECS clusters of a view are not healthy,
// at the latest: a cluster in previous, the result for the view before, keeps its
// time; any other gets the time of its row, if that is known. A cluster that is
// healthy or gone is not in the result, but one is that no target shows because
// the data of a target has expired: it may be unhealthy still.
func UnhealthySince(previous map[Key]time.Time, v *View) map[Key]time.Time {
	since := map[Key]time.Time{}
	clusters := v.OfType(ECS)
	for i := range clusters {
		r := &clusters[i]
		if r.Status == Healthy {
			continue
		}
		if at, ok := previous[r.Key]; ok {
			since[r.Key] = at
		} else if !r.UpdatedAt.IsZero() {
			since[r.Key] = r.UpdatedAt
		}
	}
	for key, at := range previous {
		if _, ok := since[key]; !ok && v.unknown(key) {
			since[key] = at
		}
	}
	if len(since) == 0 {
		return nil
	}
	return since
}

// unknown reports whether a target that has no rows at the moment may have a
// resource, and no other target has rows of its account.
func (v *View) unknown(k Key) bool {
	expired := false
	for i := range v.Reports {
		r := &v.Reports[i]
		if r.Target.Kind != KindCoverage || r.Target.Region != k.Region {
			continue
		}
		if r.Snapshot != nil && !r.Snapshot.OptionalOnly {
			if r.Snapshot.Includes(k.AccountID) {
				return false
			}
		} else if !r.LastSuccess.IsZero() {
			expired = true
		}
	}
	return expired
}
