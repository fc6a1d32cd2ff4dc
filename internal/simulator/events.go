package simulator

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// snsEnvelope is what a topic that has not been told otherwise puts a message
// in: the SNS developer guide's "HTTP/HTTPS notification JSON format". The
// signature is none.
type snsEnvelope struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Message          string
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string
	UnsubscribeURL   string
}

// coverageEvent is the event of a change of a coverage status in EventBridge's
// envelope.
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

// eventDetail is the union of two schemas. The documented one is in the
// GuardDuty user guide, "Configuring coverage status change notifications"; it
// leaves the case of a status and the form of a time open, which are here those
// of the API and of EventBridge. The observed one is that of the captures in
// github.com/cevoaustralia/aws-to-slack, test/parsers/guardduty-runtime.test.js.
type eventDetail struct {
	SchemaVersion     string          `json:"schemaVersion,omitempty"`     // documented
	ResourceAccountID string          `json:"resourceAccountId,omitempty"` // documented
	AccountID         string          `json:"accountId,omitempty"`         // observed
	CurrentStatus     string          `json:"currentStatus"`
	PreviousStatus    string          `json:"previousStatus"` // empty for a resource that is new
	ResourceDetails   resourceOfEvent `json:"resourceDetails"`
	Issue             string          `json:"issue"`
	// LastUpdatedAt is a text as documented, and a number as observed: of
	// microseconds for an EKS cluster, else of milliseconds.
	LastUpdatedAt any `json:"lastUpdatedAt,omitempty"`
}

// resourceOfEvent is as in the API but for an EKS cluster.
type resourceOfEvent struct {
	resourceDetails
	EKSCluster *eksClusterOfEvent `json:"eksClusterDetails,omitempty"`
}

// eksClusterOfEvent has numbers of nodes that are texts as documented, and were
// -1 whenever observed.
type eksClusterOfEvent struct {
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

// text writes the change as it comes into the queue.
func (c change) text(q *Queue, at QueueAddress) (string, error) {
	event, err := json.Marshal(c.event(at.AccountID, q.Observed))
	if err != nil || q.Events != SNS {
		return string(event), err
	}
	topic := "arn:aws:sns:" + at.Region + ":" + at.AccountID + ":" + at.Name
	host := "https://sns." + at.Region + ".amazonaws.com/"
	envelope, err := json.Marshal(snsEnvelope{
		Type: "Notification", MessageID: newUUID(), TopicARN: topic, Message: string(event),
		Timestamp: c.time.UTC().Format("2006-01-02T15:04:05.000Z"), SignatureVersion: "1",
		Signature:      base64.StdEncoding.EncodeToString([]byte("nobody has signed this message")),
		SigningCertURL: host + "SimpleNotificationService-0.pem",
		UnsubscribeURL: host + "?Action=Unsubscribe&SubscriptionArn=" + topic + ":" + c.id,
	})
	return string(envelope), err
}

// event writes the change as EventBridge delivers it from a bus of the account.
func (c change) event(busAccount string, observed bool) coverageEvent {
	var row coverageResource
	c.write(&row)
	e := coverageEvent{
		Version: "0", ID: c.id, DetailType: "GuardDuty Runtime Protection Unhealthy", Source: "aws.guardduty",
		Account: busAccount, Time: c.time.UTC().Format(time.RFC3339), Region: c.region(), Resources: []string{},
	}
	if c.CoverageStatus() == healthy {
		e.DetailType = "GuardDuty Runtime Protection Healthy"
	}
	row.ResourceDetails.ResourceType = c.resourceType()
	details := resourceOfEvent{resourceDetails: row.ResourceDetails}
	if eks := row.ResourceDetails.EKSCluster; eks != nil {
		details.EKSCluster = eks.ofEvent(observed)
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

// lastUpdatedAt is the row's updatedAt, to the millisecond as there; nil where
// it has none.
func (c change) lastUpdatedAt(observed bool) any {
	t := c.updatedAt()
	switch {
	case t.IsZero():
		return nil
	case !observed:
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	case c.resourceType() == resourceEKS:
		return t.UnixMilli() * 1000
	default:
		return t.UnixMilli()
	}
}

func (d *eksClusterDetails) ofEvent(observed bool) *eksClusterOfEvent {
	out := &eksClusterOfEvent{ClusterName: d.ClusterName, ManagementType: d.ManagementType}
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

// observedStatus is a status in the case that events have had.
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
