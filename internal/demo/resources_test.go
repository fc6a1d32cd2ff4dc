package demo

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// testSteps is enough for every rotating issue and every schedule.
const testSteps = 600

// walk advances a world through testSteps and calls visit at each step.
func walk(visit func(w *simulator.World, n int, now time.Time)) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(begin)
	for n := range testSteps {
		now := begin.Add(time.Duration(n) * 10 * time.Second)
		if n > 0 {
			advance(w, n, now)
		}
		visit(w, n, now)
	}
}

// checkInstance returns an error if an instance is inconsistent.
func checkInstance(i *simulator.Instance) error {
	switch {
	case (i.Status == healthy) != (i.Issue == "") || (i.Status == "UNHEALTHY") != (i.Issue != ""):
		return fmt.Errorf("%s with the issue %q", i.Status, i.Issue)
	case i.Status == healthy && i.AgentVersion == "":
		return fmt.Errorf("healthy without an agent")
	case i.ManagementType != "AUTO_MANAGED" && i.ManagementType != "MANUAL":
		return fmt.Errorf("managed as %q", i.ManagementType)
	case !strings.HasPrefix(i.ID, "i-") || len(i.ID) != 19 || i.Type == "":
		return fmt.Errorf("ID %q of the type %q", i.ID, i.Type)
	case strings.ContainsAny(i.Issue, "{}"):
		return fmt.Errorf("placeholder in %q", i.Issue)
	}
	return nil
}

// checkEKS returns an error if an EKS cluster is inconsistent.
func checkEKS(c *simulator.EKSCluster) error {
	switch {
	case (c.Status == healthy) != (c.Issue == "" && c.Covered == c.Compatible):
		return fmt.Errorf("%s with %d of %d and the issue %q", c.Status, c.Covered, c.Compatible, c.Issue)
	case c.Covered < 0 || c.Covered > c.Compatible:
		return fmt.Errorf("%d of %d nodes are covered", c.Covered, c.Compatible)
	case (c.Status == healthy) != (c.AddonStatus == "ACTIVE"):
		return fmt.Errorf("%s with the add-on %s", c.Status, c.AddonStatus)
	case strings.ContainsAny(c.Issue, "{}"):
		return fmt.Errorf("placeholder in %q", c.Issue)
	}
	return nil
}

// checkCounts returns an error if a cluster's counts differ from its instances,
// of which the covered ones are healthy.
func checkCounts(a *simulator.Account) error {
	type count struct{ covered, compatible int64 }
	counts := map[string]count{}
	for _, i := range a.Instances {
		n := counts[i.ClusterARN]
		n.compatible++
		if i.Status == healthy {
			n.covered++
		}
		counts[i.ClusterARN] = n
	}
	for _, c := range a.Clusters {
		if got := counts[clusterARN("ecs", c.Region, a.ID, c.Name)]; got != (count{c.Covered, c.Compatible}) {
			return fmt.Errorf("%s in %s covers %d of %d, its instances are %+v", c.Name, c.Region, c.Covered, c.Compatible, got)
		}
	}
	return nil
}

func TestInstancesAndEKSClustersOverTime(t *testing.T) {
	texts, changes := map[string]bool{}, map[string]int{}
	before := map[any]time.Time{} // update times by row
	walk(func(w *simulator.World, n int, now time.Time) {
		after := map[any]time.Time{}
		ids := map[string]bool{}
		for _, a := range w.Accounts {
			if err := checkCounts(a); err != nil {
				t.Fatalf("step %d: %v", n, err)
			}
			for _, i := range a.Instances {
				if err := checkInstance(i); err != nil {
					t.Fatalf("step %d, %s: %v", n, i.ID, err)
				}
				texts[i.Issue], ids[i.ID], after[i] = true, true, i.UpdatedAt
			}
			for _, c := range a.EKSClusters {
				if err := checkEKS(c); err != nil {
					t.Fatalf("step %d, %s: %v", n, c.Name, err)
				}
				texts[c.Issue], after[c] = true, c.UpdatedAt
			}
		}
		if n > 0 {
			for r, updated := range after { // exactly the rows that are new or changed are replaced and updated
				if old, known := before[r]; known != updated.Equal(old) || !known && !updated.Equal(now) {
					t.Errorf("step %d: %+v was updated at %s", n, r, updated)
				} else if !known {
					changes[fmt.Sprintf("%T", r)]++
				}
			}
		}
		if total := len(ids); total < 200 || total > 300 {
			t.Errorf("step %d: %d instances", n, total)
		}
		before = after
	})
	for _, all := range []map[string]string{instanceIssues(), eksIssues()} {
		for kind, text := range all {
			prefix, _, _ := strings.Cut(text, "{")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(texts)), func(s string) bool { return s != "" && strings.HasPrefix(s, prefix) }) {
				t.Errorf("no resource ever had the issue %s", kind)
			}
		}
	}
	t.Logf("changes: %v", changes)
	if len(changes) != 2 || changes["*simulator.Instance"] < 50 || changes["*simulator.EKSCluster"] < 50 {
		t.Errorf("too few changes: %v", changes)
	}
}

