package config

import "testing"

func TestQueueURLs(t *testing.T) {
	const path = "/111122223333/guardduty-coverage"
	type address struct{ Region, AccountID, Name, ARN, Endpoint string }
	at := func(partition, region, endpoint string) address {
		arn := "arn:" + partition + ":sqs:" + region + ":111122223333:guardduty-coverage"
		return address{region, "111122223333", "guardduty-coverage", arn, endpoint}
	}
	for origin, want := range map[string]address{
		"https://sqs.us-east-1.amazonaws.com":           at("aws", "us-east-1", ""),
		"https://SQS.EU-WEST-1.AmazonAWS.com":           at("aws", "eu-west-1", ""),
		"https://sqs.cn-north-1.amazonaws.com.cn":       at("aws-cn", "cn-north-1", ""),
		"https://sqs.us-gov-west-1.amazonaws.com":       at("aws-us-gov", "us-gov-west-1", ""),
		"https://sqs.eusc-de-east-1.amazonaws.eu":       at("aws-eusc", "eusc-de-east-1", ""),
		"https://queue.amazonaws.com":                   at("aws", "us-east-1", ""),
		"https://ap-south-1.queue.amazonaws.com":        at("aws", "ap-south-1", ""),
		"https://cn-northwest-1.queue.amazonaws.com.cn": at("aws-cn", "cn-northwest-1", ""),
		"https://sqs.us-east-1.amazonaws.com:8443":      at("aws", "us-east-1", "https://sqs.us-east-1.amazonaws.com:8443"),
		"https://sqs-fips.us-west-2.amazonaws.com":      at("aws", "us-west-2", "https://sqs-fips.us-west-2.amazonaws.com"),
		"https://sqs.us-east-2.api.aws":                 at("aws", "us-east-2", "https://sqs.us-east-2.api.aws"),
		"https://sqs-fips.us-east-2.api.aws":            at("aws", "us-east-2", "https://sqs-fips.us-east-2.api.aws"),
		"https://sqs.cn-north-1.api.amazonwebservices.com.cn": at("aws-cn", "cn-north-1",
			"https://sqs.cn-north-1.api.amazonwebservices.com.cn"),
		"https://vpce-0a1b2c-x9y8z7.sqs.us-east-1.vpce.amazonaws.com": at("aws", "us-east-1",
			"https://vpce-0a1b2c-x9y8z7.sqs.us-east-1.vpce.amazonaws.com"),
		"https://vpce-0a1b2c-x9y8z7-us-east-1a.sqs.us-east-1.vpce.amazonaws.com": at("aws", "us-east-1",
			"https://vpce-0a1b2c-x9y8z7-us-east-1a.sqs.us-east-1.vpce.amazonaws.com"),
	} {
		q := parse(t, "events: [{queue_url: '"+origin+path+"'}]").Events[0]
		equal(t, origin, want, address{q.Region, q.AccountID(), q.Name(), q.ARN(), q.Endpoint()})
	}
	for origin, endpoint := range map[string]string{
		"http://sqs.us-east-1.localhost:4566":    "http://sqs.us-east-1.localhost:4566",
		"http://localhost:4566":                  "http://localhost:4566",
		"http://127.0.0.2:80":                    "http://127.0.0.2:80",
		"http://[::1]:9324":                      "http://[::1]:9324",
		"https://Queues.Example.com":             "https://queues.example.com",
		"https://sqs.us-east-1.amazonaws.com.eu": "https://sqs.us-east-1.amazonaws.com.eu",
	} {
		q := parse(t, "events: [{queue_url: '"+origin+path+"', region: sa-east-1}]").Events[0]
		equal(t, origin, at("aws", "sa-east-1", endpoint), address{q.Region, q.AccountID(), q.Name(), q.ARN(), q.Endpoint()})
	}
}

func TestQueuesInFull(t *testing.T) {
	cfg := parse(t, `
events:
  - queue_url: https://sqs.us-east-1.amazonaws.com/000000000000/guardduty_coverage-0.fifo
  - queue_url: https://sqs.eu-west-1.amazonaws.com/444455556666/guardduty-coverage
    role_arn: arn:aws:iam::444455556666:role/guardduty-coverage-events
    external_id: s3cret
    region: eu-west-1
  - queue_url: http://localhost:4566/000000000000/a
    region: us-east-1
  - queue_url: http://localhost:4567/000000000000/a
    region: us-east-1
`)
	want := []EventQueue{
		{QueueURL: "https://sqs.us-east-1.amazonaws.com/000000000000/guardduty_coverage-0.fifo", Region: "us-east-1"},
		{
			QueueURL: "https://sqs.eu-west-1.amazonaws.com/444455556666/guardduty-coverage", Region: "eu-west-1",
			RoleARN: "arn:aws:iam::444455556666:role/guardduty-coverage-events", ExternalID: "s3cret",
			RoleSessionName: "guardduty-coverage-exporter",
		},
		{QueueURL: "http://localhost:4566/000000000000/a", Region: "us-east-1"},
		{QueueURL: "http://localhost:4567/000000000000/a", Region: "us-east-1"},
	}
	equal(t, "queues", want, cfg.Events)
	const summary = "config.yaml: 1 target: default (ambient credentials; Region from the environment); 4 queues: " +
		"guardduty_coverage-0.fifo (ambient credentials; us-east-1), guardduty-coverage (role 444455556666; eu-west-1), " +
		"a (ambient credentials; us-east-1), a (ambient credentials; us-east-1)"
	equal(t, "summary", summary, cfg.Summary())
	for _, none := range []string{"events: []", "events:", "events: ~"} {
		equal(t, none, defaultConfig(), parse(t, none))
	}
}
