package config

import (
	"strings"
	"testing"
)

func mistakesInNames() []mistake {
	return []mistake{
		{
			"name blank", "targets:\n- name: '  '\n",
			"2: targets[0].name: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"name with leading space", "targets:\n- name: ' a'\n",
			"2: targets[0].name: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"name with control", "targets:\n- name: \"a\\tb\"\n",
			"2: targets[0].name: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"name with bidi", "targets:\n- name: \"a\\u202eb\"\n",
			"2: targets[0].name: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"name long", "targets:\n- name: " + strings.Repeat("é", 101) + "\n",
			"2: targets[0].name: must have at most 200 bytes, not 202",
		},
		{
			"name twice", "targets:\n- name: a\n  regions: [us-east-1]\n- regions: [eu-west-1]\n  name: a\n",
			`5: targets[1].name: "a" is already the name of targets[0] (line 2)`,
		},
		{
			"default name twice", "targets:\n- regions: [us-east-1]\n- regions: [eu-west-1]\n",
			`3: targets[1]: its default name "default" is already the name of targets[0] (line 2); set name`,
		},
		{
			"account name twice", "targets:\n- {" + coverageRole + ", regions: [us-east-1]}\n- {" + coverageRole + ", regions: [eu-west-1]}\n",
			`3: targets[1]: its default name "111122223333" is already the name of targets[0] (line 2); set name`,
		},
	}
}

func mistakesInRoles() []mistake {
	return []mistake{
		{
			"mapping without colon", "targets:\n- external_id s3cret\n",
			"2: targets[0]: must be a mapping of keys, not text",
		},
		{
			"external ID after unknown role key", "targets:\n- arn: x\n  external_id: s3cret\n",
			"2: targets[0].arn: unknown key",
		},
		{
			"unknown key that is part of one", "targets:\n- role: x\n  external_id: s3cret\n",
			"2: targets[0].role: unknown key (did you mean role_arn?)",
		},
		{
			"rate mapping", "aws: {requests_per_second: {a: 1}}\n",
			"1: aws.requests_per_second: must be a number, not a mapping",
		},
		{
			"role name", "targets:\n- name: a\n- role_arn: coverage\n",
			`3: targets[1].role_arn: "coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role of user", "targets:\n- role_arn: arn:aws:iam::111122223333:user/coverage\n",
			`2: targets[0].role_arn: "arn:aws:iam::111122223333:user/coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role of session", "targets:\n- role_arn: arn:aws:sts::111122223333:assumed-role/coverage/x\n",
			`2: targets[0].role_arn: "arn:aws:sts::111122223333:assumed-role/coverage/x" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role with short account", "targets:\n- role_arn: arn:aws:iam::11112222333:role/coverage\n",
			`2: targets[0].role_arn: "arn:aws:iam::11112222333:role/coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role with Region", "targets:\n- role_arn: arn:aws:iam:us-east-1:111122223333:role/coverage\n",
			`2: targets[0].role_arn: "arn:aws:iam:us-east-1:111122223333:role/coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role without name", "targets:\n- role_arn: 'arn:aws:iam::111122223333:role/'\n",
			`2: targets[0].role_arn: "arn:aws:iam::111122223333:role/" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"role of partition", "targets:\n- role_arn: arn:azure:iam::111122223333:role/coverage\n",
			`2: targets[0].role_arn: "arn:azure:iam::111122223333:role/coverage" is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)`,
		},
		{
			"external ID without role", "targets:\n- external_id: s3cret\n",
			"2: targets[0].external_id: requires role_arn",
		},
		{
			"external ID short", "targets:\n- " + coverageRole + "\n  external_id: s\n",
			"3: targets[0].external_id: must have 2 to 1224 letters, digits and _+=,.@:/-",
		},
		{
			"external ID with space", "targets:\n- " + coverageRole + "\n  external_id: s3 cret\n",
			"3: targets[0].external_id: must have 2 to 1224 letters, digits and _+=,.@:/-",
		},
		{
			"external ID boolean", "targets:\n- " + coverageRole + "\n  external_id: true\n",
			"3: targets[0].external_id: must be text, not true or false; quote the value",
		},
		{
			"session without role", "targets:\n- role_session_name: prometheus\n",
			"2: targets[0].role_session_name: requires role_arn",
		},
		{
			"session short", "targets:\n- " + coverageRole + "\n  role_session_name: p\n",
			`3: targets[0].role_session_name: "p" must have 2 to 64 letters, digits and _+=,.@-`,
		},
		{
			"session with space", "targets:\n- " + coverageRole + "\n  role_session_name: my session\n",
			`3: targets[0].role_session_name: "my session" must have 2 to 64 letters, digits and _+=,.@-`,
		},
	}
}

