package demo

import (
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

type eksCluster struct {
	account, region, name string
	nodes                 int64
	issues                []string // keys of eksIssues that rotate
}

// eksFleet returns every EKS cluster. The unhealthy ones have every kind of issue
// in rotation.
func eksFleet() []eksCluster {
	const use1, euw1, apse2 = "us-east-1", "eu-west-1", "ap-southeast-2"
	return []eksCluster{
		{administratorID, use1, "platform-eks", 6, nil},
		{administratorID, euw1, "platform-eks", 4, []string{"addon_incompatible", "local_cluster"}},
		{paymentsID, use1, "fraud-eks", 8, nil},
		{paymentsID, euw1, "fraud-eks", 6, nil},
		{paymentsID, apse2, "fraud-eks", 5, []string{
			"addon_access_denied", "addon_admission_denied", "addon_subscription_needed", "addon_permission_failure",
		}},
		{shopID, use1, "shop-eks", 12, []string{
			"addon_insufficient_cpu", "addon_insufficient_memory", "addon_too_many_pods", "addon_crash_completed", "addon_crash_error",
		}},
		{shopID, euw1, "shop-eks", 3, nil},
		{shopID, apse2, "shop-eks", 4, nil},
		{shopID, use1, "preview-eks", 3, nil},
		{dataID, use1, "spark-eks", 16, nil},
		{dataID, euw1, "spark-eks", 10, []string{
			"addon_configuration_conflict", "addon_unsupported_change", "addon_internal_failure", "addon_cluster_unreachable",
			"addon_resource_not_found",
		}},
		{dataID, use1, "airflow-eks", 5, []string{
			"vpc_endpoint_dns", "vpc_endpoint_shared", "vpc_endpoint_owner", "shared_vpc_endpoint_deletion",
		}},
		{dataID, apse2, "airflow-eks", 4, []string{"enablement_permission", "enablement_in_progress", "authorization_failure"}},
		{standaloneID, use1, "lab-eks", 3, nil}, // not read by its target
		{standaloneID, euw1, "lab-eks", 3, nil},
	}
}

// stateAt returns the cluster's row at step n without its update time.
func (c eksCluster) stateAt(n int) *simulator.EKSCluster {
	row := &simulator.EKSCluster{
		Region: c.region, Name: c.name, AddonVersion: "v1.7.1-eksbuild.1", AddonStatus: "ACTIVE",
		ManagementType: "AUTO_MANAGED", Covered: c.nodes, Compatible: c.nodes,
	}
	if len(c.issues) > 0 {
		key, occurrence := rotate(c.issues, n)
		row.Issue = expand(eksIssues()[key], hashOf(c.account, c.region, c.name, key), c.name, c.account, occurrence)
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
