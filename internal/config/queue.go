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

// EventQueue is one SQS queue that GuardDuty's change notifications arrive in, and whose credentials read it.
type EventQueue struct {
	// QueueURL names the queue; never empty, and no two name the same one.
	QueueURL string `yaml:"queue_url"`
	// RoleARN is the role to assume; empty uses the ambient credentials as they are.
	RoleARN string `yaml:"role_arn"`
	// ExternalID goes with RoleARN and may be empty.
	ExternalID Secret `yaml:"external_id"`
	// RoleSessionName is set exactly when RoleARN is.
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

// Endpoint returns where the queue's requests go if not to the endpoint that the SDK itself finds for the Region: the
// scheme and host of QueueURL where they are those of a VPC endpoint, of FIPS, of a dual stack or not of AWS. Else it
// is empty. The SDK itself does not look at the host of a queue's URL.
func (q EventQueue) Endpoint() string {
	a := q.address()
	if a.ordinary {
		return ""
	}
	return a.origin
}

// RoleAccountID returns the account of the role to assume, or "" for a queue with the ambient credentials.
func (q EventQueue) RoleAccountID() string { return roleAccountID(q.RoleARN) }

// complete fills in the defaults that depend on other keys.
func (q *EventQueue) complete() {
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

// queueAddress is what a queue's URL says.
type queueAddress struct {
	origin    string // scheme and host
	region    string // empty where the host does not tell
	ordinary  bool   // whether the host is the Region's own or an old name of it
	accountID string
	name      string
}

// The paths of queues have names as SQS's model does: 80 characters, the suffix of a FIFO queue included.
var queuePathPattern = regexp.MustCompile(`^/(\d{12})/([\w-]{1,80}|[\w-]{1,75}\.fifo)$`)

// The hosts of SQS: https://docs.aws.amazon.com/general/latest/gr/sqs-service.html. Those of VPC endpoints begin with
// the endpoint's ID, which a zone may follow.
var (
	ordinaryHosts = []*regexp.Regexp{
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

// parseQueueURL returns what the URL of a queue says, and why it is not one or "". The reason repeats nothing of the
// URL but a Region: it may have been pasted with credentials in it.
func parseQueueURL(text string) (a queueAddress, why string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !visible(text) {
		return a, "is not the URL of an SQS queue (https://sqs.us-east-1.amazonaws.com/111122223333/NAME)"
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return a, "must have nothing but https://, a host and a path"
	}
	host := strings.ToLower(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(host)) {
		return a, "must begin with https://, or with http:// where the host is a loopback one"
	}
	path := queuePathPattern.FindStringSubmatch(u.EscapedPath())
	if path == nil {
		return a, "must end in /111122223333/NAME: an account ID of 12 digits and the queue's name of at most 80 " +
			"letters, digits, hyphens and underscores, .fifo included"
	}
	a = queueAddress{origin: u.Scheme + "://" + strings.ToLower(u.Host), accountID: path[1], name: path[2]}
	a.region, a.ordinary = regionOfHost(host)
	a.ordinary = a.ordinary && u.Port() == ""
	if a.region != "" {
		if why := checkRegion(a.region); why != "" {
			return queueAddress{}, why
		}
	}
	return a, ""
}

// regionOfHost returns the Region that a host of SQS is in, "" for any other host, and whether requests can as well go
// to the Region's own host.
func regionOfHost(host string) (region string, ordinary bool) {
	for i, pattern := range slices.Concat(ordinaryHosts, otherHosts) {
		if parts := pattern.FindStringSubmatch(host); parts != nil {
			if parts[1] == "" {
				return legacyRegion, true
			}
			return parts[1], i < len(ordinaryHosts)
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
