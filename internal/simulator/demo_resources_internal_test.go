package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// demoPeriod is enough steps for every issue's turn and every window.
const demoPeriod = 600

// walk steps a demo world through demoPeriod and shows it at each step.
func walk(look func(w *World, n int, now time.Time)) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := DemoWorld(begin)
	for n := range demoPeriod {
		now := begin.Add(time.Duration(n) * 10 * time.Second)
		if n > 0 {
			Step(w, n, now)
		}
		look(w, n, now)
	}
}

// checkInstance looks at what holds for every instance at every step.
func checkInstance(i *Instance) error {
	switch {
	case (i.Status == healthy) != (i.Issue == "") || (i.Status == unhealthy) != (i.Issue != ""):
		return fmt.Errorf("%s with the issue %q", i.Status, i.Issue)
	case i.Status == healthy && i.AgentVersion == "":
		return fmt.Errorf("healthy without an agent")
	case i.ManagementType != "AUTO_MANAGED" && i.ManagementType != "MANUAL":
		return fmt.Errorf("managed as %q", i.ManagementType)
	case !strings.HasPrefix(i.ID, "i-") || len(i.ID) != 19 || i.Type == "":
		return fmt.Errorf("ID %q of the type %q", i.ID, i.Type)
	case strings.ContainsAny(i.Issue, "{}"):
		return fmt.Errorf("unfilled text %q", i.Issue)
	}
	return nil
}

// checkEKS looks at what holds for every EKS cluster at every step.
func checkEKS(c *EKSCluster) error {
	switch {
	case (c.Status == healthy) != (c.Issue == "" && c.Covered == c.Compatible):
		return fmt.Errorf("%s with %d of %d and the issue %q", c.Status, c.Covered, c.Compatible, c.Issue)
	case c.Covered < 0 || c.Covered > c.Compatible:
		return fmt.Errorf("%d of %d nodes are covered", c.Covered, c.Compatible)
	case (c.Status == healthy) != (c.AddonStatus == "ACTIVE"):
		return fmt.Errorf("%s with the add-on %s", c.Status, c.AddonStatus)
	case strings.ContainsAny(c.Issue, "{}"):
		return fmt.Errorf("unfilled text %q", c.Issue)
	}
	return nil
}

// A cluster's row counts its instances: the covered ones are the healthy ones.
func checkCounts(a *Account) error {
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
		if got := counts[c.arn(a.ID)]; got != (count{c.Covered, c.Compatible}) {
			return fmt.Errorf("%s in %s covers %d of %d, its instances are %+v", c.Name, c.Region, c.Covered, c.Compatible, got)
		}
	}
	return nil
}

func TestDemoInstancesAndEKSOverTime(t *testing.T) {
	texts, kinds := map[string]bool{}, map[string]int{}
	before := map[resource]time.Time{}
	walk(func(w *World, n int, now time.Time) {
		after := map[resource]time.Time{}
		ids := map[string]bool{}
		for _, a := range w.Accounts {
			if err := checkCounts(a); err != nil {
				t.Fatalf("step %d: %v", n, err)
			}
			for _, i := range a.Instances {
				if err := checkInstance(i); err != nil {
					t.Fatalf("step %d, %s: %v", n, i.arn(a.ID), err)
				}
				texts[i.Issue], ids[i.ID], after[i] = true, true, i.UpdatedAt
			}
			for _, c := range a.EKSClusters {
				if err := checkEKS(c); err != nil {
					t.Fatalf("step %d, %s: %v", n, c.arn(a.ID), err)
				}
				texts[c.Issue], after[c] = true, c.UpdatedAt
			}
		}
		if n > 0 {
			for r, updated := range after { // a row is stamped when it is new or another one, and then alone
				if old, known := before[r]; known != updated.Equal(old) || !known && !updated.Equal(now) {
					t.Errorf("step %d: %s is of %s", n, r.arn(""), updated)
				} else if !known {
					kinds[r.resourceType()]++
				}
			}
		}
		if total := len(ids); total < 200 || total > 300 {
			t.Errorf("step %d: %d instances", n, total)
		}
		before = after
	})
	for _, all := range []map[string]string{demoInstanceIssues(), demoEKSIssues()} {
		for kind, text := range all {
			prefix, _, _ := strings.Cut(text, "{")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(texts)), func(s string) bool { return s != "" && strings.HasPrefix(s, prefix) }) {
				t.Errorf("no issue of the kind %s was ever there", kind)
			}
		}
	}
	t.Logf("%d changes of instances, %d of EKS clusters", kinds[resourceEC2], kinds[resourceEKS])
	if kinds[resourceEC2] < 50 || kinds[resourceEKS] < 50 {
		t.Errorf("%d changes of instances, %d of EKS clusters", kinds[resourceEC2], kinds[resourceEKS])
	}
}

