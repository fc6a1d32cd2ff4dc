package config

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

func queueKey(i int) string { return fmt.Sprintf("events[%d]", i) }

func validateQueue(r *report, key string, q EventQueue) {
	if r.sound(join(key, "role_arn")) {
		validateRole(r, key, q.RoleARN, q.ExternalID, q.RoleSessionName)
	}
	url := join(key, "queue_url")
	if q.QueueURL == "" && r.sound(url) {
		r.addf(url, "must be given")
	} else if _, why := parseQueueURL(q.QueueURL); why != "" && r.sound(url) {
		r.addf(url, "%s", why)
	}
	validateQueueRegion(r, key, q)
}

// validateQueueRegion checks that the Region is one, that the URL is of it and that the role can be used in it.
func validateQueueRegion(r *report, key string, q EventQueue) {
	url, region, role := join(key, "queue_url"), join(key, "region"), join(key, "role_arn")
	if why := checkRegion(q.Region); q.Region != "" && why != "" {
		r.addf(region, "%s", why)
	}
	if !r.sound(url, region) {
		return
	}
	of := q.address().region
	switch {
	case q.Region == "":
		r.addf(region, "must be given, for the host of queue_url names none")
	case of != "" && of != q.Region:
		r.addf(region, "%s is not the Region of queue_url, which is %s", q.Region, of)
	default:
		parsed, err := arn.Parse(q.RoleARN)
		if p := awsregion.Partition(q.Region); err == nil && r.sound(role) && p != parsed.Partition {
			r.addf(role, "is in the partition %s, but the queue's Region %s is in %s", parsed.Partition, q.Region, p)
		}
	}
}

// validateQueueNames refuses two URLs of one queue: each of its messages goes to one of those who ask for them.
func validateQueueNames(r *report, queues []EventQueue) {
	first := map[string]int{}
	for i, q := range queues {
		url := join(queueKey(i), "queue_url")
		if r.unusable(queueKey(i)) || q.QueueURL == "" || !r.sound(url, join(queueKey(i), "region")) {
			continue
		}
		name := q.ARN()
		if q.address().region == "" { // not of AWS, so there may be others of that name
			name = q.QueueURL
		}
		if earlier, taken := first[name]; taken {
			r.addf(url, "is the queue of %s (line %d) already", queueKey(earlier), r.line(queueKey(earlier)))
			continue
		}
		first[name] = i
	}
}
