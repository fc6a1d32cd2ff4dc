package config

import (
	"strings"
)

const queueURL = "queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/coverage"

func mistakesInQueueURLs() []mistake {
	const (
		notURL  = "2: events[0].queue_url: is not the URL of an SQS queue (https://sqs.us-east-1.amazonaws.com/111122223333/NAME)"
		more    = "2: events[0].queue_url: must consist of only https://, a host and a path"
		scheme  = "2: events[0].queue_url: must begin with https://, or with http:// for a loopback host"
		badPath = "2: events[0].queue_url: must end in /111122223333/NAME: an account ID of 12 digits and a queue name of at most 80 letters, digits, hyphens and underscores, including .fifo"
		host    = "https://sqs.us-east-1.amazonaws.com"
	)
	var mistakes []mistake
	for url, want := range map[string]string{
		"guardduty-coverage":                                        notURL,
		"arn:aws:sqs:us-east-1:111122223333:coverage":               notURL,
		"sqs.us-east-1.amazonaws.com/111122223333/coverage":         notURL,
		"https:///111122223333/coverage":                            notURL,
		"https://[::1/111122223333/coverage":                        notURL,
		" " + host + "/111122223333/coverage":                       notURL,
		host + "/111122223333/cover\u202eage":                       notURL,
		"https://key:s3cret@localhost/111122223333/coverage":        more,
		host + "/111122223333/coverage?X-Amz-Signature=s3cr":        more,
		host + "/111122223333/coverage?":                            more,
		host + "/111122223333/coverage#":                            more,
		"http://sqs.us-east-1.amazonaws.com/111122223333/a":         scheme,
		"http://localhost.example.com/111122223333/a":               scheme,
		"http://192.168.1.1/111122223333/a":                         scheme,
		"ftp://localhost/111122223333/a":                            scheme,
		host:                                                        badPath,
		host + "/coverage":                                          badPath,
		host + "/11112222333/coverage":                              badPath,
		host + "/111122223333/coverage/":                            badPath,
		host + "//111122223333/coverage":                            badPath,
		host + "/111122223333/cover%61ge":                           badPath,
		host + "/111122223333/coverage.lifo":                        badPath,
		host + "/111122223333/" + strings.Repeat("a", 81):           badPath,
		host + "/111122223333/" + strings.Repeat("a", 76) + ".fifo": badPath,
		"https://sqs.us-esat-2.amazonaws.com/111122223333/a":        `2: events[0].queue_url: "us-esat-2" is not an AWS Region (did you mean us-east-2?)`,
		"https://sqs.all.api.aws/111122223333/a":                    `2: events[0].queue_url: "all" is not an AWS Region`,
		"https://mars-1.queue.amazonaws.com/111122223333/a":         `2: events[0].queue_url: "mars-1" is not an AWS Region`,
		"https://sqs.example.com/111122223333/a":                    "2: events[0].region: is required because the host of queue_url does not contain it",
		"http://sqs.us-east-1.localhost:4566/000000000000/a":        "2: events[0].region: is required because the host of queue_url does not contain it",
	} {
		mistakes = append(mistakes, mistake{url, "events:\n- queue_url: '" + url + "'\n", want})
	}
	return mistakes
}

func mistakesInQueues() []mistake {
	return []mistake{
		{"events text", "events: coverage\n", "1: events: must be a list, not text"},
		{"events mapping", "events: {" + queueURL + "}\n", "1: events: must be a list, not a mapping"},
		{"queue text", "events:\n- coverage\n", "2: events[0]: must be a mapping of keys, not text"},
		{"queue null", "events:\n- " + queueURL + "\n-\n", "3: events[1]: must not be empty"},
		{"queue without URL", "events:\n- region: us-east-1\n", "2: events[0].queue_url: is required"},
		{"queue with an empty URL", "events:\n- region: us-east-1\n  queue_url:\n", "3: events[0].queue_url: is required"},
		{"URL list", "events:\n- queue_url: [a]\n", "2: events[0].queue_url: must be text, not a list"},
		{
			"URL by another name", "events:\n- url: https://sqs.us-east-1.amazonaws.com/111122223333/coverage\n",
			"2: events[0].url: unknown key",
		},
		{
			"key of a target", "events:\n- " + queueURL + "\n  regions: [us-east-1]\n",
			"3: events[0].regions: unknown key (did you mean region?)",
		},
		{
			"Region mistyped", "events:\n- " + queueURL + "\n  region: us-esat-1\n",
			`3: events[0].region: "us-esat-1" is not an AWS Region (did you mean us-east-1?)`,
		},
		{
			"Region all", "events:\n- " + queueURL + "\n  region: all\n",
			`3: events[0].region: "all" is not an AWS Region`,
		},
		{
			"Region of another queue", "events:\n- region: eu-west-1\n  " + queueURL + "\n",
			"2: events[0].region: eu-west-1 differs from the Region of queue_url, us-east-1",
		},
		{
			"URL and Region mistyped", "events:\n- queue_url: coverage\n  region: us-esat-1\n",
			"2: events[0].queue_url: is not the URL of an SQS queue (https://sqs.us-east-1.amazonaws.com/111122223333/NAME)\n" +
				`config.yaml:3: events[0].region: "us-esat-1" is not an AWS Region (did you mean us-east-1?)`,
		},
		{
			"role name", "events:\n- " + queueURL + "\n  role_arn: coverage\n",
			`3: events[0].role_arn: "coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role of another partition", "events:\n- " + queueURL + "\n  role_arn: arn:aws-cn:iam::111122223333:role/coverage\n",
			"3: events[0].role_arn: is in the partition aws-cn, but the queue's Region us-east-1 is in aws",
		},
		{
			"external ID without role", "events:\n- " + queueURL + "\n  external_id: s3cret\n",
			"3: events[0].external_id: requires role_arn",
		},
		{
			"external ID with space", "events:\n- " + queueURL + "\n  " + coverageRole + "\n  external_id: s3 cret\n",
			"4: events[0].external_id: must have 2 to 1224 letters, digits and _+=,.@:/-",
		},
		{
			"session without role", "events:\n- " + queueURL + "\n  role_session_name: prometheus\n",
			"3: events[0].role_session_name: requires role_arn",
		},
		{
			"session short", "events:\n- " + queueURL + "\n  " + coverageRole + "\n  role_session_name: p\n",
			`4: events[0].role_session_name: "p" must have 2 to 64 letters, digits and _+=,.@-`,
		},
		{
			"queue twice", "events:\n- " + queueURL + "\n- " + coverageRole + "\n  " + queueURL + "\n",
			"4: events[1].queue_url: is already the queue of events[0] (line 2)",
		},
		{
			"queue twice by other hosts", "events:\n- " + queueURL + "\n- queue_url: https://queue.amazonaws.com/111122223333/coverage\n",
			"3: events[1].queue_url: is already the queue of events[0] (line 2)",
		},
		{
			"queue twice on a loopback host", "events:\n- &a {queue_url: 'http://localhost:4566/000000000000/a', region: us-east-1}\n- <<: *a\n",
			"2: events[1].queue_url: is already the queue of events[0] (line 2)",
		},
	}
}