// New container instances wait for their agent, and get new IDs each time.
func TestScaling(t *testing.T) {
	const name, use1 = "search", "us-east-1"
	arn := clusterARN("ecs", use1, shopID, name)
	waiting, seen := []int{}, map[string]bool{}
	walk(func(w *simulator.World, _ int, _ time.Time) {
		count := 0
		for _, i := range w.Account(shopID).Instances {
			if i.ClusterARN != arn {
				continue
			}
			seen[i.ID] = true
			if strings.HasSuffix(i.Issue, "Waiting for SSM notification") && i.AgentVersion == "" {
				count++
			}
		}
		waiting = append(waiting, count)
	})
	if got := slices.Compact(waiting); !slices.Equal(got, []int{0, 14, 0, 14, 0, 14, 0, 14}) {
		t.Errorf("instances waiting: %v", got)
	}
	if len(seen) != 14*5 {
		t.Errorf("%d instances in all", len(seen))
	}
}

// A cluster can be unhealthy because of issues of its instances.
func TestIssuesOfUncoveredInstances(t *testing.T) {
	const name, apse2 = "warehouse-loader", "ap-southeast-2"
	a := newWorld(time.Now()).Account(dataID)
	c := a.Cluster(apse2, name)
	if c.Status != "UNHEALTHY" || len(c.Issues) != 0 || c.Issue != "" {
		t.Errorf("cluster is %+v", c)
	}
	var issues []string
	for _, i := range a.Instances {
		if i.ClusterARN == clusterARN("ecs", apse2, dataID, name) && i.Issue != "" {
			issues = append(issues, i.Issue)
		}
	}
	slices.Sort(issues)
	want := []string{instanceIssues()["agent_disconnected"], instanceIssues()["ssm_execution_failed"]}
	if !slices.Equal(issues, want) {
		t.Errorf("issues are %q", issues)
	}
}

func TestOrganization(t *testing.T) {
	w := newWorld(time.Now())
	o := w.Organization
	ids := slices.Concat([]string{o.ManagementAccount}, o.Delegated, o.Accounts)
	for _, id := range ids {
		if a := w.Account(id); a == nil || a.Name == "" || a.Email == "" || a.JoinedAt.IsZero() {
			t.Errorf("account %s is %+v", id, a)
		}
	}
	if slices.Contains(ids, standaloneID) || slices.Contains(ids, divestedID) {
		t.Error("an account outside of the organization is in it")
	}
	for _, id := range []string{sandboxID, playgroundID, legacyID, divestedID, managementID} {
		a := w.Account(id)
		listed := slices.ContainsFunc(a.Clusters, func(c *simulator.Cluster) bool { return !c.Unlisted })
		if listed || len(a.Instances)+len(a.EKSClusters) > 0 {
			t.Errorf("%s has resources", a.Name)
		}
	}
}

// ListMembers and GetMemberDetectors show every kind of member.
func TestMembers(t *testing.T) {
	server := httptest.NewServer(simulator.New(newWorld(time.Now()), simulator.Options{}))
	t.Cleanup(server.Close)
	for _, region := range regions() {
		client := guardduty.NewFromConfig(awsConfig(server.URL, region))
		detectors, err := client.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
		if err != nil {
			t.Fatal(err)
		}
		id := detectors.DetectorIds[0]
		members, err := client.ListMembers(t.Context(), &guardduty.ListMembersInput{DetectorId: &id, OnlyAssociated: aws.String("false")})
		if err != nil {
			t.Fatal(err)
		}
		got, ids := map[string]string{}, []string{}
		for _, m := range members.Members {
			got[*m.AccountId], ids = *m.RelationshipStatus, append(ids, *m.AccountId)
		}
		want := map[string]string{
			paymentsID: "Enabled", shopID: "Enabled", dataID: "Enabled", sandboxID: "Enabled",
			playgroundID: "Enabled", legacyID: "Disabled", divestedID: "Removed",
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: relationships are %v", region, got)
		}
		features, err := client.GetMemberDetectors(t.Context(), &guardduty.GetMemberDetectorsInput{DetectorId: &id, AccountIds: ids})
		if err != nil {
			t.Fatal(err)
		}
		var off, byPolicy []string
		for _, m := range features.MemberDataSourceConfigurations {
			for _, f := range m.Features {
				if f.Name != types.OrgFeatureRuntimeMonitoring {
					continue
				}
				if f.Status != types.FeatureStatusEnabled {
					off = append(off, *m.AccountId)
				}
				if f.ManagedBy == types.ManagedByGuarddutyPolicy {
					byPolicy = append(byPolicy, *m.AccountId)
				} else if f.ManagedBy != "ACCOUNT" {
					t.Errorf("%s is managed by %q", *m.AccountId, f.ManagedBy)
				}
			}
		}
		if !slices.Equal(off, []string{playgroundID}) || !slices.Equal(byPolicy, []string{dataID}) {
			t.Errorf("%s: Runtime Monitoring is off in %v and managed by a policy in %v", region, off, byPolicy)
		}
	}
}

func TestNodesBelongToEKSClusters(t *testing.T) {
	nodes := 0
	for _, a := range newWorld(time.Now()).Accounts {
		for _, i := range a.Instances {
			if !strings.HasPrefix(i.ClusterARN, "arn:aws:eks:") {
				continue
			}
			nodes++
			_, name, _ := strings.Cut(i.ClusterARN, "/")
			if c := a.EKSCluster(i.Region, name); c == nil || c.Status != i.Status {
				t.Errorf("%s is a node of %+v", i.ID, c)
			}
		}
	}
	if nodes == 0 {
		t.Error("no instance is a node of an EKS cluster")
	}
}
