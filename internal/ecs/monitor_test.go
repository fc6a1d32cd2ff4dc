package ecs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
)

const (
	home   = "111122223333"
	member = "444455556666"
	region = "eu-central-1"
)

// fakeReader is a Reader whose clusters all exist.
type fakeReader struct {
	names    []string      // of List
	takes    time.Duration // how long Read takes
	readErr  error
	listErr  error
	refusal  error
	errAfter error // of Read, after the clusters
	gone     []string
	broken   string // a cluster that cannot be read

	mu    sync.Mutex
	reads []string // the names of the clusters of each Read
}

func (f *fakeReader) Read(ctx context.Context, queries []ecs.Query, each func(diagnosis.Evidence)) (*ecs.Reading, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, q := range queries {
		names = append(names, q.Cluster)
	}
	f.reads = append(f.reads, strings.Join(names, " "))
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return &ecs.Reading{}, ctx.Err()
	}
	if f.readErr != nil {
		return &ecs.Reading{}, f.readErr
	}
	for _, q := range queries {
		if q.Cluster == f.broken {
			return &ecs.Reading{}, apiError("DescribeTasks", "ThrottlingException")
		}
		if !slices.Contains(f.gone, q.Cluster) {
			e := diagnosis.Evidence{Cluster: diagnosis.Cluster{Name: q.Cluster}, Row: q.Row, Tags: map[string]string{"team": "a\tb", "x": "y"}}
			if f.refusal != nil {
				e.Refusals = []diagnosis.Refusal{{Action: "ecs:ListTasks", Denied: true}}
			}
			each(e)
		}
	}
	return &ecs.Reading{Gone: f.gone, Refusal: f.refusal}, f.errAfter
}

func (f *fakeReader) List(context.Context) ([]string, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names, false, f.listErr
}

// set changes what the reader does.
func (f *fakeReader) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// taken returns the reads since the last call.
func (f *fakeReader) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	reads := f.reads
	f.reads = nil
	return reads
}

// logBuffer is a buffer that is written and read concurrently.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// monitored is a Monitor with what it has reported.
type monitored struct {
	*ecs.Monitor
	t       *testing.T
	readers map[string]*fakeReader // by account
	log     logBuffer

	mu      sync.Mutex
	reports map[string]diagnosis.Report // by target, account and Region
}

func key(target, accountID, region string) string { return target + " " + accountID + " " + region }

// monitor starts a Monitor in a bubble of synctest.
func monitor(t *testing.T, targets ...ecs.Target) *monitored {
	m := &monitored{t: t, readers: map[string]*fakeReader{home: {}, member: {}}, reports: map[string]diagnosis.Report{}}
	m.Monitor = ecs.NewMonitor(ecs.MonitorOptions{
		Diagnose: func(e diagnosis.Evidence) diagnosis.Diagnosis {
			d := diagnosis.Diagnosis{Cluster: e.Cluster, Listed: e.Row != nil, Tags: e.Tags, TasksRead: len(e.Refusals) == 0}
			for _, r := range e.Refusals {
				d.Findings = append(d.Findings, diagnosis.Finding{Cause: diagnosis.Denied, Evidence: r.Action + " " + r.Reason})
			}
			return d
		},
		Put: func(r diagnosis.Report) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.reports[key(r.Target, r.AccountID, r.Region)] = r
		},
		Drop: func(target, accountID, region string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.reports, key(target, accountID, region))
		},
		Logger: slog.New(slog.NewTextHandler(&m.log, nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		m.Wait()
	})
	m.Set(ctx, m.targets(targets...))
	return m
}

func (m *monitored) targets(targets ...ecs.Target) []ecs.Target {
	for i := range targets {
		t := &targets[i]
		t.Name, t.Interval = "organization", 15*time.Minute
		t.Open = func(accountID, _ string) ecs.Reader { return m.readers[accountID] }
	}
	return targets
}

// observe passes a report with rows on, and waits until all is read.
func (m *monitored) observe(rows ...coverage.Row) {
	m.Observe(reportOf(rows...))
	synctest.Wait()
}

func reportOf(rows ...coverage.Row) coverage.Report {
	s := &coverage.Snapshot{Accounts: []string{home}, Types: []coverage.ResourceType{coverage.ECS}}
	for _, r := range rows {
		s.Resources = append(s.Resources, coverage.New(r))
	}
	s.Resources = coverage.Dedupe(s.Resources)
	return coverage.Report{Target: coverage.TargetID{Name: "organization", Region: region}, AccountID: home, Snapshot: s}
}

func row(accountID, name string, status coverage.Status, updated int) coverage.Row {
	return coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: accountID, Region: region, Name: name},
		Status: status, UpdatedAt: time.Unix(int64(updated), 0),
	}
}

