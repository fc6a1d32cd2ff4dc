package collector

import (
	"iter"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func ec2Families() []Family {
	labels := []string{"account_id", "region", "instance_id"}
	return []Family{
		healthFamily(coverage.EC2, "guardduty_ec2_instance_healthy", labels,
			"Whether the instance's coverage status is HEALTHY (1) or not (0), as of the last successful refresh."),
		infoFamily(coverage.EC2, "guardduty_ec2_instance_info",
			withLabels(labels, "instance_type", "agent_version", "management_type", "cluster_name"),
			"Always 1; labeled with the type, the GuardDuty agent and the ECS cluster of the instance, as of the last successful refresh.",
			func(r *coverage.Resource, key []string) []string {
				return append(key, r.Instance.Type, r.Instance.AgentVersion, r.ManagementType, r.Instance.ECSCluster())
			}),
		issueFamily(coverage.EC2, "guardduty_ec2_instance_issue_info", labels,
			"Always 1; labeled with the text of one coverage issue of the instance, as of the last successful refresh."),
	}
}

func eksFamilies() []Family {
	labels := []string{"account_id", "region", "cluster_name"}
	return []Family{
		healthFamily(coverage.EKS, "guardduty_eks_cluster_healthy", labels,
			"Whether the EKS cluster's coverage status is HEALTHY (1) or not (0), as of the last successful refresh."),
		resourceFamily(coverage.EKS, "guardduty_eks_cluster_nodes_covered", labels,
			"Number of nodes in the EKS cluster with a reporting GuardDuty agent, as of the last successful refresh.", covered),
		resourceFamily(coverage.EKS, "guardduty_eks_cluster_nodes_compatible", labels,
			"Number of nodes in the EKS cluster, as of the last successful refresh.", compatible),
		infoFamily(coverage.EKS, "guardduty_eks_cluster_info", withLabels(labels, "addon_version", "addon_status", "management_type"),
			"Always 1; labeled with the GuardDuty add-on of the EKS cluster and how it is managed, as of the last successful refresh.",
			func(r *coverage.Resource, key []string) []string {
				return append(key, r.Addon.Version, r.Addon.Status, r.ManagementType)
			}),
		issueFamily(coverage.EKS, "guardduty_eks_cluster_issue_info", labels,
			"Always 1; labeled with the text of one coverage issue of the EKS cluster, as of the last successful refresh."),
	}
}

// healthFamily has one sample for each resource of a type.
func healthFamily(t coverage.ResourceType, name string, labels []string, help string) Family {
	return Family{Name: name, Help: help, Labels: labels, Each: func(in Input, emit Emit) {
		for r, key := range resourcesOf(in, t) {
			emit(boolToFloat(r.Status == coverage.Healthy), key...)
		}
	}}
}

// resourceFamily has one sample for each resource of a type that has a value,
// except those whose details are left out.
func resourceFamily(t coverage.ResourceType, name string, labels []string, help string, value func(*coverage.Resource) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: labels, Each: func(in Input, emit Emit) {
		for r, key := range resourcesOf(in, t) {
			if v, ok := value(r); ok && !in.brief(r) {
				emit(v, key...)
			}
		}
	}}
}

// infoFamily has one sample of value 1 for each resource of a type, except those
// whose details are left out. details appends the values of the labels after those of the key.
func infoFamily(t coverage.ResourceType, name string, labels []string, help string, details func(r *coverage.Resource, key []string) []string) Family {
	return Family{Name: name, Help: help, Labels: labels, Each: func(in Input, emit Emit) {
		for r, key := range resourcesOf(in, t) {
			if !in.brief(r) {
				emit(1, details(r, key)...)
			}
		}
	}}
}

// issueFamily has one sample of value 1 for each issue that the options select.
func issueFamily(t coverage.ResourceType, name string, labels []string, help string) Family {
	return Family{Name: name, Help: help, Labels: withLabels(labels, "issue_type", "issue"), Each: func(in Input, emit Emit) {
		for r, key := range resourcesOf(in, t) {
			for i := range in.Issues.selected(r) {
				emit(1, append(key, string(i.Type()), i.Text())...)
			}
		}
	}}
}

// selected yields the issues of a resource that get a series, without duplicates.
func (o IssueOptions) selected(r *coverage.Resource) iter.Seq[coverage.Issue] {
	return func(yield func(coverage.Issue) bool) {
		var last coverage.Issue
		n := 0
		for _, i := range r.Issues { // they are sorted
			if !o.Text {
				i = i.WithoutText()
			}
			if n > 0 && i == last {
				continue
			}
			if n == o.MaxPerCluster || !yield(i) {
				return
			}
			last = i
			n++
		}
	}
}

// resourcesOf yields the resources of a type with their key label values. The
// slice is reused: append to it, do not keep it.
func resourcesOf(in Input, t coverage.ResourceType) iter.Seq2[*coverage.Resource, []string] {
	return func(yield func(*coverage.Resource, []string) bool) {
		resources, key := in.View.OfType(t), make([]string, 3, 8)
		for i := range resources {
			r := &resources[i]
			key[0], key[1], key[2] = r.AccountID, r.Region, r.Name
			if !yield(r, key) {
				return
			}
		}
	}
}

func withLabels(labels []string, more ...string) []string { return slices.Concat(labels, more) }

// covered and compatible return false for -1, which means unknown.
func covered(r *coverage.Resource) (float64, bool) { return float64(r.Covered), r.Covered >= 0 }

func compatible(r *coverage.Resource) (float64, bool) {
	return float64(r.Compatible), r.Compatible >= 0
}

func updated(r *coverage.Resource) (float64, bool) {
	return seconds(r.UpdatedAt), !r.UpdatedAt.IsZero()
}
