package config

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

func queueKey(i int) string { return fmt.Sprintf("events[%d]", i) }

func validateQueue(errs *errorList, key string, q EventQueue) {
	if errs.valid(join(key, "role_arn")) {
		validateRole(errs, key, q.role())
	}
	url := join(key, "queue_url")
	if q.QueueURL == "" && errs.valid(url) {
		errs.addf(url, "is required")
	} else if _, reason := parseQueueURL(q.QueueURL); reason != "" && errs.valid(url) {
		errs.addf(url, "%s", reason)
	}
	validateQueueRegion(errs, key, q)
}

// validateQueueRegion checks that the Region is valid and that the URL and the role belong to it.
func validateQueueRegion(errs *errorList, key string, q EventQueue) {
	url, region, role := join(key, "queue_url"), join(key, "region"), join(key, "role_arn")
	if reason := checkRegion(q.Region); q.Region != "" && reason != "" {
		errs.addf(region, "%s", reason)
	}
	if !errs.valid(url, region) {
		return
	}
	of := q.address().region
	switch {
	case q.Region == "":
		errs.addf(region, "is required because the host of queue_url does not contain it")
	case of != "" && of != q.Region:
		errs.addf(region, "%s differs from the Region of queue_url, %s", q.Region, of)
	default:
		parsed, err := arn.Parse(q.RoleARN)
		if p := awsregion.Partition(q.Region); err == nil && errs.valid(role) && p != parsed.Partition {
			errs.addf(role, "is in the partition %s, but the queue's Region %s is in %s", parsed.Partition, q.Region, p)
		}
	}
}

// validateQueueNames rejects a second entry for a queue, because each message is delivered to one receiver only.
func validateQueueNames(errs *errorList, queues []EventQueue) {
	first := map[string]int{}
	for i, q := range queues {
		url := join(queueKey(i), "queue_url")
		if errs.invalid(queueKey(i)) || q.QueueURL == "" || !errs.valid(url, join(queueKey(i), "region")) {
			continue
		}
		name := q.ARN()
		if q.address().region == "" { // not an AWS host: several hosts may have a queue of this name
			name = q.QueueURL
		}
		if earlier, taken := first[name]; taken {
			errs.addf(url, "is already the queue of %s (line %d)", queueKey(earlier), errs.line(queueKey(earlier)))
			continue
		}
		first[name] = i
	}
}
