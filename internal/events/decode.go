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

// Event is a change notification of GuardDuty, as EventBridge publishes it.
type Event struct {
	ID     string    // EventBridge's, at most 100 bytes; "" where the message has none
	Time   time.Time // at which it was published; zero where the message does not say
	Change coverage.Event
}

// ErrForeign says that a message is an event, but of another type: a finding,
// or a call that CloudTrail has seen.
var ErrForeign = errors.New("an event of another type")

// Detail types of the events: docs.aws.amazon.com/eventbridge/latest/ref/events-ref-guardduty.html.
const (
	becameHealthy   = "GuardDuty Runtime Protection Healthy"
	becameUnhealthy = "GuardDuty Runtime Protection Unhealthy"
)

// envelope is what every event of EventBridge has.
type envelope struct {
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Detail     json.RawMessage `json:"detail"`
}

// detail is what is read of an event's own part. The GuardDuty user guide calls
// the resource's account resourceAccountId; what was seen is accountId. Counts
// and issues are not read: the resource is asked for again.
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

// Decode reads a message of a queue: an event, or an event in the envelope that
// SNS puts around it unless it delivers raw. The name in the event's key is as
// AWS gives it, not cleaned. The error is or wraps [ErrForeign] for an event of
// another type; any other says that the message is no event that can be read.
func Decode(body []byte) (Event, error) {
	var e envelope
	if err := json.Unmarshal(unwrap(body), &e); err != nil {
		return Event{}, fmt.Errorf("decode the event: %w", err)
	}
	switch e.DetailType {
	case becameHealthy, becameUnhealthy:
	case "":
		return Event{}, errors.New("decode the event: it has no detail-type")
	default:
		return Event{}, fmt.Errorf("%w: %.100q", ErrForeign, e.DetailType)
	}
	var d detail
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return Event{}, fmt.Errorf("decode the event's detail: %w", err)
	}
	key, err := d.key(e.Region)
	if err != nil {
		return Event{}, fmt.Errorf("decode the event's detail: %w", err)
	}
	published, _ := time.Parse(time.RFC3339, e.Time)       // zero if it is none
	id := strings.Clone(e.ID[:min(len(e.ID), maxIDBytes)]) // for a message is held as long as it is under way
	return Event{ID: id, Time: published, Change: coverage.Event{
		Key: key, Status: d.status(e.DetailType), UpdatedAt: parseTime(d.LastUpdatedAt),
	}}, nil
}

// unwrap takes SNS's envelope off, once.
func unwrap(body []byte) []byte {
	var n struct{ Type, Message string }
	if json.Unmarshal(body, &n) == nil && n.Type == "Notification" {
		return []byte(n.Message)
	}
	return body
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

// maxIDBytes cuts what is no ID of EventBridge's, which is a UUID.
const maxIDBytes = 100

// maxNameBytes is the length of the longest names that AWS allows, those of ECS clusters.
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
		return k, fmt.Errorf("%.100q is not the name of a resource", k.Name)
	}
	return k, nil
}

// status returns the current status, and the one that the detail type speaks
// of where that is none.
func (d detail) status(detailType string) coverage.Status {
	switch s := coverage.Status(strings.ToUpper(d.CurrentStatus)); {
	case s == coverage.Healthy || s == coverage.Unhealthy:
		return s
	case detailType == becameHealthy:
		return coverage.Healthy
	}
	return coverage.Unhealthy
}

// parseTime reads lastUpdatedAt, a "timestamp" by its documentation: a number,
// which may stand in a string, or an ISO 8601 time. The zero time stands for
// all that is neither.
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

// epoch tells the unit of a time since 1970 by its magnitude: milliseconds were
// seen for ECS and EC2, microseconds for EKS. Only one unit puts a number
// between the years 1973 and 5138; what none puts there is no time.
func epoch(n float64) time.Time {
	for _, perSecond := range []float64{1, 1e3, 1e6, 1e9} {
		if seconds := n / perSecond; seconds >= 1e8 && seconds < 1e11 {
			return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
		}
	}
	return time.Time{}
}
