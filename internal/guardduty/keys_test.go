package guardduty

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func key(of coverage.ResourceType, name string) coverage.Key {
	return coverage.Key{Type: of, AccountID: account, Region: region, Name: name}
}

func names(resources []coverage.Resource) (found []string) {
	for _, r := range resources {
		found = append(found, fmt.Sprint(r.Type, " ", r.Name))
	}
	slices.Sort(found)
	return found
}

func TestReadKeys(t *testing.T) {
	all := []coverage.ResourceType{coverage.ECS, coverage.EC2, coverage.EKS}
	world := func(w *simulator.World) {
		a := w.Account(account)
		a.Clusters = append(fleet(120),
			&simulator.Cluster{Region: region, Name: "idle", ManagementType: "DISABLED", UpdatedAt: then},
			&simulator.Cluster{Region: region, Name: "sick", Status: "UNHEALTHY", UpdatedAt: then})
		a.EKSClusters = []*simulator.EKSCluster{{Region: region, Name: "idle", UpdatedAt: then}}
		a.Instances = []*simulator.Instance{
			{Region: region, ID: "i-ecs", ClusterARN: "arn:aws:ecs:us-east-1:111122223333:cluster/idle", UpdatedAt: then},
			{Region: region, ID: "i-alone", UpdatedAt: then},
		}
	}
	for _, tc := range []struct {
		name      string
		o         Options
		requested []coverage.Key
		want      []string
		calls     int
	}{
		{"one cluster", Options{}, []coverage.Key{key(coverage.ECS, "sick")}, []string{"ECS sick"}, 1},
		{"one that is not there", Options{}, []coverage.Key{key(coverage.ECS, "gone")}, nil, 1},
		{"a page of clusters", Options{}, keysOf(50), namesOf(50), 1},
		{"more than a page", Options{}, keysOf(101), namesOf(101), 3},
		{
			"one of each type",
			Options{Types: all},
			[]coverage.Key{key(coverage.ECS, "idle"), key(coverage.EC2, "i-alone"), key(coverage.EC2, "i-ecs"), key(coverage.EKS, "idle")},
			[]string{"EC2 i-alone", "EC2 i-ecs", "ECS idle", "EKS idle"},
			3,
		},
		{
			"only instances of ECS",
			Options{Types: all, OnlyECS: true},
			[]coverage.Key{key(coverage.EC2, "i-alone"), key(coverage.EC2, "i-ecs")},
			[]string{"EC2 i-ecs"},
			1,
		},
		{
			"what the target's filter leaves out",
			Options{Filter: coverage.Filter{CoverageStatus: coverage.Condition{Equals: []string{"HEALTHY"}}, ManagementType: coverage.Condition{NotEquals: []string{"DISABLED"}}}},
			[]coverage.Key{key(coverage.ECS, "sick"), key(coverage.ECS, "idle"), key(coverage.ECS, "cluster-0007")},
			[]string{"ECS cluster-0007"},
			1,
		},
		{
			"within the target's own names",
			Options{Filter: coverage.Filter{ECSClusterName: coverage.Condition{Equals: []string{"sick", "idle"}}, AccountID: coverage.Condition{Equals: []string{account}}}},
			[]coverage.Key{key(coverage.ECS, "sick")},
			[]string{"ECS sick"},
			1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTarget(t, tc.o)
			c.aws.Update(world)
			if _, _, err := c.Read(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			before := c.count("ListCoverage")
			found, err := c.ReadKeys(t.Context(), tc.requested)
			if err != nil {
				t.Fatal(err)
			}
			if got := names(found); !slices.Equal(got, tc.want) {
				t.Errorf("found %v, want %v", got, tc.want)
			}
			if calls := c.count("ListCoverage") - before; calls != tc.calls {
				t.Errorf("%d calls, want %d", calls, tc.calls)
			}
		})
	}
}

func keysOf(n int) (keys []coverage.Key) {
	for i := range n {
		keys = append(keys, key(coverage.ECS, fmt.Sprintf("cluster-%04d", i)))
	}
	return keys
}

func namesOf(n int) (found []string) {
	for i := range n {
		found = append(found, fmt.Sprintf("ECS cluster-%04d", i))
	}
	return found
}