func mistakesInRegions() []mistake {
	return []mistake{
		{
			"Region mistyped", "targets:\n- regions:\n  - us-east-1\n  - us-esat-2\n",
			`4: targets[0].regions[1]: "us-esat-2" is not an AWS Region (did you mean us-east-2?)`,
		},
		{
			"Region without hyphen", "targets:\n- regions: [euwest1]\n",
			`2: targets[0].regions[0]: "euwest1" is not an AWS Region (did you mean eu-west-1?)`,
		},
		{
			"Region is a zone", "targets:\n- regions: [us-east-1a]\n",
			`2: targets[0].regions[0]: "us-east-1a" is not an AWS Region (did you mean us-east-1?)`,
		},
		{
			"Region in capitals", "targets:\n- regions: [US-EAST-1]\n",
			`2: targets[0].regions[0]: "US-EAST-1" is not an AWS Region (did you mean us-east-1?)`,
		},
		{
			"Region unlike any", "targets:\n- regions: [mars-north-1]\n",
			`2: targets[0].regions[0]: "mars-north-1" is not an AWS Region`,
		},
		{
			"Region empty", "targets:\n- regions: ['']\n",
			"2: targets[0].regions[0]: must not be empty",
		},
		{
			"Region twice", "targets:\n- regions: [us-east-1, eu-west-1, us-east-1]\n",
			`2: targets[0].regions[2]: "us-east-1" is a duplicate of targets[0].regions[0]`,
		},
		{
			"Region that is no text, and an empty one", "targets:\n- regions: [[], '']\n",
			"2: targets[0].regions[0]: must be text, not a list\nconfig.yaml:2: targets[0].regions[1]: must not be empty",
		},
		{
			"all in capitals", "targets:\n- regions: [ALL]\n",
			`2: targets[0].regions[0]: "ALL" is not an AWS Region (did you mean all?)`,
		},
		{
			"all and another", "targets:\n- regions: [all, us-east-1]\n",
			"2: targets[0].regions: \"all\" cannot be combined with other Regions",
		},
		{
			"all twice", "targets:\n- regions: [all, all]\n",
			`2: targets[0].regions[1]: "all" is a duplicate of targets[0].regions[0]`,
		},
		{
			"Regions of two partitions", "targets:\n- regions: [us-east-1, cn-north-1]\n",
			"2: targets[0].regions[1]: cn-north-1 is in the partition aws-cn, but us-east-1 is in aws; use one exporter for each partition",
		},
		{
			"Region of another partition than the role", "targets:\n- " + coverageRole + "\n  regions: [us-gov-west-1]\n",
			"3: targets[0].regions[0]: us-gov-west-1 is in the partition aws-us-gov, but role_arn is in aws",
		},
		{
			"detector with colon", "targets:\n- detector_id: 'a:b'\n",
			`2: targets[0].detector_id: "a:b" is not a detector ID: at most 300 letters, digits and hyphens`,
		},
		{
			"detector long", "targets:\n- detector_id: " + strings.Repeat("a", 301) + "\n",
			"2: targets[0].detector_id: \"" + strings.Repeat("a", 80) + "…\" is not a detector ID: at most 300 letters, digits and hyphens",
		},
		{
			"detector in two Regions", "targets:\n- detector_id: abc\n  regions: [us-east-1, eu-west-1]\n",
			"2: targets[0].detector_id: requires a single Region, because a detector belongs to one",
		},
		{
			"detector in all Regions", "targets:\n- detector_id: abc\n  regions: [all]\n",
			"2: targets[0].detector_id: requires a single Region, because a detector belongs to one",
		},
	}
}