// wantReads checks what has been read since the last call.
func (m *monitored) wantReads(accountID string, want ...string) {
	m.t.Helper()
	if diff := cmp.Diff(want, m.readers[accountID].taken()); diff != "" {
		m.t.Errorf("reads of %s (-want +got):\n%s", accountID, diff)
	}
}

func (m *monitored) report(accountID string) *diagnosis.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.reports[key("organization", accountID, region)]; ok {
		return &r
	}
	return nil
}

// wantReport checks the names of the clusters and whether the account is up.
func (m *monitored) wantReport(accountID string, up bool, names ...string) {
	m.t.Helper()
	r := m.report(accountID)
	if r == nil {
		m.t.Errorf("no report of %s", accountID)
		return
	}
	var got []string
	for _, c := range r.Clusters {
		got = append(got, c.Cluster.Name)
	}
	if r.Up != up || !slices.Equal(got, names) {
		m.t.Errorf("%s has up %v and clusters %v, want %v and %v", accountID, r.Up, got, up, names)
	}
}

func (m *monitored) wantUp(accountID string) {
	m.t.Helper()
	if r := m.report(accountID); !r.Up || r.LastSuccess.IsZero() {
		m.t.Errorf("%s has up %v and the last success %v", accountID, r.Up, r.LastSuccess)
	}
}

func TestUnhealthyAndChangedClustersAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{Tags: []string{"team"}})
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(home, "b", coverage.Healthy, 1), row(member, "c", coverage.Unknown, 1))
		m.wantReads(home, "a")
		m.wantReads(member, "c")
		m.wantReport(home, true, "a")
		m.wantReport(member, true, "c")
		if got := m.report(home).Clusters[0].Tags; !cmp.Equal(got, map[string]string{"team": "a b"}) {
			t.Errorf("tags %q", got)
		}
		began := m.report(home).LastSuccess
		if !began.Equal(time.Now()) {
			t.Errorf("last success %v", began)
		}
		time.Sleep(time.Minute)
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(home, "b", coverage.Unhealthy, 2), row(member, "c", coverage.Healthy, 2))
		m.wantReads(home, "b")
		m.wantReads(member)
		m.wantReport(home, true, "a", "b")
		m.wantReport(member, true)
		m.observe(row(home, "a", coverage.Unhealthy, 3), row(home, "b", coverage.Unhealthy, 2))
		m.wantReads(home, "a")
		if got := m.report(home).LastSuccess; !got.Equal(began) {
			t.Errorf("last success %v is that of an incomplete read", got)
		}
		if m.report(member) != nil {
			t.Error("the report of an account that is not shown remains")
		}
		time.Sleep(14 * time.Minute)
		synctest.Wait()
		m.wantReads(home, "a b")
		if got := m.report(home).LastSuccess; got.Sub(began) < 13*time.Minute+30*time.Second || got.Sub(began) > 15*time.Minute {
			t.Errorf("the second round began %v after the first", got.Sub(began))
		}
	})
}

// TestAccountWithoutUnhealthyClusters: it is known whether ECS can be read before
// a cluster is unhealthy.
func TestAccountWithoutUnhealthyClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		m.observe()
		m.wantReads(home, "")
		m.wantReport(home, true)
	})
}

func TestAllClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{All: true})
		reader := m.readers[home]
		reader.names = []string{"a", "unlisted"}
		m.observe(row(home, "a", coverage.Healthy, 1), row(home, "b", coverage.Unhealthy, 1))
		m.wantReads(home, "a b unlisted")
		m.wantReport(home, true, "a", "b", "unlisted")
		if c := m.report(home).Clusters; !c[0].Listed || c[2].Listed {
			t.Errorf("clusters %v", c)
		}
		m.observe(row(home, "b", coverage.Unhealthy, 1))
		m.wantReads(home, "a")
		reader.set(func() { reader.names, reader.gone = []string{"a"}, []string{"b"} })
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		m.wantReads(home, "a b")
		m.wantReport(home, true, "a", "b")
		if f := m.report(home).Clusters[1].Findings; len(f) != 1 || f[0].Cause != diagnosis.TaskGone {
			t.Errorf("findings of a cluster that ECS does not have: %v", f)
		}

		reader.set(func() { reader.listErr = apiError("ListClusters", "AccessDeniedException") })
		before := m.report(home).LastSuccess
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		m.wantReads(home, "a b")
		m.wantReport(home, false, "a", "b")
		if got := m.report(home).LastSuccess; !got.Equal(before) {
			t.Errorf("last success %v", got)
		}
		if log := m.log.String(); strings.Count(log, "read incompletely") != 1 {
			t.Errorf("log:\n%s", log)
		}
	})
}

func apiError(operation, code string) error {
	return &smithy.OperationError{ServiceID: "ECS", OperationName: operation, Err: &smithy.GenericAPIError{Code: code}}
}

func TestAccountCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(member, "c", coverage.Unhealthy, 1))
		reader := m.readers[home]
		denied := &awserr.CredentialsError{Err: apiError("AssumeRole", "AccessDenied")}
		reader.set(func() {
			reader.readErr = &smithy.OperationError{ServiceID: "ECS", OperationName: "ListAccountSettings", Err: denied}
		})
		began := m.report(home).LastSuccess
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(home, "b", coverage.Unhealthy, 1), row(member, "c", coverage.Unhealthy, 1))
		m.wantReport(home, false, "a", "b")
		m.wantReport(member, true, "c")
		r := m.report(home)
		if !r.LastSuccess.Equal(began) || len(r.Clusters[0].Findings) != 0 {
			t.Errorf("the last good data have changed: %v", r)
		}
		if f := r.Clusters[1].Findings; len(f) != 1 || f[0].Cause != diagnosis.Denied || f[0].Evidence != "sts:AssumeRole AccessDenied" {
			t.Errorf("findings of a cluster that was never read: %v", f)
		}
		m.wantReads(home, "a", "b")
		for i, wait := range []int{1, 2, 4, 8, 15, 15} { // minutes
			time.Sleep(time.Duration(wait)*time.Minute - time.Second)
			synctest.Wait()
			m.wantReads(home)
			time.Sleep(time.Second)
			synctest.Wait()
			if got := m.readers[home].taken(); len(got) != 1 {
				t.Errorf("%d reads after failure %d", len(got), i+1)
			}
		}
		if n := strings.Count(m.log.String(), "reading ECS of an account failed"); n != 1 {
			t.Errorf("%d lines in 45 minutes:\n%s", n, &m.log)
		}
		if f := m.report(home).Clusters[0].Findings; len(f) != 0 {
			t.Errorf("findings after 45 minutes: %v", f)
		}
		time.Sleep(31 * time.Minute)
		synctest.Wait()
		m.wantReport(home, false, "a", "b")
		if f := m.report(home).Clusters[0].Findings; len(f) != 1 || f[0].Cause != diagnosis.Denied {
			t.Errorf("findings after more than an hour: %v", f)
		}
		m.wantReport(member, true, "c")
		reader.set(func() { reader.readErr = nil })
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		m.wantReport(home, true, "a", "b")
		if f := m.report(home).Clusters[0].Findings; len(f) != 0 {
			t.Errorf("findings after the recovery: %v", f)
		}
		if n := strings.Count(m.log.String(), "reading ECS of an account failed"); n != 2 {
			t.Errorf("%d lines in an hour:\n%s", n, &m.log)
		}
		if !strings.Contains(m.log.String(), `msg="ECS of an account read" target=organization account_id=`+home) {
			t.Errorf("log:\n%s", &m.log)
		}
	})
}

func TestIncompleteRoundsAreLoggedHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		m.readers[home].refusal = apiError("ListTasks", "AccessDeniedException")
		var rows []coverage.Row
		for i := range 60 {
			rows = append(rows, row(home, fmt.Sprintf("c%02d", i), coverage.Unhealthy, 1))
		}
		m.observe(rows...)
		if r := m.report(home); r.Up || !r.LastSuccess.IsZero() || len(r.Clusters) != 60 || len(r.Clusters[0].Findings) != 1 {
			t.Errorf("report %v", r)
		}
		time.Sleep(46 * time.Minute)
		synctest.Wait()
		if n := strings.Count(m.log.String(), "\n"); n != 1 || !strings.Contains(m.log.String(), "ListTasks") {
			t.Errorf("log:\n%s", &m.log)
		}
		m.readers[home].set(func() { m.readers[home].refusal = nil })
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		m.wantUp(home)
		if n := strings.Count(m.log.String(), "\n"); n != 2 || !strings.Contains(m.log.String(), "read completely") {
			t.Errorf("log:\n%s", &m.log)
		}
	})
}

// TestChangedClustersComeFirst: an account with many clusters is read in batches.
func TestChangedClustersComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		var rows []coverage.Row
		for i := range 60 {
			rows = append(rows, row(home, fmt.Sprintf("c%02d", i), coverage.Unhealthy, 1))
		}
		m.observe(rows...)
		m.readers[home].taken()
		m.readers[home].set(func() { m.readers[home].takes = 2 * time.Minute })
		time.Sleep(15 * time.Minute) // the first batch of the second round is being read
		rows[59].UpdatedAt = time.Unix(2, 0)
		m.observe(rows...)
		time.Sleep(6 * time.Minute)
		reads := m.readers[home].taken()
		if len(reads) != 3 || !strings.HasPrefix(reads[0], "c00 ") || !strings.HasPrefix(reads[1], "c59 c25 ") || len(strings.Fields(reads[2])) != 10 {
			t.Errorf("reads %q", reads)
		}
	})
}

