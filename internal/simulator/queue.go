package simulator

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// Queue is an Amazon SQS standard queue. The Server holds its messages.
type Queue struct {
	Region, Name string
	// VisibilityTimeout is in whole seconds, as on AWS. Zero means 30 s.
	VisibilityTimeout time.Duration
	// DeadLetter is the name of the queue of the same account and Region to which
	// a message is moved instead of being received more than MaxReceives times.
	// It has no effect if the name is empty, the number zero or the queue missing.
	DeadLetter  string
	MaxReceives int
	// Policy is the queue's policy, a JSON document, as GetQueueAttributes returns it.
	// It has no effect.
	Policy string
	// KMSKey is the queue's KmsMasterKeyId. It has no effect.
	KMSKey string
	// AnyCaller allows principals of other accounts to use the queue.
	AnyCaller bool
	// Events is the form in which the queue receives an event for each change of a
	// coverage status in any account and Region where a detector has Runtime
	// Monitoring on, as if rules forwarded them to one bus.
	Events EventFormat
	// Observed selects the event schema that was observed on AWS instead of the
	// one that the GuardDuty user guide documents.
	Observed bool
}

// EventFormat is the form of the events in a queue.
type EventFormat int

// The formats of events.
const (
	NoEvents EventFormat = iota
	Direct               // as EventBridge delivers them to a queue
	SNS                  // as strings in the envelope of an SNS topic
)

// Queue returns the account's queue of that Region and name, or nil.
func (a *Account) Queue(region, name string) *Queue {
	return first(a.Queues, func(q *Queue) bool { return q.Region == region && q.Name == name })
}

// visibilityTimeout returns VisibilityTimeout or its default.
func (q *Queue) visibilityTimeout() time.Duration {
	if q.VisibilityTimeout == 0 {
		return 30 * time.Second
	}
	return q.VisibilityTimeout
}

// deadLetter returns the dead-letter queue of the account's queue q and the
// number of receives; zero values if there is none.
func (a *Account) deadLetter(q *Queue) (queue.Address, int) {
	if q.MaxReceives == 0 || a.Queue(q.Region, q.DeadLetter) == nil {
		return queue.Address{}, 0
	}
	return queue.Address{AccountID: a.ID, Region: q.Region, Name: q.DeadLetter}, q.MaxReceives
}

// queues returns every queue of the world by its address.
func (w *World) queues() map[queue.Address]*Queue {
	all := map[queue.Address]*Queue{}
	for _, a := range w.Accounts {
		for _, q := range a.Queues {
			at := queue.Address{AccountID: a.ID, Region: q.Region, Name: q.Name}
			if all[at] == nil {
				all[at] = q
			}
		}
	}
	return all
}
