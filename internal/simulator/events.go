package simulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// snsEnvelope is the envelope of an SNS topic without raw message delivery: the
// SNS developer guide's "HTTP/HTTPS notification JSON format". The signature is
// not valid.
type snsEnvelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	Token            string `json:",omitempty"` // of a SubscriptionConfirmation
	TopicARN         string `json:"TopicArn"`
	Message          string
	SubscribeURL     string `json:",omitempty"` // of a SubscriptionConfirmation
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	UnsubscribeURL   string `json:",omitempty"` // of a Notification
}

// newEnvelope returns the envelope of a message of a topic with the queue's
// Region and name.
func newEnvelope(at queue.Address, now time.Time, message string) snsEnvelope {
	return snsEnvelope{
		MessageID: queue.NewUUID(), TopicARN: arn("sns", at.Region, at.AccountID, at.Name), Message: message,
		Timestamp: now.UTC().Format(isoLayout), SignatureVersion: "1",
		Signature:      base64.StdEncoding.EncodeToString([]byte("not a signature")),
		SigningCertURL: snsEndpoint(at.Region) + "SimpleNotificationService-0.pem",
	}
}

func snsEndpoint(region string) string { return "https://sns." + region + ".amazonaws.com/" }

// SendSubscriptionConfirmation sends a queue of the world the message that SNS
// sends when a topic of another account is subscribed to it, and returns its ID.
func (s *Server) SendSubscriptionConfirmation(accountID, region, name string) (messageID string, err error) {
	at := queue.Address{AccountID: accountID, Region: region, Name: name}
	e := newEnvelope(at, s.now(), "")
	e.Type, e.Token = "SubscriptionConfirmation", strings.Repeat("2336412f37fb687f5d51e6e2425dacbba", 4)
	e.Message = "You have chosen to subscribe to the topic " + e.TopicARN + ".\nTo confirm the subscription, visit the SubscribeURL included in this message."
	e.SubscribeURL = snsEndpoint(region) + "?Action=ConfirmSubscription&TopicArn=" + e.TopicARN + "&Token=" + e.Token
	body, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encode the subscription confirmation: %w", err)
	}
	return s.Send(accountID, region, name, string(body))
}

// coverageEvent is GuardDuty's event of a changed coverage status, in the envelope
// of EventBridge.
type coverageEvent struct {
	Version    string      `json:"version"`
	ID         string      `json:"id"`
	DetailType string      `json:"detail-type"`
	Source     string      `json:"source"`
	Account    string      `json:"account"` // the owner of the bus
	Time       string      `json:"time"`
	Region     string      `json:"region"`
	Resources  []string    `json:"resources"`
	Detail     eventDetail `json:"detail"`
}

// eventDetail is the union of two schemas. The documented one is in the GuardDuty
// user guide, "Configuring coverage status change notifications"; it does not
// define the case of a status and the form of a time, so those of the API and of
// EventBridge are used. The observed one is that of the captures in
// github.com/cevoaustralia/aws-to-slack, test/parsers/guardduty-runtime.test.js.
type eventDetail struct {
	SchemaVersion     string        `json:"schemaVersion,omitempty"`     // documented
	ResourceAccountID string        `json:"resourceAccountId,omitempty"` // documented
	AccountID         string        `json:"accountId,omitempty"`         // observed
	CurrentStatus     string        `json:"currentStatus"`
	PreviousStatus    string        `json:"previousStatus"` // empty for a resource that is new
	ResourceDetails   eventResource `json:"resourceDetails"`
	Issue             string        `json:"issue"`
	// LastUpdatedAt is a string in the documented schema and a number in the
	// observed one: microseconds for an EKS cluster, otherwise milliseconds.
	LastUpdatedAt any `json:"lastUpdatedAt,omitempty"`
}

// eventResource is as in the API, except for an EKS cluster.
type eventResource struct {
	resourceDetails
	EKSCluster *eventEKSCluster `json:"eksClusterDetails,omitempty"`
}

