package config

import (
	"slices"
	"strings"
	"testing"
)

// coverageRole is a key that some mistakes need in addition.
const coverageRole = "role_arn: 'arn:aws:iam::111122223333:role/coverage'"

// mistake is a file with one mistake, and the whole message after the name of the file.
type mistake struct{ name, file, want string }

func allMistakes() []mistake {
	return slices.Concat(
		mistakesInDocument(),
		mistakesInKeys(),
		mistakesInTypes(),
		mistakesInSettings(),
		mistakesInSchedules(),
		mistakesInNames(),
		mistakesInRoles(),
		mistakesInExternalIDFiles(),
		mistakesInRegions(),
		mistakesInFilters(),
		mistakesInResourceTypes(),
		mistakesInOptions(),
		mistakesInListings(),
		mistakesInPartitions(),
		mistakesInECS(),
		mistakesInECSRoles(),
		mistakesInECSTags(),
		mistakesInQueueURLs(),
		mistakesInQueues(),
		mistakesInExclusions(),
	)
}

// TestMistakes has at least one file for each message.
func TestMistakes(t *testing.T) {
	for _, m := range allMistakes() {
		t.Run(m.name, func(t *testing.T) {
			_, err := Parse("config.yaml", []byte(m.file))
			if err == nil {
				t.Fatalf("no error, want %s", m.want)
			}
			if got := strings.TrimPrefix(err.Error(), "config.yaml:"); got != m.want {
				t.Errorf("\n got %s\nwant %s", got, m.want)
			}
		})
	}
}

func mistakesInDocument() []mistake {
	return []mistake{
		{"root list", "- a\n", "1: the file must be a mapping of keys, not a list"},
		{"root text", "hello\n", "1: the file must be a mapping of keys, not text"},
		{"syntax", "refresh: {interval: 5m\n", "1: not valid YAML: did not find expected ',' or '}'"},
		{"syntax key", "refresh:\n  interval: 5m\n bad: x\n", "3: not valid YAML: did not find expected key"},
		{
			"colon twice", "aws:\n  profile: a: b\n",
			"2: not valid YAML: mapping values are not allowed in this context",
		},
		{
			"tab", "refresh:\n  interval: 5m\n\ttimeout: 1m\n",
			"3: not valid YAML: a tab cannot be used for indentation; use spaces",
		},
		{"first tab", "refresh:\n\tinterval: 5m\n", "2: not valid YAML: a tab cannot be used for indentation; use spaces"},
		{"no tab", "aws:\n  profile: @a\nrefresh:\n\tinterval: 5m\n", "2: not valid YAML: found character that cannot start any token"},
		{"unclosed quote", "targets:\n- name: \"abc\n", "2: not valid YAML: found unexpected end of stream"},
		{
			"unknown anchor", "targets:\n- name: a\n  external_id: *s3cret\n",
			"3: not valid YAML: unknown anchor; quote values that start with *",
		},
		{
			"second document", "aws: {}\n---\naws: {}\n",
			"2: the file must contain only one document; a second one begins here",
		},
		{"empty second document", "aws: {}\n---\n", "2: the file must contain only one document; a second one begins here"},
		{"broken second document", "aws: {}\n---\n[\n", "3: not valid YAML: did not find expected node content"},
		{"not UTF-8", "aws: {}\n\n# \xff", "3: the file is not UTF-8 text"},
		{"UTF-16", "\xff\xfea\x00", "1: the file is not UTF-8 text"},
		{"control character", "aws:\n  profile: \x01\n", "2: the file contains a control character"},
		{"own tag", "targets: !list []\n", "1: targets: must be a list, not a value with a custom tag"},
		{
			"binary tag", "targets: [{name: !!binary aGVsbG8=}]\n",
			"1: targets[0].name: must be text, not a value with a custom tag",
		},
		{"list as key", "[a]: b\n", "1: mapping keys must be scalars, not a list"},
		{"merge of text", "targets:\n- <<: x\n", "2: targets[0].<<: must be a mapping or a list of mappings, not text"},
		{"merge of nothing", "targets:\n- <<:\n", "2: targets[0].<<: must be a mapping or a list of mappings, not nothing"},
		{"root number", "5\n", "1: the file must be a mapping of keys, not a number"},
		{"root boolean", "\ntrue\n", "2: the file must be a mapping of keys, not true or false"},
		{"merge of itself", "targets:\n- &a\n  <<: *a\n", "2: targets[0].<<: merges a mapping into itself"},
	}
}

