package simulator

import (
	"net/url"
	"strings"
	"time"
)

// Queue is a standard queue of Amazon SQS. Its messages are in the Server.
type Queue struct {
	Region, Name string
	// VisibilityTimeout is for how long, in whole seconds, a message that has
	// been received is hidden where the receiver does not say. Zero means 30 s.
	VisibilityTimeout time.Duration
	// DeadLetter names the queue of the same account and Region to which a
	// message goes instead of being received more than MaxReceives times.
	// Without a name, a number or such a queue there is no end to it.
	DeadLetter  string
	MaxReceives int
	// AnyCaller lets the principals of other accounts use the queue. They are
	// refused otherwise.
	AnyCaller bool
	// Events is how the queue gets the event of every change of a coverage
	// status in the world: of every account and Region where a detector runs
	// Runtime Monitoring, as where rules forward them to one bus.
	Events EventFormat
	// Observed has the events written as they have been seen in the wild. They
	// are written as the GuardDuty user guide documents them otherwise.
	Observed bool
}

// EventFormat is how events come into a queue.
type EventFormat int

// The formats of events.
const (
	NoEvents EventFormat = iota
	Direct               // as EventBridge delivers them to a queue
	SNS                  // as strings within the envelope of a topic in between
)

// QueueAddress tells a queue from all others of a world.
type QueueAddress struct {
	AccountID, Region, Name string
}

// URL returns the queue's URL at an endpoint such as Running.URL. As on AWS, its
// Region is that of the endpoint, so here that of the request's signature.
func (q QueueAddress) URL(endpoint string) string {
	return strings.TrimSuffix(endpoint, "/") + "/" + q.AccountID + "/" + q.Name
}

func (q QueueAddress) arn() string {
	return "arn:aws:sqs:" + q.Region + ":" + q.AccountID + ":" + q.Name
}

// parseQueueURL reads a queue's URL, whatever its host. The zero value means
// that it is none.
func parseQueueURL(text, region string) QueueAddress {
	u, err := url.Parse(text)
	if err != nil {
		return QueueAddress{}
	}
	account, name, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if account == "" || name == "" || strings.Contains(name, "/") {
		return QueueAddress{}
	}
	return QueueAddress{AccountID: account, Region: region, Name: name}
}

// Queue returns the account's queue of that Region and name, nil when there is
// none.
func (a *Account) Queue(region, name string) *Queue {
	return first(a.Queues, func(q *Queue) bool { return q.Region == region && q.Name == name })
}

// visibilityTimeout returns VisibilityTimeout, or what stands for zero.
func (q *Queue) visibilityTimeout() time.Duration {
	if q.VisibilityTimeout == 0 {
		return 30 * time.Second
	}
	return q.VisibilityTimeout
}

// deadLetter returns the queue to which messages of the account's queue q go in
// the end, and after how many receives; zero where there is none.
func (a *Account) deadLetter(q *Queue) (QueueAddress, int) {
	if q.MaxReceives == 0 || a.Queue(q.Region, q.DeadLetter) == nil {
		return QueueAddress{}, 0
	}
	return QueueAddress{AccountID: a.ID, Region: q.Region, Name: q.DeadLetter}, q.MaxReceives
}

// queues returns every queue of the world by its address.
func (w *World) queues() map[QueueAddress]*Queue {
	all := map[QueueAddress]*Queue{}
	for _, a := range w.Accounts {
		for _, q := range a.Queues {
			at := QueueAddress{AccountID: a.ID, Region: q.Region, Name: q.Name}
			if all[at] == nil {
				all[at] = q
			}
		}
	}
	return all
}
