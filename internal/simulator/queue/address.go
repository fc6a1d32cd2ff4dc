package queue

import (
	"net/url"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// Address identifies a queue.
type Address struct {
	AccountID, Region, Name string
}

// URL returns the queue's URL at an endpoint, such as the URL of a simulator. The
// URL has no Region: on AWS it is that of the endpoint, in the simulator that of
// the request's signature.
func (a Address) URL(endpoint string) string {
	return strings.TrimSuffix(endpoint, "/") + "/" + a.AccountID + "/" + a.Name
}

// ARN returns the queue's ARN.
func (a Address) ARN() string {
	return "arn:" + awsregion.Partition(a.Region) + ":sqs:" + a.Region + ":" + a.AccountID + ":" + a.Name
}

// ParseURL returns the address of a queue from its URL, of any host, and its
// Region. It returns the zero value if text is not the URL of a queue.
func ParseURL(text, region string) Address {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}
	}
	account, name, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if account == "" || name == "" || strings.Contains(name, "/") {
		return Address{}
	}
	return Address{AccountID: account, Region: region, Name: name}
}
