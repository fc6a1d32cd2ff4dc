package guardduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// organization adds members with this many clusters each.
func (c target) organization(members, clusters int) {
	c.aws.Update(func(w *simulator.World) {
		for i := range members {
			c.join(w, fmt.Sprintf("5%011d", i), clusters)
		}
	})
}

func (target) join(w *simulator.World, id string, clusters int) {
	d := w.Account(account).Detectors[0]
	d.Members = append(d.Members, id)
	w.Accounts = append(w.Accounts, &simulator.Account{
		ID: id, Detectors: []*simulator.Detector{{Region: region}}, Clusters: fleet(clusters),
	})
}

func TestLargeOrganizationsAreReadConcurrently(t *testing.T) {
	for _, tc := range []struct {
		name                         string
		o                            Options
		members, clusters            int
		wantRows, wantCalls, atATime int
		refused                      string
	}{
		{"in one listing without members", Options{RequestsPerSecond: 100}, 20, 60, 1200, 24, 1, ""},
		{"in one listing if they are denied", Options{RequestsPerSecond: 100, Members: true}, 20, 60, 1200, 24, 1, "ListMembers"},
		{"in listings of half a thousand rows", Options{RequestsPerSecond: 100, Members: true}, 20, 60, 1200, 25, 3, ""},
		{"no faster than the request rate", Options{RequestsPerSecond: 2, Members: true}, 20, 60, 1200, 25, 1, ""},
		{"a small one in one listing", Options{RequestsPerSecond: 100, Members: true}, 20, 5, 100, 2, 1, ""},
		{"no more accounts in a filter than a hundred", Options{RequestsPerSecond: 100, Members: true}, 250, 3, 750, 16, 3, ""},
		{
			"those that match the filter",
			Options{RequestsPerSecond: 100, Members: true, Filter: coverage.Filter{AccountID: coverage.Condition{NotEquals: []string{"500000000000"}}}},
			20, 60, 1140, 24, 3, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newTarget(t, tc.o)
			c.organization(tc.members, tc.clusters)
			var now, most atomic.Int32
			c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, r *http.Request) bool {
				switch call.Operation {
				case tc.refused:
					awswire.WriteError(w, http.StatusForbidden, "AccessDeniedException", "no")
					return true
				case "ListCoverage":
					for n := now.Add(1); ; {
						seen := most.Load()
						if n <= seen || most.CompareAndSwap(seen, n) {
							break
						}
					}
					select {
					case <-time.After(10 * time.Millisecond):
					case <-r.Context().Done():
					}
					now.Add(-1)
				}
				return false
			})
			_, s, err := c.Read(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Resources) != tc.wantRows || !*s.Consistent {
				t.Errorf("%d rows, want %d; consistent: %v", len(s.Resources), tc.wantRows, *s.Consistent)
			}
			if calls := c.count("ListCoverage"); calls != tc.wantCalls {
				t.Errorf("%d calls, want %d", calls, tc.wantCalls)
			}
			if tc.refused != "" && c.count(tc.refused) != 1 {
				t.Errorf("%d calls of %s, want 1", c.count(tc.refused), tc.refused)
			}
			if n := int(most.Load()); (n > 1) != (tc.atATime > 1) {
				t.Errorf("%d calls at a time, want about %d", n, tc.atATime)
			}
			if !slices.IsSortedFunc(s.Resources, func(a, b coverage.Resource) int {
				return strings.Compare(a.AccountID+a.Name, b.AccountID+b.Name)
			}) {
				t.Error("the rows are not in order")
			}
		})
	}
}

// TestAccountThatJoinsDuringRead is in none of the listings by account, but not lost.
func TestAccountThatJoinsDuringRead(t *testing.T) {
	for _, at := range []string{"GetMemberDetectors", "ListCoverage"} {
		t.Run(at, func(t *testing.T) {
			c := newTarget(t, Options{Members: true, RequestsPerSecond: 100})
			c.organization(20, 60)
			var joined atomic.Bool
			c.aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, _ *http.Request) bool {
				if call.Operation == at && joined.CompareAndSwap(false, true) {
					c.aws.Update(func(w *simulator.World) { c.join(w, "999999999999", 7) })
				}
				return false
			})
			_, s, err := c.Read(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Resources) != 1207 || !*s.Consistent || !s.Includes("999999999999") {
				t.Errorf("%d rows, want 1207; consistent: %v", len(s.Resources), *s.Consistent)
			}
		})
	}
}

