package config

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestEveryMistakeAtOnce(t *testing.T) {
	_, err := Parse("config.yaml", []byte(`refresh:
  interval: 1m
  timeout: 90s
  jitter: 10s
aws: {requests_per_second: -1, profile: [x]}
targets:
  - name: organization
    role_arn: coverage
    external_id: "s3cret s3cret"
    regions: [us-east-1, us-esat-1]
    detector_id: abc
  -
  - name: organization
    filter: {coverage_status: {equals: [ILL], not_equals: UNHEALTHY}}
events:
  - queue_url: https://key:s3cret@sqs.us-east-1.amazonaws.com/111122223333/coverage
    external_id: s3cret
    region: eu-west
issues: {max_per_cluster: 5000, texts: true}
aws: {}
---
more: true
`))
	want := strings.Split(`config.yaml:2: refresh.interval (1m) must be longer than refresh.timeout (1m30s)
config.yaml:4: refresh.jitter: unknown key
config.yaml:5: aws.profile: must be text, not a list
config.yaml:5: aws.requests_per_second: must be above 0 and at most 1000, not -1
config.yaml:8: targets[0].role_arn: "coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)
config.yaml:9: targets[0].external_id: must have 2 to 1224 letters, digits and _+=,.@:/-
config.yaml:10: targets[0].regions[1]: "us-esat-1" is not an AWS Region (did you mean us-east-1?)
config.yaml:12: targets[1]: must not be empty
config.yaml:13: targets[2].name: "organization" is already the name of targets[0] (line 7)
config.yaml:14: targets[2].filter.coverage_status.not_equals: must be a list, not text
config.yaml:14: targets[2].filter.coverage_status.equals[0]: "ILL" is not one of HEALTHY, UNHEALTHY
config.yaml:16: events[0].queue_url: must consist of only https://, a host and a path
config.yaml:17: events[0].external_id: requires role_arn
config.yaml:18: events[0].region: "eu-west" is not an AWS Region (did you mean eu-west-1?)
config.yaml:19: issues.texts: unknown key (did you mean text?)
config.yaml:19: issues.max_per_cluster: must be between 0 and 1000, not 5000
config.yaml:20: aws: duplicate key, first set on line 5
config.yaml:21: the file must contain only one document; a second one begins here`, "\n")
	equal(t, "messages", want, strings.Split(err.Error(), "\n"))

	all, ok := errors.AsType[Errors](err)
	if !ok || len(all.Unwrap()) != len(want) {
		t.Fatalf("Unwrap gives %d mistakes, want %d", len(all.Unwrap()), len(want))
	}
	equal(t, "first mistake", error(&Error{
		File:   "config.yaml",
		Line:   2,
		Reason: "refresh.interval (1m) must be longer than refresh.timeout (1m30s)",
	}), all[0])
}

// lineBreak matches the line breaks of YAML.
var lineBreak = regexp.MustCompile("[\n\r\u0085\u2028\u2029]")

// FuzzParse checks for any file that Parse does not panic, that each message is one line with a line number of the file,
// and that a result is valid and has its defaults.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "~", "{}", "- a\n", "\xff", "a: [", "aws: {}\n---\n", "refresh: {interval: 1d12h, timeout: 1h}\n",
		"targets:\n- &a {name: a, regions: [us-east-1]}\n- {<<: *a, name: b, regions: [all]}\n",
		"targets:\n- &a\n  <<: [*a, {b: c}]\n", "targets: !!seq {a: b}\n", "? [a]\n: b\n", "targets: [{}, ~, *a]\n",
		"targets:\n- role_arn: arn:aws:iam::111122223333:role/r\n  external_id: s3cret\n  detector_id: a\n",
		"targets:\n- filter: {account_id: {equals: [012345678901], not_equals: [1e3]}}\n- {}\n- {}\n",
		"targets:\n- {resource_types: [EC2, EKS, ~], account_names: true}\n- {account_names: true, filter: {ecs_cluster_name: {equals: [a]}}}\n",
		"events:\n- &q {queue_url: https://sqs.us-east-1.amazonaws.com/111122223333/a.fifo, role_arn: a, external_id: s3cret}\n- *q\n",
		"events: [{queue_url: 'http://[::1]:4566/000000000000/a', region: us-east-1}, {queue_url: 'https://a:b@vpce-1.sqs.all.vpce.amazonaws.com/%41?#'}]\n",
		"issues: {text: off, max_per_cluster: -0}\naws: {requests_per_second: 1_0, profile: \"\\n\"}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("config.yaml", data)
		if err != nil {
			checkErrors(t, err, 1+len(lineBreak.FindAll(data, -1)))
			return
		}
		before := *cfg
		before.Targets = append([]Target(nil), cfg.Targets...)
		before.Events = append([]EventQueue(nil), cfg.Events...)
		cfg.applyDefaults()
		equal(t, "defaults applied twice", &before, cfg)
		again := newErrorList("config.yaml")
		if validate(again, cfg, time.Now()); again.err() != nil {
			t.Errorf("a result is not valid: %v", again.err())
		}
		if summary := cfg.Summary(); strings.Contains(summary, "\n") {
			t.Errorf("the summary has several lines: %q", summary)
		}
	})
}

func checkErrors(t *testing.T, err error, lines int) {
	t.Helper()
	all, ok := errors.AsType[Errors](err)
	if !ok || len(all) == 0 {
		t.Fatalf("not an Errors: %v", err)
	}
	last := 1
	for _, one := range all {
		mistake, ok := errors.AsType[*Error](one)
		if !ok {
			t.Fatalf("not an *Error: %v", one)
		}
		if mistake.Line < last || mistake.Line > lines {
			t.Errorf("line %d after line %d of a file of %d: %v", mistake.Line, last, lines, mistake)
		}
		last = mistake.Line
		if strings.ContainsAny(mistake.Error(), "\n\r") {
			t.Errorf("a message has several lines: %q", mistake.Error())
		}
	}
}