// TestReadsAtOnce: no more than 16 accounts of a Region are read at once, Observe
// does not wait for them, and another Region does neither.
func TestReadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		report, reading := reportOf(), 0
		for i := range 40 {
			id := fmt.Sprintf("%012d", i+1)
			m.readers[id] = &fakeReader{takes: time.Minute}
			report.Snapshot.Accounts = append(report.Snapshot.Accounts, id)
		}
		start := time.Now()
		m.Observe(report)
		if time.Since(start) != 0 {
			t.Error("Observe waits")
		}
		time.Sleep(time.Second)
		for _, r := range m.readers {
			if !r.mu.TryLock() {
				reading++
			} else {
				r.mu.Unlock()
			}
		}
		if reading != 16 {
			t.Errorf("%d accounts are read at once", reading)
		}
		other := reportOf()
		other.Target.Region = "eu-west-1"
		m.Observe(other)
		synctest.Wait()
		m.mu.Lock()
		_, ok := m.reports[key("organization", home, "eu-west-1")]
		m.mu.Unlock()
		if !ok {
			t.Error("one Region waits for another")
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.reports) != 42 {
			t.Errorf("%d reports", len(m.reports))
		}
	})
}

func TestTargetsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{Key: 1, OwnAccount: true})
		rows := []coverage.Row{row(home, "a", coverage.Unhealthy, 1), row(member, "c", coverage.Unhealthy, 1)}
		m.observe(rows...)
		if m.report(member) != nil {
			t.Error("another account is read")
		}
		m.wantReads(home, "a")
		m.Set(t.Context(), m.targets(ecs.Target{Key: 1, OwnAccount: true}))
		m.observe(rows...)
		m.wantReads(home)
		m.wantReport(home, true, "a")

		m.Set(t.Context(), m.targets(ecs.Target{Key: 2}))
		synctest.Wait()
		if m.report(home) != nil {
			t.Error("the report of a changed target remains")
		}
		m.observe(rows...)
		m.wantReads(home, "a")
		m.wantReads(member, "c")

		m.Observe(coverage.Report{Target: reportOf().Target, State: coverage.Failed})
		m.Observe(coverage.Report{Target: reportOf().Target, State: coverage.Failed, Snapshot: &coverage.Snapshot{OptionalOnly: true}})
		synctest.Wait()
		m.wantReport(member, true, "c")
		m.Drop(reportOf().Target)
		synctest.Wait()
		if len(m.reports) != 0 {
			t.Errorf("reports of a dropped target remain: %v", m.reports)
		}
		m.observe(rows...)
		m.Set(t.Context(), nil)
		synctest.Wait()
		if len(m.reports) != 0 {
			t.Errorf("reports of a removed target remain: %v", m.reports)
		}
	})
}

// TestReportsStayAtTheEnd: the last scrapes before the process ends have all data.
func TestReportsStayAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		m.Set(ctx, m.targets(ecs.Target{}))
		m.readers[member].takes = time.Hour
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(member, "c", coverage.Unhealthy, 1))
		cancel(errors.New("the end"))
		m.Wait()
		m.wantReport(home, true, "a")
		if m.report(member) != nil || m.log.String() != "" {
			t.Errorf("a stopped read is a failure: %v\n%s", m.report(member), &m.log)
		}
	})
}

// TestOneClusterCannotBeRead: the others are read.
func TestOneClusterCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		m.readers[home].broken = "a"
		m.observe(row(home, "a", coverage.Unhealthy, 1), row(home, "b", coverage.Unhealthy, 1), row(home, "c", coverage.Unhealthy, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		m.wantReads(home, "a b c", "b c a")
		m.wantReport(home, false, "a", "b", "c")
		if clusters := m.report(home).Clusters; len(clusters[0].Findings) != 1 || len(clusters[1].Findings) != 0 {
			t.Errorf("clusters %+v", clusters)
		}
	})
}

// TestRoundLongerThanTheInterval: it is finished before the next one begins.
func TestRoundLongerThanTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		var rows []coverage.Row
		for i := range 60 {
			rows = append(rows, row(home, fmt.Sprintf("c%02d", i), coverage.Unhealthy, 1))
		}
		m.readers[home].takes = 10 * time.Minute
		start := time.Now()
		m.observe(rows...)
		time.Sleep(31 * time.Minute)
		if r := m.report(home); len(r.Clusters) != 60 || !r.LastSuccess.Equal(start) {
			t.Errorf("%d clusters, last success %v", len(r.Clusters), r.LastSuccess)
		}
		time.Sleep(30 * time.Minute)
		if r := m.report(home); !r.LastSuccess.Equal(start.Add(30 * time.Minute)) {
			t.Errorf("last success %v", r.LastSuccess)
		}
	})
}
