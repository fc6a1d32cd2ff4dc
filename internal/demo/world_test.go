package demo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// rowsOf returns the clusters of a world by account, Region and name.
func rowsOf(t *testing.T, w *simulator.World) map[string]*simulator.Cluster {
	t.Helper()
	rows := map[string]*simulator.Cluster{}
	for _, a := range w.Accounts {
		for _, c := range a.Clusters {
			key := strings.Join([]string{a.ID, c.Region, c.Name}, "/")
			if rows[key] != nil {
				t.Errorf("%s exists twice", key)
			}
			rows[key] = c
		}
	}
	return rows
}

// checkRow returns an error if a row is inconsistent.
func checkRow(c *simulator.Cluster) error {
	switch {
	case c.Covered < 0 || c.Covered > c.Compatible:
		return fmt.Errorf("%d of %d container instances are covered", c.Covered, c.Compatible)
	case (c.Status == "HEALTHY") != (len(c.Issues) == 0 && c.Issue == "" && c.Covered == c.Compatible):
		return fmt.Errorf("%s with %d of %d and the issues %q", c.Status, c.Covered, c.Compatible, c.Issues)
	case c.ManagementType != "AUTO_MANAGED" && len(c.Issues) > 0:
		return fmt.Errorf("Fargate issues without Fargate tasks: %q", c.Issues)
	case strings.ContainsAny(strings.Join(c.Issues, ""), "{}"):
		return fmt.Errorf("placeholder in %q", c.Issues)
	}
	return nil
}

func TestClustersOverTime(t *testing.T) {
	const steps = testSteps
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(begin)
	before := map[string]simulator.Cluster{}
	for key, c := range rowsOf(t, w) {
		before[key] = *c
	}
	created, deleted, broken, repaired := 0, 0, 0, 0
	seen, unhealthy := map[string]bool{}, map[string]int{}
	for n := range steps {
		now := begin.Add(time.Duration(n) * 10 * time.Second)
		if n > 0 {
			was := w.Account(standaloneID).Role(roleName).Broken
			advance(w, n, now)
			switch is := w.Account(standaloneID).Role(roleName).Broken; {
			case is && !was:
				broken++
			case was && !is:
				repaired++
			}
		}
		rows := rowsOf(t, w)
		healthy, texts := 0, []string{}
		for key, c := range rows {
			if err := checkRow(c); err != nil {
				t.Fatalf("step %d, %s: %v", n, key, err)
			}
			if c.Status == "HEALTHY" {
				healthy++
			} else {
				unhealthy[key]++
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
		before = map[string]simulator.Cluster{}
		for key, c := range rows {
			before[key], seen[key] = *c, true
		}
		if share := 100 * healthy / len(rows); len(rows) < 58 || len(rows) > 64 || share < 65 || share > 86 {
			t.Errorf("step %d: %d clusters, %d %% healthy", n, len(rows), share)
		}
		for kind, text := range clusterIssues() {
			prefix, _, _ := strings.Cut(text, "{")
			if !slices.ContainsFunc(texts, func(issue string) bool { return strings.HasPrefix(issue, prefix) }) {
				t.Errorf("step %d: no issue of the kind %s", n, kind)
			}
		}
	}
	if created < 2 || deleted < 2 || broken < 2 || repaired < 1 {
		t.Errorf("%d created, %d deleted, role broken %d times and repaired %d times", created, deleted, broken, repaired)
	}
	permanent, temporary := 0, 0
	for _, n := range unhealthy {
		if n == steps {
			permanent++
		} else {
			temporary++
		}
	}
	t.Logf("%d clusters: %d permanently unhealthy, %d temporarily", len(seen), permanent, temporary)
	if permanent < 8 || temporary < 10 {
		t.Errorf("%d clusters are permanently unhealthy and %d temporarily", permanent, temporary)
	}
}

func TestStepsAreDeterministic(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	one, two := newWorld(begin), newWorld(begin)
	for n := 1; n <= 200; n++ {
		now := begin.Add(time.Duration(n) * time.Second)
		advance(one, n, now)
		advance(two, n, now)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Errorf("two demos differ:\n%s", diff)
	}
	if was := newWorld(begin).Account(shopID); cmp.Equal(one.Account(shopID).Clusters, was.Clusters) ||
		cmp.Equal(one.Account(shopID).Instances, was.Instances) || cmp.Equal(one.Account(shopID).EKSClusters, was.EKSClusters) {
		t.Error("nothing changed in 200 steps")
	}
}

func TestStepsKeepOtherRows(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(begin)
	put := w.Account(shopID).Cluster("eu-west-1", "storefront")
	put.Status, put.Issues = "UNHEALTHY", []string{"changed by a user"}
	w.Account(dataID).RemoveCluster("us-east-1", "ingest")
	instance, eks := w.Account(shopID).Instances[0], w.Account(paymentsID).EKSCluster("us-east-1", "fraud-eks")
	instance.AgentVersion, eks.Covered = "changed by a user", 0
	for n := 1; n <= 200; n++ {
		advance(w, n, begin)
	}
	if now := w.Account(shopID).Cluster("eu-west-1", "storefront"); now != put || now.Status != "UNHEALTHY" {
		t.Errorf("row is %+v", now)
	}
	if back := w.Account(dataID).Cluster("us-east-1", "ingest"); back != nil {
		t.Errorf("removed row was restored as %+v", back)
	}
	if now := w.Account(shopID).Instance(instance.Region, instance.ID); now != instance || now.AgentVersion != "changed by a user" {
		t.Errorf("instance is %+v", now)
	}
	if now := w.Account(paymentsID).EKSCluster("us-east-1", "fraud-eks"); now != eks || now.Covered != 0 {
		t.Errorf("EKS cluster is %+v", now)
	}
}

// Every role and Region of the targets exists, except that the standalone account
// has no detector in the last Region.
func TestTargetsExist(t *testing.T) {
	w := newWorld(time.Now())
	if got := w.Account(administratorID).Keys; got != accessKey() {
		t.Errorf("the administrator's key is %v", got)
	}
	for _, target := range targets() {
		account := w.Account(administratorID)
		if target.roleARN != "" {
			account = w.Account(standaloneID)
			role := account.Role(strings.TrimPrefix(target.roleARN, "arn:aws:iam::"+account.ID+":role/"))
			if role == nil || role.ExternalID != target.externalID {
				t.Errorf("%s: role is %+v", target.name, role)
			}
		}
		for _, region := range target.regions {
			without := target.roleARN != "" && region == "ap-southeast-2"
			if d := account.Detector(region); (d == nil) != without {
				t.Errorf("%s in %s: detector is %+v", target.name, region, d)
			}
		}
	}
}
