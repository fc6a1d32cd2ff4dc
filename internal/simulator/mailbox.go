package simulator

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// retention is how long a message is kept, by AWS's default.
	retention = 4 * 24 * time.Hour
	// maxHidden is how long a message can be hidden after it was received.
	maxHidden = 12 * time.Hour
)

// message is a message of a queue.
type message struct {
	id, body string
	sender   string // user ID of who has sent it
	source   string // ARN of the queue that has given it up, "" for none

	sent, firstReceived, received time.Time
	visible                       time.Time // since when, or from when on
	receives                      int
}

// mailboxes holds the messages of all queues, in the order of their coming. It
// is safe for concurrent use.
type mailboxes struct {
	mu      sync.Mutex
	boxes   map[QueueAddress][]*message
	changed chan struct{} // closed, and replaced, when there may be more to take
}

func newMailboxes() *mailboxes {
	return &mailboxes{boxes: map[QueueAddress][]*message{}, changed: make(chan struct{})}
}

// wake has those look again who wait for messages. The lock must be held.
func (b *mailboxes) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// keep forgets the messages of all queues but these.
func (b *mailboxes) keep(queues map[QueueAddress]*Queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := range b.boxes {
		if queues[at] == nil {
			delete(b.boxes, at)
		}
	}
	b.wake()
}

// send puts a message into a queue at the time now and returns its ID.
func (b *mailboxes) send(to QueueAddress, now time.Time, sender, body string) (id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := &message{id: newUUID(), body: body, sender: sender, sent: now, visible: now}
	b.boxes[to] = append(b.boxes[to], m)
	b.wake()
	return m.id
}

// taking is how messages are taken.
type taking struct {
	now         time.Time
	limit       int
	hide        time.Duration // from now on
	deadLetter  QueueAddress  // where those go that were taken maxReceives times; zero for none
	maxReceives int
}

// outlook is when there may be more to take.
type outlook struct {
	changed <-chan struct{} // closed when something has come or changed
	next    time.Duration   // until the first hidden message shows; zero for none
}

// take receives visible messages.
func (b *mailboxes) take(from QueueAddress, t taking) ([]message, outlook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var taken []message
	var dead []*message
	var next time.Duration
	b.boxes[from] = slices.DeleteFunc(b.boxes[from], func(m *message) (gone bool) {
		switch {
		case m.expired(t.now):
			return true
		case m.visible.After(t.now):
			if wait := m.visible.Sub(t.now); next == 0 || wait < next {
				next = wait
			}
		case t.deadLetter != QueueAddress{} && m.receives >= t.maxReceives && m.source == "":
			dead = append(dead, m)
			return true
		case len(taken) < t.limit:
			m.receive(t.now, t.hide)
			taken = append(taken, *m)
		}
		return false
	})
	for _, m := range dead {
		m.source = from.arn()
		b.boxes[t.deadLetter] = append(b.boxes[t.deadLetter], m)
	}
	if len(dead) > 0 {
		b.wake()
	}
	return taken, outlook{changed: b.changed, next: next}
}

func (m *message) expired(now time.Time) bool { return now.Sub(m.sent) > retention }

func (m *message) receive(now time.Time, hide time.Duration) {
	if m.receives == 0 {
		m.firstReceived = now
	}
	m.receives++
	m.received, m.visible = now, now.Add(hide)
}

// receipt is what a receipt handle stands for: the how-manieth receive of a
// message.
type receipt struct {
	ID       string
	Receives int
}

// find returns the message of the receipt, nil where it is gone or has been
// received again. The lock must be held.
func (b *mailboxes) find(in QueueAddress, r receipt) *message {
	return first(b.boxes[in], func(m *message) bool { return m.id == r.ID && m.receives == r.Receives })
}

// remove deletes the message of the receipt, if find finds it.
func (b *mailboxes) remove(from QueueAddress, r receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.find(from, r); m != nil {
		b.boxes[from] = slices.DeleteFunc(b.boxes[from], func(other *message) bool { return other == m })
	}
}

// hide hides the message of the receipt for d, counted from now, and reports
// whether find finds it and whether it would be hidden for too long. One that is
// visible stays so.
func (b *mailboxes) hide(in QueueAddress, r receipt, now time.Time, d time.Duration) (found, tooLong bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.find(in, r)
	switch {
	case m == nil:
		return false, false
	case !m.visible.After(now):
		return true, false
	case now.Add(d).Sub(m.received) > maxHidden:
		return true, true
	}
	m.visible = now.Add(d)
	b.wake()
	return true, false
}

// depth counts the messages that can be received and those that are hidden.
func (b *mailboxes) depth(of QueueAddress, now time.Time) (visible, hidden int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.boxes[of] {
		switch {
		case m.expired(now):
		case m.visible.After(now):
			hidden++
		default:
			visible++
		}
	}
	return visible, hidden
}

// newUUID returns a random UUID, as the IDs of messages and events are.
func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