// eventEKSCluster has node counts that are strings in the documented schema and
// always -1 in the observed one.
type eventEKSCluster struct {
	ClusterName    string        `json:"clusterName"`
	AvailableNodes any           `json:"availableNodes"`
	DesiredNodes   any           `json:"desiredNodes"`
	AddonVersion   string        `json:"addonVersion,omitempty"` // documented
	AddonDetails   *addonDetails `json:"addonDetails,omitempty"` // observed
	ManagementType string        `json:"managementType,omitempty"`
}

// change is a resource whose coverage status has changed.
type change struct {
	resource
	id        string // of the event
	accountID string
	previous  string // status
	time      time.Time
}

// body returns the message of the change for a queue.
func (c change) body(q *Queue, at queue.Address) (string, error) {
	event, err := json.Marshal(c.event(at.AccountID, q.Observed))
	if err != nil || q.Events != SNS {
		return string(event), err
	}
	envelope := newEnvelope(at, c.time, string(event))
	envelope.Type = "Notification"
	envelope.UnsubscribeURL = snsEndpoint(at.Region) + "?Action=Unsubscribe&SubscriptionArn=" + envelope.TopicARN + ":" + c.id
	body, err := json.Marshal(envelope)
	return string(body), err
}

// event returns the event as a bus of the account delivers it.
func (c change) event(busAccount string, observed bool) coverageEvent {
	var row coverageResource
	c.fillDetails(&row)
	e := coverageEvent{
		Version: "0", ID: c.id, DetailType: "GuardDuty Runtime Protection Unhealthy", Source: "aws.guardduty",
		Account: busAccount, Time: c.time.UTC().Format(time.RFC3339), Region: c.region(), Resources: []string{},
	}
	if c.CoverageStatus() == healthy {
		e.DetailType = "GuardDuty Runtime Protection Healthy"
	}
	row.ResourceDetails.ResourceType = c.resourceType()
	details := eventResource{resourceDetails: row.ResourceDetails}
	if eks := row.ResourceDetails.EKSCluster; eks != nil {
		details.EKSCluster = eks.toEvent(observed)
	}
	e.Detail = eventDetail{ResourceDetails: details, Issue: row.Issue, LastUpdatedAt: c.lastUpdatedAt(observed)}
	if observed {
		e.Detail.AccountID = c.accountID
		e.Detail.CurrentStatus, e.Detail.PreviousStatus = observedStatus(c.CoverageStatus()), observedStatus(c.previous)
	} else {
		e.Detail.SchemaVersion, e.Detail.ResourceAccountID = "1.0", c.accountID
		e.Detail.CurrentStatus, e.Detail.PreviousStatus = c.CoverageStatus(), c.previous
	}
	return e
}

// lastUpdatedAt returns the row's update time in the form of the schema, see
// eventDetail; nil if the row has none.
func (c change) lastUpdatedAt(observed bool) any {
	t := c.updatedAt()
	switch {
	case t.IsZero():
		return nil
	case !observed:
		return t.UTC().Format(isoLayout)
	case c.resourceType() == resourceEKS:
		return t.UnixMilli() * 1000
	default:
		return t.UnixMilli()
	}
}

func (d *eksClusterDetails) toEvent(observed bool) *eventEKSCluster {
	out := &eventEKSCluster{ClusterName: d.ClusterName, ManagementType: d.ManagementType}
	if observed {
		out.AvailableNodes, out.DesiredNodes, out.AddonDetails = -1, -1, d.AddonDetails
		return out
	}
	out.AvailableNodes = strconv.FormatInt(d.CoveredNodes, 10)
	out.DesiredNodes = strconv.FormatInt(d.CompatibleNodes, 10)
	if d.AddonDetails != nil {
		out.AddonVersion = d.AddonDetails.Version
	}
	return out
}

// observedStatus returns a status in the case that was observed in events.
func observedStatus(status string) string {
	switch status {
	case healthy:
		return "Healthy"
	case unhealthy:
		return "Unhealthy"
	default:
		return status
	}
}
