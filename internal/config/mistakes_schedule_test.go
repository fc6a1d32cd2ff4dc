package config

func mistakesInSchedules() []mistake {
	return []mistake{
		{"detail", "detail: healthy\n", "1: detail: \"healthy\" is not one of all, unhealthy (did you mean unhealthy?)"},
		{"target interval zero", "targets:\n- interval: 0s\n", "2: targets[0].interval: must be between 1s and 1y, not 0s"},
		{"target interval without unit", "targets:\n- interval: 5\n", "2: targets[0].interval: 5 has no unit; write a duration such as 30s, 5m or 1h30m"},
		{"target interval long", "targets:\n- interval: 2y\n", "2: targets[0].interval: must be between 1s and 1y, not 2y"},
		{"target timeout zero", "targets:\n- timeout: 0s\n", "2: targets[0].timeout: must be between 1ms and 1y, not 0s"},
		{
			"target interval below default timeout", "targets:\n- interval: 1m\n",
			"2: targets[0].interval (1m) must be longer than refresh.timeout (2m, the default)",
		},
		{
			"target interval below timeout", "refresh:\n  timeout: 3m\ntargets:\n- interval: 3m\n",
			"4: targets[0].interval (3m) must be longer than refresh.timeout (3m)",
		},
		{
			"target timeout above interval", "refresh:\n  interval: 4m\ntargets:\n- timeout: 10m\n",
			"4: refresh.interval (4m) must be longer than targets[0].timeout (10m)",
		},
		{
			"target interval below its timeout", "targets:\n- regions: [us-east-1]\n- {name: b, timeout: 3m, interval: 2m}\n",
			"3: targets[1].interval (2m) must be longer than targets[1].timeout (3m)",
		},
		{
			"staleness short for a target", "targets:\n- interval: 1h\n",
			"2: refresh.max_staleness (30m, the default) must be at least the sum of targets[0].interval (1h) and refresh.timeout (2m, the default)",
		},
		{
			"staleness short for the timeout of a target", "refresh: {interval: 25m}\ntargets:\n- timeout: 10m\n",
			"3: refresh.max_staleness (30m, the default) must be at least the sum of refresh.interval (25m) and targets[0].timeout (10m)",
		},
		{ // reported once, not for the target too
			"interval long for all", "refresh: {interval: 1h}\ntargets:\n- timeout: 2m\n",
			"1: refresh.max_staleness (30m, the default) must be at least the sum of refresh.interval (1h) and refresh.timeout (2m, the default)",
		},
	}
}

func mistakesInExternalIDFiles() []mistake {
	return []mistake{
		{
			"external ID and its file", "targets:\n- " + coverageRole + "\n  external_id: s3cret\n  external_id_file: f\n",
			"4: targets[0].external_id_file: cannot be combined with external_id",
		},
		{
			"external ID file without role", "targets:\n- external_id_file: f\n",
			"2: targets[0].external_id_file: requires role_arn",
		},
		{
			"external ID file with a line break", "targets:\n- " + coverageRole + "\n  external_id_file: \"a\\nb\"\n",
			"3: targets[0].external_id_file: must not contain leading or trailing spaces or non-printable characters",
		},
		{
			"ecs external ID and its file", withECS + ecsRole + "\n    external_id: s3cret\n    external_id_file: f\n",
			"6: targets[0].ecs.external_id_file: cannot be combined with external_id",
		},
		{
			"ecs external ID file without role", withECS + "external_id_file: f\n",
			"4: targets[0].ecs.external_id_file: requires role_arn",
		},
		{
			"external ID file of a queue without role", "events:\n- " + queueURL + "\n  external_id_file: f\n",
			"3: events[0].external_id_file: requires role_arn",
		},
	}
}
