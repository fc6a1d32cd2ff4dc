package events

// recentIDs holds a bounded number of message IDs, the newest ones. It is not
// safe for concurrent use.
type recentIDs struct {
	known map[string]bool
	ring  []string
	next  int // in ring: the oldest ID if the ring is full
}

func newRecentIDs(limit int) *recentIDs {
	return &recentIDs{known: map[string]bool{}, ring: make([]string, limit)}
}

// add reports whether id is new, and if so replaces the oldest one with it.
func (r *recentIDs) add(id string) bool {
	if r.known[id] {
		return false
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % len(r.ring)
	r.known[id] = true
	return true
}
