package simulator

import "strings"

// demoEKSCluster is an EKS cluster of the demo.
type demoEKSCluster struct {
	account, region, name string
	nodes                 int64
	ill                   []string // keys of demoEKSIssues that it has in turn
}

// demoEKSFleet returns every EKS cluster of the demo. The ill ones show every
// kind of issue by turns.
func demoEKSFleet() []demoEKSCluster {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	return []demoEKSCluster{
		{demoAdministrator, use1, "platform-eks", 6, nil},
		{demoAdministrator, euw1, "platform-eks", 4, []string{"addon_incompatible", "local_cluster"}},
		{demoPayments, use1, "fraud-eks", 8, nil},
		{demoPayments, euw1, "fraud-eks", 6, nil},
		{demoPayments, apse2, "fraud-eks", 5, []string{
			"addon_access_denied", "addon_admission_denied", "addon_subscription_needed", "addon_permission_failure",
		}},
		{demoShop, use1, "shop-eks", 12, []string{
			"addon_insufficient_cpu", "addon_insufficient_memory", "addon_too_many_pods", "addon_crash_completed", "addon_crash_error",
		}},
		{demoShop, euw1, "shop-eks", 3, nil},
		{demoShop, apse2, "shop-eks", 4, nil},
		{demoShop, use1, "preview-eks", 3, nil},
		{demoData, use1, "spark-eks", 16, nil},
		{demoData, euw1, "spark-eks", 10, []string{
			"addon_configuration_conflict", "addon_unsupported_change", "addon_internal_failure", "addon_cluster_unreachable",
			"addon_resource_not_found",
		}},
		{demoData, use1, "airflow-eks", 5, []string{
			"vpc_endpoint_dns", "vpc_endpoint_shared", "vpc_endpoint_owner", "shared_vpc_endpoint_deletion",
		}},
		{demoData, apse2, "airflow-eks", 4, nil},
		{demoStandalone, use1, "lab-eks", 3, []string{"enablement_permission", "enablement_in_progress", "authorization_failure"}},
		{demoStandalone, euw1, "lab-eks", 3, nil},
	}
}

// at returns the cluster's row at step n without its time of update.
func (c demoEKSCluster) at(n int) *EKSCluster {
	row := &EKSCluster{
		Region: c.region, Name: c.name, AddonVersion: "v1.7.1-eksbuild.1", AddonStatus: "ACTIVE",
		ManagementType: "AUTO_MANAGED", Covered: c.nodes, Compatible: c.nodes,
	}
	if len(c.ill) > 0 {
		key, episode := turn(c.ill, n)
		row.Issue = fillIn(demoEKSIssues()[key], demoID(c.account, c.region, c.name, key), c.name, c.account, episode)
		row.Covered = c.nodes / 3
		switch kind := strings.ToLower(row.Issue); {
		case strings.HasPrefix(kind, "addon status"):
			row.AddonStatus = "DEGRADED"
		case strings.HasPrefix(kind, "addonupdation"):
			row.AddonStatus, row.AddonVersion = "UPDATE_FAILED", "v1.6.1-eksbuild.1"
		case strings.HasPrefix(kind, "addon creation"):
			row.AddonStatus, row.Covered = "CREATE_FAILED", 0
		default: // there is no add-on
			row.AddonStatus, row.AddonVersion, row.Covered = "", "", 0
		}
	}
	row.Status = row.CoverageStatus()
	return row
}
