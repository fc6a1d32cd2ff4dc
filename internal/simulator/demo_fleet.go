package simulator

// demoApps returns the clusters of the demo but for their Region; each stands
// in every Region of its account.
func demoApps() []demoCluster {
	return []demoCluster{
		{account: demoAdministrator, name: "audit-tools", fargate: true},
		{account: demoAdministrator, name: "ci-runners", instances: 8},

		{account: demoPayments, name: "checkout-api", fargate: true},
		{account: demoPayments, name: "ledger", fargate: true, instances: 12},
		{account: demoPayments, name: "card-vault", fargate: true},
		{account: demoPayments, name: "settlement", instances: 9},
		{account: demoPayments, name: "refunds", fargate: true},

		{account: demoShop, name: "storefront", fargate: true, instances: 20},
		{account: demoShop, name: "catalogue", fargate: true},
		{account: demoShop, name: "search", instances: 14},
		{account: demoShop, name: "recommendations", fargate: true},
		{account: demoShop, name: "legacy-storefront", fargate: true, instances: 5},
		{account: demoShop, name: "notifications", fargate: true},

		{account: demoData, name: "ingest", fargate: true},
		{account: demoData, name: "stream", fargate: true, instances: 10},
		{account: demoData, name: "nightly-batch", fargate: true},
		{account: demoData, name: "warehouse-loader", instances: 11},

		{account: demoStandalone, name: "billing", fargate: true},
		{account: demoStandalone, name: "crm", fargate: true, instances: 6},
		{account: demoStandalone, name: "intranet", fargate: true},
		{account: demoStandalone, name: "mail-relay", instances: 4},
		{account: demoStandalone, name: "reports", fargate: true},
	}
}

// demoFates returns what happens to the clusters to which something happens.
// Those that are ill for good hold every kind of issue between them.
func demoFates() []demoCluster {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	ill := func(issues ...string) []trouble { return []trouble{{always(), issues}} }
	at := func(period, start, length int, issues ...string) []trouble {
		return []trouble{{window{period, start, length}, issues}}
	}
	return []demoCluster{
		// ill for good
		{account: demoPayments, region: use1, name: "refunds", troubles: ill("agent_not_reporting", "unidentified")},
		{account: demoPayments, region: euw1, name: "ledger", troubles: ill("vpc_endpoint")},
		{account: demoShop, region: use1, name: "recommendations", troubles: ill("unsupported_cpu_architecture", "agent_exited")},
		{account: demoShop, region: apse2, name: "catalogue", troubles: ill("agent_image_pull")},
		{
			account: demoShop, region: euw1, name: "legacy-storefront",
			troubles: ill("started_before_runtime_monitoring", "started_before_agent_configuration", "new_deployment_required"),
		},
		{account: demoData, region: use1, name: "nightly-batch", troubles: ill("unsupported_service", "task_execution_role_missing")},
		{account: demoData, region: euw1, name: "stream", troubles: ill("network_configuration_missing")},
		{account: demoStandalone, region: use1, name: "billing", troubles: ill("exclusion_tag", "agent_not_provisioned")},
		{account: demoStandalone, region: euw1, name: "reports", troubles: ill("unclassified")},
		// container instances without an agent; their reason is with the EC2 resource, not with the cluster
		{account: demoData, region: apse2, name: "warehouse-loader", uncovered: []string{"agent_disconnected", "ssm_execution_failed"}},

		// the same trouble in several clusters at once
		{account: demoShop, region: use1, name: "catalogue", troubles: at(180, 24, 36, "agent_not_reporting")},
		{account: demoShop, region: use1, name: "notifications", troubles: at(180, 25, 40, "agent_not_reporting")},
		{account: demoShop, region: use1, name: "storefront", troubles: at(180, 27, 34, "agent_not_reporting")},
		{account: demoShop, region: use1, name: "legacy-storefront", troubles: at(180, 28, 30, "agent_not_reporting")},

		// ill now and again
		{account: demoAdministrator, region: use1, name: "audit-tools", troubles: at(90, 12, 18, "new_deployment_required")},
		{account: demoPayments, region: use1, name: "checkout-api", troubles: at(72, 6, 12, "agent_exited")},
		{account: demoPayments, region: apse2, name: "card-vault", troubles: at(120, 50, 30, "agent_image_pull")},
		{account: demoShop, region: euw1, name: "notifications", troubles: at(60, 3, 15, "started_before_agent_configuration")},
		{account: demoData, region: euw1, name: "ingest", troubles: at(100, 40, 24, "unidentified")},
		{account: demoData, region: apse2, name: "nightly-batch", troubles: at(240, 90, 60, "unsupported_service")},
		{account: demoStandalone, region: use1, name: "intranet", troubles: at(84, 30, 20, "exclusion_tag")},

		// growing and shrinking
		{account: demoShop, region: use1, name: "search", scaling: window{180, 45, 100}},
		{account: demoPayments, region: euw1, name: "settlement", scaling: window{240, 10, 150}},
		{account: demoAdministrator, region: apse2, name: "ci-runners", scaling: window{120, 70, 60}},

		// deleted, and created again
		{account: demoPayments, region: apse2, name: "refunds", absent: window{240, 36, 60}},
	}
}
