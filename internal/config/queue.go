package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// EventQueue is an SQS queue that receives GuardDuty's change notifications, with the credentials to read it.
type EventQueue struct {
	// QueueURL identifies the queue; never empty and unique.
	QueueURL string `yaml:"queue_url"`
	// RoleARN is the role to assume; if empty, the ambient credentials are used.
	RoleARN string `yaml:"role_arn"`
	// ExternalID is sent when RoleARN is assumed; it may be empty.
	ExternalID Secret `yaml:"external_id"`
	// ExternalIDFile is as in [Target].
	ExternalIDFile string `yaml:"external_id_file"`
	// RoleSessionName is set if and only if RoleARN is.
	RoleSessionName string `yaml:"role_session_name"`
	// Region of the queue; never empty.
	Region string `yaml:"region"`
}

// AccountID returns the account that the queue belongs to.
func (q EventQueue) AccountID() string { return q.address().accountID }

// Name returns the name of the queue.
func (q EventQueue) Name() string { return q.address().name }

// ARN returns the ARN of the queue, in the partition of its Region.
func (q EventQueue) ARN() string {
	return arn.ARN{
		Partition: awsregion.Partition(q.Region), Service: "sqs", Region: q.Region, AccountID: q.AccountID(), Resource: q.Name(),
	}.String()
}

// partition returns the partition of the queue's role or host, or "" for a host outside AWS without a role.
func (q EventQueue) partition() string {
	if role, err := arn.Parse(q.RoleARN); err == nil {
		return role.Partition
	}
	if region := q.address().region; region != "" {
		return awsregion.Partition(region)
	}
	return ""
}

// Endpoint returns the scheme and host of QueueURL if requests have to be sent there: for a VPC endpoint, a FIPS or
// dual-stack endpoint, or a host outside AWS. It is empty if the SDK is to choose the endpoint of the Region. The SDK
// ignores the host of a queue's URL.
func (q EventQueue) Endpoint() string {
	a := q.address()
	if a.standard {
		return ""
	}
	return a.origin
}

// RoleAccountID returns the account of the role to assume, or "" for a queue with the ambient credentials.
func (q EventQueue) RoleAccountID() string { return roleAccountID(q.RoleARN) }

// applyDefaults sets the defaults that depend on other keys.
func (q *EventQueue) applyDefaults() {
	if q.RoleSessionName == "" && q.RoleARN != "" {
		q.RoleSessionName = defaultRoleSessionName
	}
	if q.Region == "" {
		q.Region = q.address().region
	}
}

func (q EventQueue) address() queueAddress {
	a, _ := parseQueueURL(q.QueueURL)
	return a
}

// queueAddress is a parsed queue URL.
type queueAddress struct {
	origin    string // scheme and host
	region    string // empty if the host does not contain it
	standard  bool   // whether the host is the Region's standard or legacy endpoint
	accountID string
	name      string
}

// Queue names have at most 80 characters, including the suffix of a FIFO queue, as in the model of SQS.
var queuePathPattern = regexp.MustCompile(`^/(\d{12})/([\w-]{1,80}|[\w-]{1,75}\.fifo)$`)

// Endpoints of SQS: https://docs.aws.amazon.com/general/latest/gr/sqs-service.html (read November 2026). The host of a
// VPC endpoint begins with its ID and optionally a zone.
var (
	standardHosts = []*regexp.Regexp{
		regexp.MustCompile(`^sqs\.([a-z0-9-]+)\.amazonaws\.(?:com|com\.cn|eu)$`),
		regexp.MustCompile(`^(?:([a-z0-9-]+)\.)?queue\.amazonaws\.com(?:\.cn)?$`),
	}
	otherHosts = []*regexp.Regexp{
		regexp.MustCompile(`^sqs-fips\.([a-z0-9-]+)\.amazonaws\.com$`),
		regexp.MustCompile(`^sqs(?:-fips)?\.([a-z0-9-]+)\.(?:api\.aws|api\.amazonwebservices\.com\.cn)$`),
		regexp.MustCompile(`^vpce-[a-z0-9-]+\.sqs\.([a-z0-9-]+)\.vpce\.amazonaws\.com(?:\.cn)?$`),
	}
)

// legacyRegion is the Region of queue.amazonaws.com.
const legacyRegion = "us-east-1"

// parseQueueURL parses the URL of a queue. If it is not one, the reason quotes nothing of the URL but the
// Region, because the URL may contain credentials.
func parseQueueURL(text string) (a queueAddress, reason string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !isPrintable(text) {
		return a, "is not the URL of an SQS queue (https://sqs.us-east-1.amazonaws.com/111122223333/NAME)"
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return a, "must consist of only https://, a host and a path"
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(host)) {
		return a, "must begin with https://, or with http:// for a loopback host"
	}
	path := queuePathPattern.FindStringSubmatch(u.EscapedPath())
	if path == nil {
		return a, "must end in /111122223333/NAME: an account ID of 12 digits and a queue name of at most 80 letters, " +
			"digits, hyphens and underscores, including .fifo"
	}
	a = queueAddress{origin: u.Scheme + "://" + strings.ToLower(u.Host), accountID: path[1], name: path[2]}
	a.region, a.standard = regionOfHost(host)
	a.standard = a.standard && u.Port() == ""
	if a.region != "" {
		if reason := checkRegion(a.region); reason != "" {
			return queueAddress{}, reason
		}
	}
	return a, ""
}

// regionOfHost returns the Region of an SQS host, or "" for any other host, and whether the host is a standard endpoint
// of the Region.
func regionOfHost(host string) (region string, standard bool) {
	for i, pattern := range slices.Concat(standardHosts, otherHosts) {
		if parts := pattern.FindStringSubmatch(host); parts != nil {
			if parts[1] == "" {
				return legacyRegion, true
			}
			return parts[1], i < len(standardHosts)
		}
	}
	return "", false
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
