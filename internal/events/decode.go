package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Notification is an event of GuardDuty, as EventBridge publishes it.
type Notification struct {
	ID        string    // of EventBridge, at most 100 bytes; "" if the message has none
	Published time.Time // zero if the message has no time
	Event     coverage.Event
}

// ErrForeign means that a message is an event of another type, such as a finding
// or an API call recorded by CloudTrail.
var ErrForeign = errors.New("event of another type")

// Detail types of the events: docs.aws.amazon.com/eventbridge/latest/ref/events-ref-guardduty.html,
// read in November 2026.
const (
	becameHealthy   = "GuardDuty Runtime Protection Healthy"
	becameUnhealthy = "GuardDuty Runtime Protection Unhealthy"
)

// envelope holds the fields that every EventBridge event has.
type envelope struct {
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Detail     json.RawMessage `json:"detail"`
}

// detail holds the fields used of an event's detail. The GuardDuty user guide
// calls the resource's account resourceAccountId; recorded events have accountId.
// Counts and issues are not decoded, because the resource is read again.
type detail struct {
	ResourceAccountID string          `json:"resourceAccountId"`
	AccountID         string          `json:"accountId"`
	CurrentStatus     string          `json:"currentStatus"`
	LastUpdatedAt     json.RawMessage `json:"lastUpdatedAt"`
	Resource          struct {
		Type string `json:"resourceType"`
		ECS  struct {
			Name string `json:"clusterName"`
		} `json:"ecsClusterDetails"`
		EC2 struct {
			ID string `json:"instanceId"`
		} `json:"ec2InstanceDetails"`
		EKS struct {
			Name string `json:"clusterName"`
		} `json:"eksClusterDetails"`
	} `json:"resourceDetails"`
}

// Decode decodes a message of a queue: an event, or an event in the envelope of
// SNS without raw delivery. The name in the event's key is not sanitized. The
// error wraps [ErrForeign] for an event of another type; after any other error
// the message is malformed.
func Decode(body []byte) (Notification, error) {
	body, err := unwrap(body)
	if err != nil {
		return Notification{}, err
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return Notification{}, fmt.Errorf("decode event: %w", err)
	}
	switch e.DetailType {
	case becameHealthy, becameUnhealthy:
	case "":
		return Notification{}, errors.New("decode event: no detail-type")
	default:
		return Notification{}, fmt.Errorf("%w: %.100q", ErrForeign, e.DetailType)
	}
	var d detail
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return Notification{}, fmt.Errorf("decode event detail: %w", err)
	}
	key, err := d.key(e.Region)
	if err != nil {
		return Notification{}, fmt.Errorf("decode event detail: %w", err)
	}
	published, _ := time.Parse(time.RFC3339, e.Time)       // zero if it is invalid
	id := strings.Clone(e.ID[:min(len(e.ID), maxIDBytes)]) // does not keep the rest in memory
	return Notification{ID: id, Published: published, Event: coverage.Event{
		Key: key, Status: d.status(e.DetailType), UpdatedAt: parseTime(d.LastUpdatedAt),
	}}, nil
}

// unwrap removes one SNS envelope. SNS messages that are not notifications are
// foreign: they are about the subscription.
func unwrap(body []byte) ([]byte, error) {
	var m struct{ Type, Message string }
	_ = json.Unmarshal(body, &m) // an error is that of the event
	switch m.Type {
	case "Notification":
		return []byte(m.Message), nil
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		return nil, fmt.Errorf("%w: SNS %s", ErrForeign, m.Type)
	}
	return body, nil
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

// maxIDBytes truncates invalid IDs. EventBridge's are UUIDs.
const maxIDBytes = 100

// maxNameBytes is the length of the longest names that AWS allows: those of ECS
// clusters (API reference, November 2026).
const maxNameBytes = 255

func (d detail) key(region string) (coverage.Key, error) {
	k := coverage.Key{Type: coverage.ResourceType(strings.ToUpper(d.Resource.Type)), AccountID: d.ResourceAccountID, Region: region}
	if k.AccountID == "" {
		k.AccountID = d.AccountID
	}
	switch k.Type {
	case coverage.ECS:
		k.Name = d.Resource.ECS.Name
	case coverage.EC2:
		k.Name = d.Resource.EC2.ID
	case coverage.EKS:
		k.Name = d.Resource.EKS.Name
	default:
		return k, fmt.Errorf("unknown resourceType %.100q", d.Resource.Type)
	}
	switch {
	case !accountPattern.MatchString(k.AccountID):
		return k, fmt.Errorf("%.100q is not an account ID", k.AccountID)
	case !regionPattern.MatchString(region):
		return k, fmt.Errorf("%.100q is not a Region", region)
	case k.Name == "" || len(k.Name) > maxNameBytes:
		return k, fmt.Errorf("%.100q is not a resource name", k.Name)
	}
	return k, nil
}

// status returns currentStatus, or the status of the detail type if
// currentStatus is not a known status.
func (d detail) status(detailType string) coverage.Status {
	switch s := coverage.Status(strings.ToUpper(d.CurrentStatus)); {
	case s == coverage.Healthy || s == coverage.Unhealthy:
		return s
	case detailType == becameHealthy:
		return coverage.Healthy
	}
	return coverage.Unhealthy
}

// parseTime parses lastUpdatedAt, which is documented as a "timestamp": a number,
// possibly in a string, or an ISO 8601 time. It returns the zero time for
// anything else.
func parseTime(raw json.RawMessage) time.Time {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return epoch(n)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// epoch derives the unit of a Unix time from its magnitude: recorded events have
// milliseconds for ECS and EC2, microseconds for EKS. At most one unit puts a
// number between the years 1973 and 5138; without one it returns the zero time.
func epoch(n float64) time.Time {
	for _, perSecond := range []float64{1, 1e3, 1e6, 1e9} {
		if seconds := n / perSecond; seconds >= 1e8 && seconds < 1e11 {
			return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
		}
	}
	return time.Time{}
}
