package config

import (
	"strings"
	"testing"
)

// TestLimits has the values at and beyond each limit. The limits are literals,
// so that a wrong constant is found.
func TestLimits(t *testing.T) {
	for name, tc := range map[string]struct{ accepted, rejected string }{
		"shortest interval":  {"refresh: {interval: 1s, timeout: 1ms}", "refresh: {interval: 999ms, timeout: 1ms}"},
		"longest interval":   {"refresh: {interval: 364d, timeout: 1d, max_staleness: 1y}", "refresh: {interval: 366d, timeout: 1d, max_staleness: 1y}"},
		"shortest timeout":   {"refresh: {timeout: 1ms}", "refresh: {timeout: 0s}"},
		"timeout":            {"refresh: {interval: 2m, timeout: 119999ms}", "refresh: {interval: 2m, timeout: 2m}"},
		"shortest staleness": {"refresh: {max_staleness: 7m}", "refresh: {max_staleness: 6m59s}"},
		"longest staleness":  {"refresh: {max_staleness: 365d}", "refresh: {max_staleness: 366d}"},
		"lowest rate":        {"aws: {requests_per_second: 0.001}", "aws: {requests_per_second: 0}"},
		"highest rate":       {"aws: {requests_per_second: 1000}", "aws: {requests_per_second: 1000.001}"},
		"fewest issues":      {"issues: {max_per_cluster: 0}", "issues: {max_per_cluster: -1}"},
		"most issues":        {"issues: {max_per_cluster: 1000}", "issues: {max_per_cluster: 1001}"},
		"longest name":       {"targets: [{name: " + strings.Repeat("a", 200) + "}]", "targets: [{name: " + strings.Repeat("a", 201) + "}]"},
		"shortest external ID": {
			"targets: [{external_id: ab, " + coverageRole + "}]", "targets: [{external_id: a, " + coverageRole + "}]",
		},
		"longest external ID": {
			"targets: [{external_id: " + strings.Repeat("a", 1224) + ", " + coverageRole + "}]",
			"targets: [{external_id: " + strings.Repeat("a", 1225) + ", " + coverageRole + "}]",
		},
		"longest session name": {
			"targets: [{role_session_name: " + strings.Repeat("a", 64) + ", " + coverageRole + "}]",
			"targets: [{role_session_name: " + strings.Repeat("a", 65) + ", " + coverageRole + "}]",
		},
		"longest cluster name": {
			"targets: [{filter: {ecs_cluster_name: {equals: [" + strings.Repeat("a", 255) + "]}}}]",
			"targets: [{filter: {ecs_cluster_name: {equals: [" + strings.Repeat("a", 256) + "]}}}]",
		},
		"longest detector ID": {
			"targets: [{detector_id: " + strings.Repeat("a", 300) + "}]", "targets: [{detector_id: " + strings.Repeat("a", 301) + "}]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			parse(t, tc.accepted)
			if _, err := Parse("config.yaml", []byte(tc.rejected)); err == nil {
				t.Errorf("%.100s is accepted", tc.rejected)
			}
		})
	}
}

// TestOneErrorForEachMistake has equal invalid values, which are not reported as
// duplicates too.
func TestOneErrorForEachMistake(t *testing.T) {
	for name, file := range map[string]string{
		"names":  "targets:\n- {name: ' a', regions: [us-east-1]}\n- {name: ' a', regions: [us-east-2]}\n",
		"queues": "events:\n- {queue_url: 'https://sqs.us-east-1.amazonaws.com/a'}\n- {queue_url: 'https://sqs.us-east-1.amazonaws.com/a'}\n",
		"merged": "targets:\n- &a {name: a, name: b, name: c}\n- {<<: *a, name: d, regions: [us-east-1]}\n",
		"roles":  "targets:\n- {role_arn: a, regions: [us-east-1]}\n- {role_arn: a, regions: [us-east-1]}\n",
	} {
		_, err := Parse("config.yaml", []byte(file))
		if err == nil || strings.Count(err.Error(), "\n") != 1 || strings.Contains(err.Error(), "already") {
			t.Errorf("%s: got %v, want one error in each entry", name, err)
		}
	}
}

// TestUnknownKeyIsNotQuoted has a secret where a key should be, and keys of all
// characters that are quoted.
func TestUnknownKeyIsNotQuoted(t *testing.T) {
	for key, want := range map[string]string{
		"@s3cret":      "config.yaml:1: unknown key",
		"0_az-AZ9":     "config.yaml:1: 0_az-AZ9: unknown key",
		"0az/s3cret":   "config.yaml:1: 0az: unknown key",
		"AZ9{s3cret}":  "config.yaml:1: AZ9: unknown key",
		"some s3cret:": "config.yaml:1: some: unknown key",
		"a`[^@s3cret":  "config.yaml:1: a: unknown key",
	} {
		_, err := Parse("config.yaml", []byte("'"+key+"': 1\n"))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", key, err, want)
		}
	}
}