func mistakesInFilters() []mistake {
	return []mistake{
		{
			"account short", "targets:\n- filter: {account_id: {equals: [1234]}}\n",
			`2: targets[0].filter.account_id.equals[0]: "1234" is not an account ID of 12 digits`,
		},
		{
			"account as power", "targets:\n- filter: {account_id: {equals: [1.11e11]}}\n",
			`2: targets[0].filter.account_id.equals[0]: "1.11e11" is not an account ID of 12 digits`,
		},
		{
			"account empty", "targets:\n- filter: {account_id: {not_equals: [\"\"]}}\n",
			"2: targets[0].filter.account_id.not_equals[0]: must not be empty",
		},
		{
			"account twice", "targets:\n- filter: {account_id: {equals: [111122223333, '111122223333']}}\n",
			`2: targets[0].filter.account_id.equals[1]: "111122223333" is a duplicate of targets[0].filter.account_id.equals[0]`,
		},
		{
			"account wanted and not", "targets:\n- filter:\n    account_id:\n      equals: [111122223333]\n      not_equals: [444455556666, 111122223333]\n",
			`5: targets[0].filter.account_id.not_equals[1]: "111122223333" is in both equals and not_equals`,
		},
		{
			"status wanted and not", "targets:\n- filter: {management_type: {equals: [AUTO_MANAGED, MANUAL], not_equals: [MANUAL]}}\n",
			`2: targets[0].filter.management_type.not_equals[0]: "MANUAL" is in both equals and not_equals`,
		},
		{
			"cluster ARN", "targets:\n- filter: {ecs_cluster_name: {equals: ['arn:aws:ecs:us-east-1:111122223333:cluster/shop']}}\n",
			`2: targets[0].filter.ecs_cluster_name.equals[0]: "arn:aws:ecs:us-east-1:111122223333:cluster/shop" is not a cluster name: at most 255 letters, digits, hyphens and underscores`,
		},
		{
			"cluster null", "targets:\n- filter: {ecs_cluster_name: {equals: [~]}}\n",
			"2: targets[0].filter.ecs_cluster_name.equals[0]: must not be empty",
		},
		{
			"status in small letters", "targets:\n- filter: {coverage_status: {equals: [healthy]}}\n",
			`2: targets[0].filter.coverage_status.equals[0]: "healthy" is not one of HEALTHY, UNHEALTHY (did you mean HEALTHY?)`,
		},
		{
			"status unknown", "targets:\n- filter: {coverage_status: {not_equals: [BROKEN]}}\n",
			`2: targets[0].filter.coverage_status.not_equals[0]: "BROKEN" is not one of HEALTHY, UNHEALTHY`,
		},
		{
			"management unknown", "targets:\n- filter: {management_type: {equals: [AUTO_MANAGD]}}\n",
			`2: targets[0].filter.management_type.equals[0]: "AUTO_MANAGD" is not one of AUTO_MANAGED, MANUAL, DISABLED (did you mean AUTO_MANAGED?)`,
		},
	}
}