func TestListingsAreCompleteOrFail(t *testing.T) {
	c := newTarget(t, Options{Members: true, RequestsPerSecond: 100})
	c.organization(20, 60)
	var calls atomic.Int32
	c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		if call.Operation != "ListCoverage" || calls.Add(1) != 20 {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`))
		return true
	})
	if _, s, err := c.Read(t.Context(), nil); s.Resources != nil || s.Statistics != nil || !errors.Is(err, coverage.ErrInvalidResponse) {
		t.Errorf("%d resources, %v", len(s.Resources), err)
	}
}

// TestConsistency changes the world at one call of a refresh.
func TestConsistency(t *testing.T) {
	const first, last = "cluster-0000", "cluster-0119" // on the first page and on the third
	var clock atomic.Int64                             // of AWS
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	set := func(name, status string) func(*simulator.World) {
		return func(w *simulator.World) {
			c := w.Account(account).Cluster(region, name)
			c.Status, c.UpdatedAt = status, now()
		}
	}
	add := func(name string) func(*simulator.World) {
		return func(w *simulator.World) {
			a := w.Account(account)
			a.Clusters = append(a.Clusters, &simulator.Cluster{Region: region, Name: name, UpdatedAt: now()})
		}
	}
	remove := func(name string) func(*simulator.World) {
		return func(w *simulator.World) { w.Account(account).RemoveCluster(region, name) }
	}
	for _, tc := range []struct {
		name       string
		moves      map[int][]func(*simulator.World) // at which call of ListCoverage
		calls      int                              // of ListCoverage
		consistent bool
	}{
		{"nothing moves", nil, 3, true},
		{"a cluster after its page", map[int][]func(*simulator.World){2: {set(first, "UNHEALTHY")}}, 6, true},
		{"a cluster before its page", map[int][]func(*simulator.World){2: {set(last, "UNHEALTHY")}}, 6, true},
		{"a new one", map[int][]func(*simulator.World){2: {add("cluster-0000-a")}}, 6, true},
		{"one is deleted", map[int][]func(*simulator.World){2: {remove(first)}}, 6, true},
		{"a task is created", map[int][]func(*simulator.World){2: {set(last, "HEALTHY")}}, 3, true},
		{
			"two that cancel each other out in the statistics",
			map[int][]func(*simulator.World){2: {set("cluster-0118", "UNHEALTHY"), set("cluster-0060", "HEALTHY"), set("cluster-0001", "UNHEALTHY"), set("cluster-0061", "HEALTHY")}},
			6, true,
		},
		{
			"two that cancel each other out in the statistics, in the second listing",
			map[int][]func(*simulator.World){
				2: {remove(first)},
				5: {set("cluster-0118", "UNHEALTHY"), set("cluster-0060", "HEALTHY"), set("cluster-0001", "UNHEALTHY"), set("cluster-0061", "HEALTHY")},
			},
			6, false,
		},
		{"it changes during both listings", map[int][]func(*simulator.World){2: {remove(first)}, 5: {remove("cluster-0001")}}, 6, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTarget(t, Options{}, fleet(120)...)
			c.aws.Update(set("cluster-0060", "UNHEALTHY"))
			c.aws.Update(set("cluster-0061", "UNHEALTHY"))
			c.aws.Update(func(w *simulator.World) {
				for _, cluster := range w.Account(account).Clusters {
					cluster.UpdatedAt = then
				}
			})
			_, known, err := c.Read(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			before := c.count("ListCoverage")
			page := 0
			clock.Store(time.Now().UnixNano())
			c.aws.SetIntercept(func(call simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
				switch call.Operation {
				case "GetCoverageStatistics": // the calls of a large fleet are seconds apart
					w.Header().Set("Date", time.Unix(0, clock.Add(int64(2*time.Second))).UTC().Format(http.TimeFormat))
				case "ListCoverage":
					page++
					for _, move := range tc.moves[page] {
						c.aws.Update(move)
					}
				}
				return false
			})
			_, s, err := c.Read(t.Context(), known)
			if err != nil {
				t.Fatal(err)
			}
			if calls := c.count("ListCoverage") - before; calls != tc.calls || *s.Consistent != tc.consistent {
				t.Errorf("%d calls, want %d; consistent: %v, want %v", calls, tc.calls, *s.Consistent, tc.consistent)
			}
		})
	}
}

// TestIncompleteListings has statistics that count other numbers of clusters than
// the two there are. A listing that is shorter than both statistics is read again
// and then fails, because what is missing would be unhealthy clusters as well.
func TestIncompleteListings(t *testing.T) {
	const two, three, one = `{"HEALTHY":2}`, `{"HEALTHY":3}`, `{"HEALTHY":1}`
	for _, tc := range []struct {
		name       string
		statistics []string // by status, before and after each listing
		listings   int
		consistent bool
		fails      bool
	}{
		{"as many", []string{two, two}, 1, true, false},
		{"fewer than both", []string{three, three, three}, 2, false, true},
		{"fewer than both, of other statuses", []string{`{"HEALTHY":1,"UNHEALTHY":2}`, three, three}, 2, false, true},
		{"fewer than both at first", []string{three, three, two}, 2, false, false},
		{"fewer at first, then as many", []string{three, two, two}, 2, true, false},
		{"fewer than those before", []string{three, two, three}, 2, false, false},
		{"more than both", []string{one, one}, 1, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTarget(t, Options{}, fleet(2)...)
			before := tc.statistics[0]
			bodies := []string{before, `{}`} // by status and by type, before the listing
			bodies = append(bodies, tc.statistics[1:]...)
			for i := range bodies {
				bodies[i] = `{"coverageStatistics":{"countByCoverageStatus":` + bodies[i] + `}}`
			}
			c.answer("GetCoverageStatistics", http.StatusOK, bodies...)
			_, s, err := c.Read(t.Context(), nil)
			if n := c.count("ListCoverage"); n != tc.listings {
				t.Errorf("%d listings, want %d", n, tc.listings)
			}
			if tc.fails {
				if s != nil || awserr.State(region, err) != coverage.InvalidResponse {
					t.Errorf("%v, %v", s, err)
				}
				return
			}
			if err != nil || len(s.Resources) != 2 || *s.Consistent != tc.consistent {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func TestImpossibleCounts(t *testing.T) {
	for _, n := range []string{"-3", "-1", "5000001", "9223372036854775807"} { // 100,000 pages of 50 at most
		c := newTarget(t, Options{RequestsPerSecond: 5}, fleet(2)...)
		c.answer("GetCoverageStatistics", http.StatusOK, `{"coverageStatistics":{"countByCoverageStatus":{"HEALTHY":`+n+`}}}`)
		if _, s, err := c.Read(t.Context(), nil); s != nil || !errors.Is(err, coverage.ErrInvalidResponse) {
			t.Errorf("%s: %v, %v", n, s, err)
		}
	}
}

// TestNoTimeForASecondListing has responses that take longer than the request rate allows, so that there is no time for a
// second listing.
func TestNoTimeForASecondListing(t *testing.T) {
	c := newTarget(t, Options{RequestsPerSecond: 1000}, fleet(1000)...)
	page := 0
	c.aws.SetIntercept(func(call simulator.Call, _ http.ResponseWriter, _ *http.Request) bool {
		if call.Operation != "ListCoverage" {
			return false
		}
		if page++; page == 2 {
			c.aws.Update(func(w *simulator.World) { w.Account(account).RemoveCluster(region, "cluster-0000") })
		}
		<-time.After(30 * time.Millisecond)
		return false
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, s, err := c.Read(ctx, nil)
	if err != nil || *s.Consistent || page != 20 {
		t.Errorf("%v after %d pages", err, page)
	}
}

func TestConsistencyIsUnknownWithoutStatistics(t *testing.T) {
	c := newTarget(t, Options{}, fleet(2)...)
	c.answer("GetCoverageStatistics", http.StatusForbidden, `{"__type":"AccessDeniedException","message":"no"}`)
	if _, s, err := c.Read(t.Context(), nil); err != nil || s.Consistent != nil {
		t.Errorf("%v, %v", s, err)
	}
}

func TestDeadlineTooShort(t *testing.T) {
	c := newTarget(t, Options{RequestsPerSecond: 5}, fleet(1000)...)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, s, err := c.Read(ctx, nil)
	const want = "the refresh cannot finish in time: listing 1000 resources takes 21 requests, at least 5s " +
		"at 5 requests per second, and 2s remain: raise aws.requests_per_second, or the timeout and the interval of the target"
	if s != nil || err == nil || err.Error() != want || awserr.State(region, err) != coverage.Timeout {
		t.Errorf("%v, %v, state %s", s, err, awserr.State(region, err))
	}
	if calls := c.count("ListCoverage"); calls != 0 {
		t.Errorf("%d pages were read", calls)
	}
}