// New container instances wait for their agent, and have other IDs each time.
func TestDemoScaling(t *testing.T) {
	const name, use1 = "search", "us-east-1"
	arn := clusterARN("ecs", use1, demoShop, name)
	waiting, ever := []int{}, map[string]bool{}
	walk(func(w *World, _ int, _ time.Time) {
		count := 0
		for _, i := range w.Account(demoShop).Instances {
			if i.ClusterARN != arn {
				continue
			}
			ever[i.ID] = true
			if strings.HasSuffix(i.Issue, "Waiting for SSM notification") && i.AgentVersion == "" {
				count++
			}
		}
		waiting = append(waiting, count)
	})
	if got := slices.Compact(waiting); !slices.Equal(got, []int{0, 14, 0, 14, 0, 14, 0, 14}) {
		t.Errorf("instances waiting: %v", got)
	}
	if len(ever) != 14*5 {
		t.Errorf("%d instances in all", len(ever))
	}
}

// The cluster that has no reason of its own has it with its instances.
func TestDemoReasonOfUncoveredInstances(t *testing.T) {
	const name, apse2 = "warehouse-loader", "ap-southeast-2"
	a := DemoWorld(time.Now()).Account(demoData)
	c := a.Cluster(apse2, name)
	if c.Status != unhealthy || len(c.Issues) != 0 || c.Issue != "" {
		t.Errorf("cluster is %+v", c)
	}
	var issues []string
	for _, i := range a.Instances {
		if i.ClusterARN == c.arn(demoData) && i.Issue != "" {
			issues = append(issues, i.Issue)
		}
	}
	slices.Sort(issues)
	want := []string{demoInstanceIssues()["agent_disconnected"], demoInstanceIssues()["ssm_execution_failed"]}
	if !slices.Equal(issues, want) {
		t.Errorf("issues are %q", issues)
	}
}

func TestDemoOrganisation(t *testing.T) {
	w := DemoWorld(time.Now())
	for _, id := range w.Organisation.ids() {
		if a := w.Account(id); a == nil || a.Name == "" || a.Email == "" || a.JoinedAt.IsZero() {
			t.Errorf("account %s is %+v", id, a)
		}
	}
	if slices.Contains(w.Organisation.ids(), demoStandalone) {
		t.Error("the standalone account is in the organisation")
	}
	for _, id := range []string{demoSandbox, demoPlayground, demoLegacy, demoDivested, demoManagement} {
		if a := w.Account(id); len(a.Clusters)+len(a.Instances)+len(a.EKSClusters) > 0 {
			t.Errorf("%s has resources", a.Name)
		}
	}
	s := New(w, Options{})
	for _, region := range demoRegions() {
		d := w.Account(demoAdministrator).Detector(region)
		got := map[string]string{}
		for _, id := range d.Members {
			got[id] = s.relationship(d, id)
		}
		want := map[string]string{
			demoPayments: relationEnabled, demoShop: relationEnabled, demoData: relationEnabled, demoSandbox: relationEnabled,
			demoPlayground: relationEnabled, demoLegacy: relationDisabled, demoDivested: relationRemoved,
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: relationships are %v", region, got)
		}
		if off := w.Account(demoPlayground).Detector(region).RuntimeMonitoringOff; !off {
			t.Errorf("%s: the playground has Runtime Monitoring", region)
		}
	}
	nodes := 0
	for _, a := range w.Accounts {
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