func mistakesInKeys() []mistake {
	return []mistake{
		{"unknown key", "\nalerts: {}\n", "2: alerts: unknown key"},
		{"unknown key near one", "refersh: {}\n", "1: refersh: unknown key (did you mean refresh?)"},
		{"long unknown key", strings.Repeat("k", 200) + ": 1\n", "1: " + strings.Repeat("k", 64) + ": unknown key"},
		{"unknown key of case", "Refresh: {}\n", "1: Refresh: unknown key (did you mean refresh?)"},
		{
			"unknown nested key", "refresh:\n  intervall: 5m\n",
			"2: refresh.intervall: unknown key (did you mean interval?)",
		},
		{
			"unknown key of target", "targets:\n- name: a\n- name: b\n  role: x\n",
			"4: targets[1].role: unknown key (did you mean role_arn?)",
		},
		{
			"unknown filter key", "targets:\n- filter:\n    cluster_name: {equals: [a]}\n",
			"3: targets[0].filter.cluster_name: unknown key (did you mean ecs_cluster_name?)",
		},
		{
			"unknown condition key", "targets:\n- filter:\n    account_id: {in: [a]}\n",
			"3: targets[0].filter.account_id.in: unknown key",
		},
		{
			"singular key", "targets:\n- region: us-east-1\n",
			"2: targets[0].region: unknown key (did you mean regions?)",
		},
		{
			"key without space", "targets:\n- {external_id:s3cret}\n",
			"2: targets[0].external_id: missing space after the colon",
		},
		{
			"duplicate key", "aws: {profile: a}\nrefresh: {}\naws: {profile: b}\n",
			"3: aws: duplicate key, first set on line 1",
		},
		{
			"duplicate key of target", "targets:\n- name: a\n  regions: [us-east-1]\n  name: b\n",
			"4: targets[0].name: duplicate key, first set on line 2",
		},
	}
}

func mistakesInTypes() []mistake {
	return []mistake{
		{"refresh list", "refresh: [5m]\n", "1: refresh: must be a mapping of keys, not a list"},
		{"refresh scalar", "refresh: 5m\n", "1: refresh: must be a mapping of keys, not text"},
		{"targets mapping", "targets: {name: a}\n", "1: targets: must be a list, not a mapping"},
		{"targets text", "targets: a\n", "1: targets: must be a list, not text"},
		{"target text", "targets:\n- organization\n", "2: targets[0]: must be a mapping of keys, not text"},
		{
			"target null", "targets:\n- name: a\n-\n",
			"3: targets[1]: must not be empty",
		},
		{
			"targets empty", "aws: {}\ntargets: []\n",
			"2: targets: must not be empty; omit the key to use the ambient credentials",
		},
		{"regions text", "targets:\n- regions: us-east-1\n", "2: targets[0].regions: must be a list, not text"},
		{
			"regions empty", "targets:\n- regions: []\n",
			"2: targets[0].regions: must not be empty; omit the key to use the Region of the environment",
		},
		{
			"regions null entry", "targets:\n- regions:\n  - us-east-1\n  - ~\n",
			"4: targets[0].regions[1]: must not be empty",
		},
		{
			"regions nested", "targets:\n- regions: [[us-east-1]]\n",
			"2: targets[0].regions[0]: must be text, not a list",
		},
		{"filter list", "targets:\n- filter: []\n", "2: targets[0].filter: must be a mapping of keys, not a list"},
		{
			"condition list", "targets:\n- filter: {account_id: ['111122223333']}\n",
			"2: targets[0].filter.account_id: must be a mapping of keys, not a list",
		},
		{
			"equals text", "targets:\n- filter: {account_id: {equals: 111122223333}}\n",
			"2: targets[0].filter.account_id.equals: must be a list, not a number",
		},
		{"name mapping", "targets:\n- name: {a: b}\n", "2: targets[0].name: must be text, not a mapping"},
		{
			"name boolean", "targets:\n- name: true\n",
			"2: targets[0].name: must be text, not true or false; quote the value",
		},
		{
			"secret list", "targets:\n- " + coverageRole + "\n  external_id: [s3cret]\n",
			"3: targets[0].external_id: must be text, not a list",
		},
		{"text word", "issues: {text: yes}\n", `1: issues.text: must be true or false, not the text "yes"`},
		{"text number", "issues: {text: 1}\n", "1: issues.text: must be true or false, not 1"},
		{
			"max fraction", "issues: {max_per_cluster: 2.5}\n",
			"1: issues.max_per_cluster: must be a whole number, not 2.5",
		},
		{
			"max word", "issues: {max_per_cluster: many}\n",
			`1: issues.max_per_cluster: must be a whole number, not the text "many"`,
		},
		{
			"max quoted", "issues: {max_per_cluster: '5'}\n",
			`1: issues.max_per_cluster: must be a whole number, not the text "5"`,
		},
		{
			"max hexadecimal", "issues: {max_per_cluster: 0x10}\n",
			"1: issues.max_per_cluster: must be a whole number, not 0x10",
		},
		{
			"rate word", "aws: {requests_per_second: fast}\n",
			`1: aws.requests_per_second: must be a number, not the text "fast"`,
		},
		{
			"rate quoted", "aws: {requests_per_second: '5'}\n",
			`1: aws.requests_per_second: must be a number, not the text "5"`,
		},
		{
			"rate list", "aws: {requests_per_second: [5]}\n",
			"1: aws.requests_per_second: must be a number, not a list",
		},
		{
			"interval number", "refresh: {interval: 300}\n",
			"1: refresh.interval: 300 has no unit; write a duration such as 30s, 5m or 1h30m",
		},
		{
			"interval word", "refresh:\n  interval: often\n",
			`2: refresh.interval: "often" is not a duration such as 30s, 5m or 1h30m`,
		},
		{
			"interval list", "refresh: {interval: [5m]}\n",
			"1: refresh.interval: must be a duration such as 30s, 5m or 1h30m, not a list",
		},
		{
			"interval unit", "refresh: {interval: 5min}\n",
			`1: refresh.interval: "5min" is not a duration such as 30s, 5m or 1h30m`,
		},
	}
}

