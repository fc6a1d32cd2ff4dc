package events

import "sync"

// message is one that was received and is not settled yet.
type message struct {
	id       string
	receipt  string // guarded by underWay.mu, as is receives
	receives int
}

// underWay holds the messages of a queue that are being looked at, by their
// IDs. It is safe for concurrent use.
type underWay struct {
	mu       sync.Mutex
	messages map[string]*message
}

func newUnderWay() *underWay { return &underWay{messages: map[string]*message{}} }

// renew gives a message that is under way already the receipt of its newest
// delivery, with which alone it can be deleted for certain. It says whether
// there was one.
func (u *underWay) renew(m *message) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	known, ok := u.messages[m.id]
	if ok {
		known.receipt, known.receives = m.receipt, m.receives
	}
	return ok
}

// add takes a message that is not under way.
func (u *underWay) add(m *message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.messages[m.id] = m
}

func (u *underWay) remove(m *message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.messages, m.id)
}

func (u *underWay) receipt(m *message) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return m.receipt
}

func (u *underWay) receives(m *message) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return m.receives
}

// memory remembers the newest of the texts it was told.
type memory struct {
	known map[string]bool
	ring  []string
	next  int // in ring, the oldest if it is full
}

func newMemory(limit int) *memory {
	return &memory{known: map[string]bool{}, ring: make([]string, limit)}
}

// add says whether a text is new, and remembers it in place of the oldest one.
func (m *memory) add(text string) bool {
	if m.known[text] {
		return false
	}
	delete(m.known, m.ring[m.next])
	m.ring[m.next] = text
	m.next = (m.next + 1) % len(m.ring)
	m.known[text] = true
	return true
}