func mistakesInResourceTypes() []mistake {
	return []mistake{
		{
			"types text", "targets:\n- resource_types: ECS\n",
			"2: targets[0].resource_types: must be a list, not text",
		},
		{
			"types empty", "targets:\n- resource_types: []\n",
			"2: targets[0].resource_types: must not be empty; omit the key to list ECS",
		},
		{
			"type null", "targets:\n- resource_types: [ECS, ~]\n",
			"2: targets[0].resource_types[1]: must not be empty",
		},
		{
			"type empty", "targets:\n- resource_types: ['']\n",
			"2: targets[0].resource_types[0]: must not be empty",
		},
		{
			"type in small letters", "targets:\n- resource_types:\n  - ECS\n  - eks\n",
			`4: targets[0].resource_types[1]: "eks" is not one of ECS, EC2, EKS (did you mean EKS?)`,
		},
		{
			"type unknown", "targets:\n- resource_types: [LAMBDA]\n",
			`2: targets[0].resource_types[0]: "LAMBDA" is not one of ECS, EC2, EKS`,
		},
		{
			"type twice", "targets:\n- resource_types: [ECS, EC2, ECS]\n",
			`2: targets[0].resource_types[2]: "ECS" is a duplicate of targets[0].resource_types[0]`,
		},
		{
			"cluster filter without ECS", "targets:\n- resource_types: [EC2, EKS]\n  filter:\n    ecs_cluster_name: {not_equals: [shop]}\n",
			"4: targets[0].filter.ecs_cluster_name: requires ECS in resource_types",
		},
		{ // the intended type may be ECS
			"cluster filter with a mistyped type", "targets:\n- resource_types: [ESC]\n  filter: {ecs_cluster_name: {equals: [shop]}}\n",
			`2: targets[0].resource_types[0]: "ESC" is not one of ECS, EC2, EKS (did you mean ECS?)`,
		},
		{
			"only_ecs text", "ec2: {only_ecs: all}\n",
			`1: ec2.only_ecs: must be true or false, not the text "all"`,
		},
		{"only_ecs of a target", "targets:\n- only_ecs: true\n", "2: targets[0].only_ecs: unknown key"},
	}
}

func mistakesInOptions() []mistake {
	return []mistake{
		{
			"detector is the ID", "targets:\n- detector: 12abc34d567e8fa901bc2d34e56789f0\n",
			`2: targets[0].detector: must be true or false, not the text "12abc34d567e8fa901bc2d34e56789f0"`,
		},
		{
			"members list", "targets:\n- members: [111122223333]\n",
			"2: targets[0].members: must be true or false, not a list",
		},
		{
			"names of two targets", "targets:\n- regions: [us-east-1]\n  account_names: true\n- name: b\n- name: c\n  members: true\n  account_names: true\n  regions: [us-west-2]\n",
			"7: targets[2].account_names: targets[0].account_names (line 3) is already true; only one target can read the account names of the organization",
		},
		{
			"names of two targets, merged", "targets:\n- &a\n  name: a\n  account_names: true\n- {<<: *a, name: b, regions: [us-east-1]}\n",
			"4: targets[1].account_names: targets[0].account_names (line 4) is already true; only one target can read the account names of the organization",
		},
	}
}

func mistakesInPartitions() []mistake {
	const china = "role_arn: 'arn:aws-cn:iam::444455556666:role/coverage'"
	return []mistake{
		{
			"roles in two partitions", "targets:\n- {" + coverageRole + "}\n- {" + china + "}\n",
			"3: targets[1]: is in the partition aws-cn, but targets[0] (line 2) is in aws; use one exporter for each partition",
		},
		{
			"Regions in two partitions", "targets:\n- {}\n- {name: a, regions: [all]}\n- {name: b, regions: [us-gov-west-1]}\n- {name: c, regions: [eu-west-1]}\n",
			"5: targets[3]: is in the partition aws, but targets[2] (line 4) is in aws-us-gov; use one exporter for each partition",
		},
		{
			"queue in another partition", "targets: [{" + china + "}]\nevents:\n- " + queueURL + "\n",
			"3: events[0]: is in the partition aws, but targets[0] (line 1) is in aws-cn; use one exporter for each partition",
		},
		{
			"queue's role in another partition", "targets: [{regions: [us-east-1]}]\nevents:\n- {queue_url: 'http://localhost/111122223333/a', region: cn-north-1, " + china + "}\n",
			"3: events[0]: is in the partition aws-cn, but targets[0] (line 1) is in aws; use one exporter for each partition",
		},
		{ // only the first mistake is reported
			"Regions and role in two partitions", "targets:\n- " + coverageRole + "\n  regions: [cn-north-1]\n- {" + china + "}\n",
			"3: targets[0].regions[0]: cn-north-1 is in the partition aws-cn, but role_arn is in aws",
		},
	}
}

