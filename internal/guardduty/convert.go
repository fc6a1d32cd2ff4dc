package guardduty

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// isOfType reports whether a row is of the requested type, or has no type.
func isOfType(r types.CoverageResource, t coverage.ResourceType) bool {
	return r.ResourceDetails == nil || r.ResourceDetails.ResourceType == "" || string(r.ResourceDetails.ResourceType) == string(t)
}

// convert converts a row of ListCoverage. Rows have no Region: it is that of the
// detector.
func convert(r types.CoverageResource, t coverage.ResourceType, region string) (coverage.Row, error) {
	row := coverage.Row{
		Key:       coverage.Key{Type: t, AccountID: aws.ToString(r.AccountId), Region: region},
		Status:    coverage.Status(r.CoverageStatus),
		UpdatedAt: updatedAt(aws.ToTime(r.UpdatedAt), time.Now()),
	}
	if r.ResourceDetails != nil {
		resourceTypes[t].convert(r.ResourceDetails, &row)
	}
	if row.AccountID == "" || row.Name == "" {
		return coverage.Row{}, fmt.Errorf("%w: resource %q has no accountId, or no clusterName or instanceId",
			coverage.ErrInvalidResponse, coverage.Sanitize(aws.ToString(r.ResourceId)))
	}
	row.Issues = append(row.Issues, aws.ToString(r.Issue))
	return row, nil
}

// updatedAt returns the time of a row, or the zero time if it cannot be correct:
// before 1970 or more than a day ahead. AWS's events have times in milliseconds
// and microseconds, so rows may have them too.
func updatedAt(t, now time.Time) time.Time {
	switch n := t.Unix(); {
	case n >= 1e17:
		t = time.Unix(0, n)
	case n >= 1e14:
		t = time.UnixMicro(n)
	case n >= 1e11:
		t = time.UnixMilli(n)
	}
	if t.Unix() <= 0 || t.After(now.AddDate(0, 0, 1)) {
		return time.Time{}
	}
	return t
}

func convertECS(details *types.CoverageResourceDetails, row *coverage.Row) {
	d := details.EcsClusterDetails
	if d == nil {
		return
	}
	row.Name = aws.ToString(d.ClusterName)
	if fargate := d.FargateDetails; fargate != nil {
		row.ManagementType = string(fargate.ManagementType)
		row.Issues = slices.Clone(fargate.Issues)
	}
	if instances := d.ContainerInstanceDetails; instances != nil {
		row.Covered = aws.ToInt64(instances.CoveredContainerInstances)
		row.Compatible = aws.ToInt64(instances.CompatibleContainerInstances)
	}
}

func convertEC2(details *types.CoverageResourceDetails, row *coverage.Row) {
	d := details.Ec2InstanceDetails
	if d == nil {
		return
	}
	row.Name = aws.ToString(d.InstanceId)
	row.ManagementType = string(d.ManagementType)
	row.Instance = coverage.Instance{Type: aws.ToString(d.InstanceType), ClusterARN: aws.ToString(d.ClusterArn)}
	if d.AgentDetails != nil {
		row.Instance.AgentVersion = aws.ToString(d.AgentDetails.Version)
	}
}

func convertEKS(details *types.CoverageResourceDetails, row *coverage.Row) {
	d := details.EksClusterDetails
	if d == nil {
		return
	}
	row.Name = aws.ToString(d.ClusterName)
	row.ManagementType = string(d.ManagementType)
	row.Covered = aws.ToInt64(d.CoveredNodes)
	row.Compatible = aws.ToInt64(d.CompatibleNodes)
	if d.AddonDetails != nil {
		row.Addon = coverage.Addon{Version: aws.ToString(d.AddonDetails.AddonVersion), Status: aws.ToString(d.AddonDetails.AddonStatus)}
	}
}

// convertCounts adds the zeros that the API may omit.
func convertCounts(byStatus map[string]int64) coverage.Counts {
	converted := coverage.Counts{coverage.Healthy: 0, coverage.Unhealthy: 0}
	for status, n := range byStatus {
		converted[coverage.Status(coverage.Sanitize(status))] = n
	}
	return converted
}