// TestReadKeysOfOneAccount reads a member's cluster while the administrator has a cluster of the same name.
func TestReadKeysOfOneAccount(t *testing.T) {
	const member = "444455556666"
	c := newTarget(t, Options{}, fleet(1)...)
	c.aws.Update(func(w *simulator.World) {
		w.Account(account).Detectors[0].Members = []string{member}
		w.Accounts = append(w.Accounts, &simulator.Account{ID: member, Detectors: []*simulator.Detector{{Region: region}}, Clusters: fleet(1)})
	})
	if _, _, err := c.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	k := key(coverage.ECS, "cluster-0000")
	k.AccountID = member
	found, err := c.ReadKeys(t.Context(), []coverage.Key{k})
	if err != nil || len(found) != 1 || found[0].Key != k {
		t.Errorf("%v, %v", found, err)
	}
}

// TestReadKeysOfALongName has a name that sanitizing changes.
func TestReadKeysOfALongName(t *testing.T) {
	name := strings.Repeat("a", 255)
	c := newTarget(t, Options{}, &simulator.Cluster{Region: region, Name: name, UpdatedAt: then})
	_, s, err := c.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	k := key(coverage.ECS, name)
	found, err := c.ReadKeys(t.Context(), []coverage.Key{k})
	if err != nil || len(found) != 1 || s.Lookup(k) == nil || s.Lookup(found[0].Key) == nil {
		t.Errorf("%v, %v; the snapshot has %v", found, err, s.Lookup(k))
	}
	if got := s.WithUpdates([]coverage.Key{k}, found, time.Now()); len(got.Resources) != 1 {
		t.Errorf("laid over the snapshot it is %v", got.Resources)
	}
}

func TestReadKeysBeforeTheFirstRead(t *testing.T) {
	c := newTarget(t, Options{}, fleet(1)...)
	if found, err := c.ReadKeys(t.Context(), keysOf(1)); !errors.Is(err, errNotRead) {
		t.Errorf("%v, %v", found, err)
	}
}

func TestReadKeysFails(t *testing.T) {
	c := newTarget(t, Options{}, fleet(1)...)
	if _, _, err := c.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	c.answer("ListCoverage", http.StatusOK, `{}`)
	if found, err := c.ReadKeys(t.Context(), keysOf(1)); !errors.Is(err, coverage.ErrInvalidResponse) {
		t.Errorf("an answer without resources gives %v, %v", found, err)
	}
}

// TestReadKeysConcurrentlyWithRead is for the race detector.
func TestReadKeysConcurrentlyWithRead(t *testing.T) {
	c := newTarget(t, Options{}, fleet(10)...)
	if _, _, err := c.Read(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := c.Read(t.Context(), nil)
		done <- err
	}()
	if found, err := c.ReadKeys(t.Context(), keysOf(1)); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMatchesAndFiltersByAttribute(t *testing.T) {
	status, name := coverage.Condition{Equals: []string{"HEALTHY"}}, coverage.Condition{NotEquals: []string{"scratch"}}
	for _, tc := range []struct {
		name            string
		o               Options
		key             coverage.Key
		admits, narrows bool
	}{
		{"everything", Options{}, key(coverage.ECS, "web"), true, false},
		{"a type that is not listed", Options{}, key(coverage.EKS, "web"), false, false},
		{"another account", Options{Filter: coverage.Filter{AccountID: coverage.Condition{Equals: []string{"444455556666"}}}}, key(coverage.ECS, "web"), false, false},
		{"a name that is left out", Options{Filter: coverage.Filter{ECSClusterName: name}}, key(coverage.ECS, "scratch"), false, false},
		{"the name of another type", Options{Types: []coverage.ResourceType{coverage.EKS}, Filter: coverage.Filter{ECSClusterName: name}}, key(coverage.EKS, "scratch"), true, false},
		{"some statuses", Options{Filter: coverage.Filter{CoverageStatus: status}}, key(coverage.ECS, "web"), true, true},
		{"some management types", Options{Filter: coverage.Filter{ManagementType: status}}, key(coverage.ECS, "web"), true, true},
		{"instances of ECS", Options{Types: []coverage.ResourceType{coverage.EC2}, OnlyECS: true}, key(coverage.EC2, "i-1"), true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTarget(t, tc.o)
			if admits, narrows := c.Matches(tc.key), c.FiltersByAttribute(tc.key); admits != tc.admits || narrows != tc.narrows {
				t.Errorf("%v and %v, want %v and %v", admits, narrows, tc.admits, tc.narrows)
			}
		})
	}
}