func mistakesInSettings() []mistake {
	return []mistake{
		{"interval zero", "refresh: {interval: 0s}\n", "1: refresh.interval: must be between 1s and 1y, not 0s"},
		{
			"interval negative", "refresh: {interval: -5m}\n",
			"1: refresh.interval: \"-5m\" is not a duration such as 30s, 5m or 1h30m",
		},
		{
			"interval short", "refresh: {interval: 500ms, timeout: 100ms}\n",
			"1: refresh.interval: must be between 1s and 1y, not 500ms",
		},
		{
			"interval long", "refresh: {interval: 400d, max_staleness: 365d}\n",
			"1: refresh.interval: must be between 1s and 1y, not 400d",
		},
		{"timeout zero", "refresh: {timeout: 0s}\n", "1: refresh.timeout: must be between 1ms and 1y, not 0s"},
		{
			"timeout negative", "refresh: {timeout: -1s}\n",
			"1: refresh.timeout: \"-1s\" is not a duration such as 30s, 5m or 1h30m",
		},
		{
			"interval below timeout", "refresh:\n  interval: 1m\n  timeout: 2m\n",
			"2: refresh.interval (1m) must be longer than refresh.timeout (2m)",
		},
		{
			"interval equals timeout", "refresh:\n  interval: 2m\n  timeout: 2m\n",
			"2: refresh.interval (2m) must be longer than refresh.timeout (2m)",
		},
		{
			"interval below default timeout", "refresh:\n  interval: 1m\n",
			"2: refresh.interval (1m) must be longer than refresh.timeout (2m, the default)",
		},
		{
			"timeout above default interval", "refresh:\n  timeout: 10m\n",
			"2: refresh.interval (5m, the default) must be longer than refresh.timeout (10m)",
		},
		{
			"staleness short", "refresh:\n  interval: 5m\n  timeout: 2m\n  max_staleness: 6m\n",
			"4: refresh.max_staleness (6m) must be at least the sum of refresh.interval (5m) and refresh.timeout (2m)",
		},
		{
			"default staleness short", "refresh:\n  interval: 1h\n",
			"2: refresh.max_staleness (30m, the default) must be at least the sum of refresh.interval (1h) and refresh.timeout (2m, the default)",
		},
		{
			"staleness negative", "refresh: {max_staleness: -1h}\n",
			"1: refresh.max_staleness: \"-1h\" is not a duration such as 30s, 5m or 1h30m",
		},
		{
			"rate zero", "aws: {requests_per_second: 0}\n",
			"1: aws.requests_per_second: must be above 0 and at most 1000, not 0",
		},
		{
			"rate negative", "aws: {requests_per_second: -1}\n",
			"1: aws.requests_per_second: must be above 0 and at most 1000, not -1",
		},
		{
			"rate high", "aws: {requests_per_second: 1001}\n",
			"1: aws.requests_per_second: must be above 0 and at most 1000, not 1001",
		},
		{
			"rate infinite", "aws: {requests_per_second: .inf}\n",
			"1: aws.requests_per_second: must be a number, not .inf",
		},
		{
			"rate not a number", "aws: {requests_per_second: .nan}\n",
			"1: aws.requests_per_second: must be a number, not .nan",
		},
		{
			"profile with a line break", "aws: {profile: \"a\\nb\"}\n",
			"1: aws.profile: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"max negative", "issues: {max_per_cluster: -1}\n",
			"1: issues.max_per_cluster: must be between 0 and 1000, not -1",
		},
		{
			"max high", "issues: {max_per_cluster: 1001}\n",
			"1: issues.max_per_cluster: must be between 0 and 1000, not 1001",
		},
	}
}
