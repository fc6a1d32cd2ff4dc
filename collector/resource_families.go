package collector

import (
	"slices"

	"guardduty_coverage_exporter/internal/coverage"
)

func ec2Families() []Family {
	labels := []string{"account_id", "region", "instance_id"}
	return []Family{
		resourceFamily(coverage.EC2, "guardduty_ec2_instance_healthy", labels,
			"Whether the instance's coverage status is HEALTHY (1) or anything else (0), as of the last successful refresh.", healthy),
		infoFamily(coverage.EC2, "guardduty_ec2_instance_info",
			with(labels, "instance_type", "agent_version", "management_type", "cluster_name"),
			"Always 1; what the instance is, its agent, and the ECS cluster that it serves, as of the last successful refresh.",
			func(r coverage.Resource) []string {
				return []string{r.Instance.Type, r.Instance.AgentVersion, r.ManagementType, r.Instance.ECSCluster()}
			}),
		issueFamily(coverage.EC2, "guardduty_ec2_instance_issue_info", labels,
			"Always 1; one coverage issue of the instance in AWS's words, as of the last successful refresh."),
	}
}

func eksFamilies() []Family {
	labels := []string{"account_id", "region", "cluster_name"}
	return []Family{
		resourceFamily(coverage.EKS, "guardduty_eks_cluster_healthy", labels,
			"Whether the EKS cluster's coverage status is HEALTHY (1) or anything else (0), as of the last successful refresh.", healthy),
		resourceFamily(coverage.EKS, "guardduty_eks_cluster_nodes_covered", labels,
			"Number of the EKS cluster's nodes with a reporting GuardDuty agent, as of the last successful refresh.", covered),
		resourceFamily(coverage.EKS, "guardduty_eks_cluster_nodes_compatible", labels,
			"Number of the EKS cluster's nodes, as of the last successful refresh.", compatible),
		infoFamily(coverage.EKS, "guardduty_eks_cluster_info", with(labels, "addon_version", "addon_status", "management_type"),
			"Always 1; the agent's add-on of the EKS cluster and how it is managed, as of the last successful refresh.",
			func(r coverage.Resource) []string { return []string{r.Addon.Version, r.Addon.Status, r.ManagementType} }),
		issueFamily(coverage.EKS, "guardduty_eks_cluster_issue_info", labels,
			"Always 1; one coverage issue of the EKS cluster in AWS's words, as of the last successful refresh."),
	}
}

// resourceFamily has one sample for each resource of a type, where there is a value.
func resourceFamily(t coverage.ResourceType, name string, labels []string, help string, value func(coverage.Resource) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: labels, Each: func(in Input, emit Emit) {
		for _, r := range in.View.Of(t) {
			if v, ok := value(r); ok {
				emit(v, r.AccountID, r.Region, r.Name)
			}
		}
	}}
}

// infoFamily has one sample of value 1 for each resource of a type.
func infoFamily(t coverage.ResourceType, name string, labels []string, help string, details func(coverage.Resource) []string) Family {
	return Family{Name: name, Help: help, Labels: labels, Each: func(in Input, emit Emit) {
		for _, r := range in.View.Of(t) {
			emit(1, append([]string{r.AccountID, r.Region, r.Name}, details(r)...)...)
		}
	}}
}

// issueFamily has one sample of value 1 for each issue that is shown.
func issueFamily(t coverage.ResourceType, name string, labels []string, help string) Family {
	return Family{Name: name, Help: help, Labels: with(labels, "issue_type", "issue"), Each: func(in Input, emit Emit) {
		for _, r := range in.View.Of(t) {
			for _, i := range in.Issues.shown(r) {
				emit(1, r.AccountID, r.Region, r.Name, string(i.Type), i.Text)
			}
		}
	}}
}

// shown returns the issues of a resource that get a series of their own. Those
// that look the same are one.
func (o IssueOptions) shown(r coverage.Resource) []coverage.Issue {
	if len(r.Issues) == 0 {
		return nil
	}
	issues := slices.Clone(r.Issues)
	if !o.Text {
		for i := range issues {
			issues[i].Text = ""
		}
	}
	issues = slices.Compact(issues) // they are sorted
	return issues[:min(len(issues), o.MaxPerCluster)]
}

func with(labels []string, more ...string) []string { return slices.Concat(labels, more) }

func healthy(r coverage.Resource) (float64, bool) { return boolean(r.Status == coverage.Healthy), true }

// covered and compatible are absent where AWS says -1, which it does not know.
func covered(r coverage.Resource) (float64, bool) { return float64(r.Covered), r.Covered >= 0 }

func compatible(r coverage.Resource) (float64, bool) { return float64(r.Compatible), r.Compatible >= 0 }

func updated(r coverage.Resource) (float64, bool) { return seconds(r.UpdatedAt), !r.UpdatedAt.IsZero() }
