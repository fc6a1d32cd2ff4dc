package coverage

import "time"

// RememberUnhealthy adds to since the times of the ECS clusters of a target's
// report that are not healthy and whose rows have another time in its next report,
// or are not known there because its data has expired. Clusters in since keep their
// time until they are healthy. All others are not healthy since the time of their
// row, so that since is small. It returns since, which may be nil before.
func RememberUnhealthy(since map[Key]time.Time, before, after Report) map[Key]time.Time {
	if before.Snapshot == nil || before.Snapshot == after.Snapshot {
		return since
	}
	known := after.Snapshot != nil && !after.Snapshot.OptionalOnly
	var rows []Resource // of after; both are sorted
	if known {
		rows = after.Snapshot.Resources
	}
	for i := range before.Snapshot.Resources {
		old := &before.Snapshot.Resources[i]
		for len(rows) > 0 && rows[0].Key.compare(old.Key) < 0 {
			rows = rows[1:]
		}
		if old.Type != ECS || old.Status == Healthy {
			continue
		}
		listed := len(rows) > 0 && rows[0].Key == old.Key
		if listed && rows[0].Status == Healthy {
			delete(since, old.Key) // no view may have it between this and the next report
			continue
		}
		changed := listed && !rows[0].UpdatedAt.Equal(old.UpdatedAt)
		if _, remembered := since[old.Key]; remembered || known && !changed || old.UpdatedAt.IsZero() {
			continue
		}
		if since == nil {
			since = map[Key]time.Time{}
		}
		since[old.Key] = old.UpdatedAt
	}
	return since
}

// ForgetHealthy removes from since the clusters that a view has as healthy or with
// the same time, or does not have, except for those that no target shows because
// the data of a target has expired: they may be unhealthy still.
func ForgetHealthy(since map[Key]time.Time, v *View) {
	for key, at := range since {
		row := Find(v.Resources, key)
		if row != nil && (row.Status == Healthy || row.UpdatedAt.Equal(at)) || row == nil && !v.unknown(key) {
			delete(since, key)
		}
	}
}

// UnhealthyAt returns since when an ECS cluster of the view has not been healthy,
// at the latest, and false if it is healthy or that is not known.
func (v *View) UnhealthyAt(r *Resource) (time.Time, bool) {
	if r.Status == Healthy {
		return time.Time{}, false
	}
	if at, ok := v.UnhealthySince[r.Key]; ok {
		return at, true
	}
	return r.UpdatedAt, !r.UpdatedAt.IsZero()
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