func TestSinglePartition(t *testing.T) {
	for name, file := range map[string]string{
		"one other partition":    "targets: [{regions: [cn-north-1]}, {name: b, role_arn: 'arn:aws-cn:iam::444455556666:role/coverage', regions: [all]}]\n",
		"unknown partitions":     "targets: [{}, {name: b, regions: [all]}, {name: c, regions: [us-gov-west-1]}]\n",
		"queue outside AWS":      "targets: [{regions: [cn-north-1]}]\nevents: [{queue_url: 'http://localhost/111122223333/a', region: us-east-1}]\n",
		"queue in the partition": "targets: [{regions: [us-east-1]}]\nevents: [{" + queueURL + "}]\n",
	} {
		t.Run(name, func(t *testing.T) { parse(t, file) })
	}
}

func TestDetectorARN(t *testing.T) {
	for target, want := range map[string]string{
		"{regions: [us-east-1]}":                                         "",
		"{detector_id: abc}":                                             "",
		"{detector_id: abc, regions: [cn-north-1]}":                      "arn:aws-cn:guardduty:cn-north-1:*:detector/abc",
		"{detector_id: abc, " + coverageRole + "}":                       "arn:aws:guardduty:*:111122223333:detector/abc",
		"{detector_id: abc, regions: [us-east-1], " + coverageRole + "}": "arn:aws:guardduty:us-east-1:111122223333:detector/abc",
	} {
		equal(t, target, want, parse(t, "targets: ["+target+"]\n").Targets[0].DetectorARN())
	}
}

func mistakesInListings() []mistake {
	return []mistake{
		{
			"same listing", "targets:\n- name: a\n  " + coverageRole + "\n  regions: [us-east-1, eu-west-1]\n  filter: {account_id: {equals: [111122223333, 444455556666]}}\n- name: b\n  " + coverageRole + "\n  regions: [sa-east-1, eu-west-1, us-east-1]\n  filter: {account_id: {equals: [444455556666, 111122223333]}}\n",
			"6: targets[1]: duplicates targets[0] (line 2) in eu-west-1: role, detector and filter are equal, and both list ECS",
		},
		{
			"same listing after a target with a mistake", "targets:\n- name: x\n  regions: [ALL]\n- name: a\n- name: b\n",
			"3: targets[0].regions[0]: \"ALL\" is not an AWS Region (did you mean all?)\nconfig.yaml:5: targets[2]: duplicates targets[1] (line 4) in the Region of the environment: role, detector and filter are equal, and both list ECS",
		},
		{
			"same listing in the Region of the environment", "targets:\n- name: a\n- name: b\n",
			"3: targets[1]: duplicates targets[0] (line 2) in the Region of the environment: role, detector and filter are equal, and both list ECS",
		},
		{
			"same listing for one type of several", "targets:\n- name: a\n  resource_types: [ECS, EC2]\n- name: b\n  resource_types: [EKS, EC2]\n  detector: true\n",
			"4: targets[1]: duplicates targets[0] (line 2) in the Region of the environment: role, detector and filter are equal, and both list EC2",
		},
	}
}

func TestDifferentListings(t *testing.T) {
	for name, file := range map[string]string{
		"resource types":        "targets:\n- name: a\n- name: b\n  resource_types: [EC2, EKS]\n",
		"names of one of three": "targets:\n- {name: a, account_names: false}\n- {name: b, regions: [us-east-1], account_names: true}\n- {name: c, resource_types: [EKS]}\n",
	} {
		t.Run(name, func(t *testing.T) { parse(t, file) })
	}
}
