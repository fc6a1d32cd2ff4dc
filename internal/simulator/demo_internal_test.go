package simulator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// demoRows returns the clusters of a world by account, Region and name.
func demoRows(t *testing.T, w *World) map[string]*Cluster {
	t.Helper()
	rows := map[string]*Cluster{}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			key := strings.Join([]string{a.ID, c.Region, c.Name}, "/")
			if rows[key] != nil {
				t.Errorf("%s is there twice", key)
			}
			rows[key] = c
		}
	}
	return rows
}

// checkRow looks at what holds for every row at every step.
func checkRow(c *Cluster) error {
	switch {
	case c.Covered < 0 || c.Covered > c.Compatible:
		return fmt.Errorf("%d of %d container instances are covered", c.Covered, c.Compatible)
	case (c.Status == "HEALTHY") != (len(c.Issues) == 0 && c.Issue == "" && c.Covered == c.Compatible):
		return fmt.Errorf("%s with %d of %d and the issues %q", c.Status, c.Covered, c.Compatible, c.Issues)
	case c.ManagementType != "AUTO_MANAGED" && len(c.Issues) > 0:
		return fmt.Errorf("issues of Fargate tasks without any: %q", c.Issues)
	case strings.ContainsAny(strings.Join(c.Issues, ""), "{}"):
		return fmt.Errorf("unfilled text %q", c.Issues)
	}
	return nil
}

func TestDemoOverTime(t *testing.T) {
	const steps = 600
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := DemoWorld(begin)
	before := map[string]Cluster{}
	for key, c := range demoRows(t, w) {
		before[key] = *c
	}
	created, deleted, broken, healed := 0, 0, 0, 0
	ever, sick := map[string]bool{}, map[string]int{}
	for n := range steps {
		now := begin.Add(time.Duration(n) * 10 * time.Second)
		if n > 0 {
			was := w.Account(demoStandalone).Role(demoRole).Broken
			Step(w, n, now)
			switch is := w.Account(demoStandalone).Role(demoRole).Broken; {
			case is && !was:
				broken++
			case was && !is:
				healed++
			}
		}
		rows := demoRows(t, w)
		healthy, texts := 0, []string{}
		for key, c := range rows {
			if err := checkRow(c); err != nil {
				t.Fatalf("step %d, %s: %v", n, key, err)
			}
			if c.Status == "HEALTHY" {
				healthy++
			} else {
				sick[key]++
			}
			texts = append(texts, c.Issues...)
			old, known := before[key]
			changed := known && (old.Status != c.Status || old.Covered != c.Covered || old.Compatible != c.Compatible || !slices.Equal(old.Issues, c.Issues))
			switch {
			case n > 0 && !known:
				created++
			case n > 0 && changed != c.UpdatedAt.Equal(now):
				t.Errorf("step %d, %s: changed %v, updated at %s", n, key, changed, c.UpdatedAt)
			case c.UpdatedAt.After(now):
				t.Errorf("step %d, %s: updated at %s", n, key, c.UpdatedAt)
			}
			delete(before, key)
		}
		deleted += len(before)
		before = map[string]Cluster{}
		for key, c := range rows {
			before[key], ever[key] = *c, true
		}
		if share := 100 * healthy / len(rows); len(rows) < 58 || len(rows) > 64 || share < 65 || share > 86 {
			t.Errorf("step %d: %d clusters, %d %% healthy", n, len(rows), share)
		}
		for kind, text := range demoIssues() {
			prefix, _, _ := strings.Cut(text, "{")
			if !slices.ContainsFunc(texts, func(issue string) bool { return strings.HasPrefix(issue, prefix) }) {
				t.Errorf("step %d: no issue of the kind %s", n, kind)
			}
		}
	}
	if created < 2 || deleted < 2 || broken < 2 || healed < 1 {
		t.Errorf("%d created, %d deleted, %d times broken, %d times healed", created, deleted, broken, healed)
	}
	always, sometimes := 0, 0
	for _, n := range sick {
		if n == steps {
			always++
		} else {
			sometimes++
		}
	}
	t.Logf("%d clusters: %d ill throughout, %d now and again", len(ever), always, sometimes)
	if always < 8 || sometimes < 10 {
		t.Errorf("%d clusters are ill throughout and %d now and again", always, sometimes)
	}
}

func TestDemoIsDeterministic(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one, two := DemoWorld(begin), DemoWorld(begin)
	for n := 1; n <= 200; n++ {
		now := begin.Add(time.Duration(n) * time.Second)
		Step(one, n, now)
		Step(two, n, now)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("two demos differ:\n%s", diff)
	}
	if was := DemoWorld(begin).Account(demoShop); cmp.Equal(one.Account(demoShop).Clusters, was.Clusters) ||
		cmp.Equal(one.Account(demoShop).Instances, was.Instances) || cmp.Equal(one.Account(demoShop).EKSClusters, was.EKSClusters) {
		t.Error("nothing has moved in 200 steps")
	}
}

func TestStepLeavesOtherRowsAlone(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := DemoWorld(begin)
	put := w.Account(demoShop).Cluster("eu-west-1", "storefront")
	put.Status, put.Issues = "UNHEALTHY", []string{"broken from outside"}
	w.Account(demoData).RemoveCluster("us-east-1", "ingest")
	instance, eks := w.Account(demoShop).Instances[0], w.Account(demoPayments).EKSCluster("us-east-1", "fraud-eks")
	instance.AgentVersion, eks.Covered = "from outside", 0
	for n := 1; n <= 200; n++ {
		Step(w, n, begin)
	}
	if now := w.Account(demoShop).Cluster("eu-west-1", "storefront"); now != put || now.Status != "UNHEALTHY" {
		t.Errorf("row is %+v", now)
	}
	if back := w.Account(demoData).Cluster("us-east-1", "ingest"); back != nil {
		t.Errorf("removed row came back as %+v", back)
	}
	if now := w.Account(demoShop).Instance(instance.Region, instance.ID); now != instance || now.AgentVersion != "from outside" {
		t.Errorf("instance is %+v", now)
	}
	if now := w.Account(demoPayments).EKSCluster("us-east-1", "fraud-eks"); now != eks || now.Covered != 0 {
		t.Errorf("EKS cluster is %+v", now)
	}
}

// Every Region and role that the targets name must be there to be asked, the
// last Region of the standalone account excepted, which has no detector.
func TestDemoTargetsAreServed(t *testing.T) {
	w := DemoWorld(time.Now())
	s := New(w, Options{})
	if s.index.keys[DemoKeys().AccessKeyID] != w.Account(demoAdministrator) {
		t.Error("the key does not lead to the administrator")
	}
	for _, target := range DemoTargets() {
		account := w.Account(demoAdministrator)
		if target.RoleARN != "" {
			account = w.Account(demoStandalone)
			role := account.Role(strings.TrimPrefix(target.RoleARN, "arn:aws:iam::"+account.ID+":role/"))
			if role == nil || role.ExternalID != target.ExternalID {
				t.Errorf("%s: role is %+v", target.Name, role)
			}
		}
		for _, region := range target.Regions {
			without := target.RoleARN != "" && region == "ap-southeast-2"
			if d := account.Detector(region); (d == nil) != without {
				t.Errorf("%s in %s: detector is %+v", target.Name, region, d)
			}
		}
	}
}
