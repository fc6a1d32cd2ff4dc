// Package queue stores the messages of Amazon SQS standard queues in memory:
// visibility timeouts, receive counts and dead-letter queues. It has no HTTP.
package queue

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// Retention is how long a message is kept, the default of SQS.
	Retention = 4 * 24 * time.Hour
	// maxVisibility is the longest total visibility timeout of a received message.
	maxVisibility = 12 * time.Hour
)

// Message is a message of a queue, as of its latest receive.
type Message struct {
	ID, Body string
	Sender   string // user ID of the sender
	Source   string // ARN of the queue that moved it to its dead-letter queue, if any

	Sent, FirstReceived time.Time
	Receives            int

	received, visible time.Time // visible is when it can be received
}

func (m *Message) expired(now time.Time) bool { return now.Sub(m.Sent) > Retention }

func (m *Message) receive(p ReceiveParams) {
	if m.Receives == 0 {
		m.FirstReceived = p.Now
	}
	m.Receives++
	m.received, m.visible = p.Now, p.Now.Add(p.VisibilityTimeout)
}

// Receipt identifies one receive of a message.
type Receipt struct {
	ID       string
	Receives int // the message's receive count at that time
}

// Receipt returns the receipt of the message's latest receive.
func (m Message) Receipt() Receipt { return Receipt{ID: m.ID, Receives: m.Receives} }

// Store holds the messages of all queues, each in the order of arrival. Times
// are those of its callers' clock. It is safe for concurrent use. The zero value
// is not usable; see NewStore.
type Store struct {
	mu      sync.Mutex
	queues  map[Address][]*Message
	changed chan struct{} // closed and replaced by notify
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{queues: map[Address][]*Message{}, changed: make(chan struct{})}
}

// notify wakes callers that wait for a message. The lock must be held.
func (s *Store) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Retain deletes the messages of all queues for which keep returns false.
func (s *Store) Retain(keep func(Address) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.queues {
		if !keep(at) {
			delete(s.queues, at)
		}
	}
	s.notify()
}

// Send adds a message to a queue and returns its ID.
func (s *Store) Send(to Address, now time.Time, sender, body string) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &Message{ID: NewUUID(), Body: body, Sender: sender, Sent: now, visible: now}
	s.queues[to] = append(s.queues[to], m)
	s.notify()
	return m.ID
}

// ReceiveParams are the parameters of a receive.
type ReceiveParams struct {
	Now               time.Time
	MaxMessages       int
	VisibilityTimeout time.Duration
	// DeadLetter is the queue to which a message is moved instead of being
	// received more than MaxReceives times. The zero value means none.
	DeadLetter  Address
	MaxReceives int
}

// Next describes when another message may be available.
type Next struct {
	Changed <-chan struct{} // closed when the store changes
	Visible time.Duration   // until the next hidden message becomes visible; zero means none
}

// Receive returns visible messages and hides them for the visibility timeout.
func (s *Store) Receive(from Address, p ReceiveParams) ([]Message, Next) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var received []Message
	var dead []*Message
	var next time.Duration
	s.queues[from] = slices.DeleteFunc(s.queues[from], func(m *Message) (remove bool) {
		switch {
		case m.expired(p.Now):
			return true
		case m.visible.After(p.Now):
			if wait := m.visible.Sub(p.Now); next == 0 || wait < next {
				next = wait
			}
		case p.DeadLetter != Address{} && m.Receives >= p.MaxReceives && m.Source == "":
			dead = append(dead, m)
			return true
		case len(received) < p.MaxMessages:
			m.receive(p)
			received = append(received, *m)
		}
		return false
	})
	for _, m := range dead {
		m.Source = from.ARN()
		s.queues[p.DeadLetter] = append(s.queues[p.DeadLetter], m)
	}
	if len(dead) > 0 {
		s.notify()
	}
	return received, Next{Changed: s.changed, Visible: next}
}

// find returns the index of the receipt's message, -1 if it was deleted or
// received again. The lock must be held.
func (s *Store) find(in Address, r Receipt) int {
	return slices.IndexFunc(s.queues[in], func(m *Message) bool { return m.Receipt() == r })
}

// Delete deletes the message of the receipt. It has no effect if the message was
// deleted or received again.
func (s *Store) Delete(from Address, r Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.find(from, r); i >= 0 {
		s.queues[from] = slices.Delete(s.queues[from], i, i+1)
	}
}

// ChangeVisibility hides the message of the receipt for d from now. It reports
// whether the message was found, which a deleted or newly received one is not,
// and whether its total visibility timeout would be too long. A visible message
// stays visible.
func (s *Store) ChangeVisibility(in Address, r Receipt, now time.Time, d time.Duration) (found, tooLong bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(in, r)
	if i < 0 {
		return false, false
	}
	m := s.queues[in][i]
	switch {
	case !m.visible.After(now):
		return true, false
	case now.Add(d).Sub(m.received) > maxVisibility:
		return true, true
	}
	m.visible = now.Add(d)
	s.notify()
	return true, false
}

// Depth counts the visible messages of a queue and those in flight.
func (s *Store) Depth(of Address, now time.Time) (visible, inFlight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[of] {
		switch {
		case m.expired(now):
		case m.visible.After(now):
			inFlight++
		default:
			visible++
		}
	}
	return visible, inFlight
}

// NewUUID returns a random UUID, the form of message IDs.
func NewUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
