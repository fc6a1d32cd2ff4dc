package ecs_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	benchAccounts = 200
	benchClusters = 10 // of an account
	benchTasks    = 20 // of a cluster
)

// benchAccount returns an account whose clusters have two services without agent.
func benchAccount(id string) *simulator.Account {
	account := &simulator.Account{ID: id}
	for i := range benchClusters {
		c := &simulator.Cluster{Region: region, Name: fmt.Sprintf("cluster-%02d", i), Status: "UNHEALTHY"}
		for j := range 2 {
			family := fmt.Sprintf("service-%02d-%d", i, j)
			account.TaskDefinitions = append(account.TaskDefinitions, &simulator.TaskDefinition{
				Region: region, Family: family, Revision: 7, ExecutionRole: "arn:aws:iam::" + id + ":role/execution-of-" + family,
			})
			c.Services = append(c.Services, &simulator.Service{Name: family, TaskDefinition: family + ":7", CreatedAt: then, DeployedAt: then})
			for range benchTasks / 2 {
				c.Tasks = append(c.Tasks, &simulator.Task{Service: family, CreatedAt: then})
			}
		}
		account.Clusters = append(account.Clusters, c)
	}
	return account
}

func benchRow(accountID, name string) coverage.Row {
	return coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: accountID, Region: region, Name: name},
		Status: coverage.Unhealthy, UpdatedAt: then, Issues: []string{"Unidentified issue"},
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRead2000 reads the 2,000 unhealthy clusters of 200 accounts with 20 tasks
// each, from nothing. Its calls are those of the first round; task definitions are
// not read again in later ones. The kept bytes are those of the reports and, all
// together, those of the monitor, its clients and sessions too.
func BenchmarkRead2000(b *testing.B) {
	for b.Loop() {
		var accounts []*simulator.Account
		var rows []coverage.Row
		for i := range benchAccounts {
			account := benchAccount(fmt.Sprintf("%012d", 100_000+i))
			accounts = append(accounts, account)
			for _, c := range account.Clusters {
				rows = append(rows, benchRow(account.ID, c.Name))
			}
		}
		w := newWorld(b, accounts...)
		report := reportOf(rows...)
		report.Snapshot.Accounts = nil
		before := heap()

		reports, finished := map[string]diagnosis.Report{}, make(chan struct{})
		var mu sync.Mutex
		ctx, cancel := context.WithCancel(b.Context())
		monitor := ecs.NewMonitor(ecs.MonitorOptions{
			Diagnose: diagnosis.Diagnose,
			Put: func(r diagnosis.Report) {
				mu.Lock()
				defer mu.Unlock()
				reports[r.AccountID] = r
				if !r.Up {
					b.Errorf("account %s is not up", r.AccountID)
				}
				for _, r := range reports {
					if len(reports) < benchAccounts || r.LastSuccess.IsZero() {
						return
					}
				}
				close(finished)
			},
			Drop:   func(_, _, _ string) {},
			Logger: slog.New(slog.DiscardHandler),
		})
		monitor.Set(ctx, []ecs.Target{{
			Name: "organization", Interval: time.Hour, Open: func(accountID, _ string) ecs.Reader { return w.client(accountID) },
		}})
		monitor.Observe(report)
		<-finished

		calls := 0
		for _, n := range w.count() {
			calls += n
		}
		all := heap()
		cancel()
		monitor.Wait()
		w.sessions = nil
		kept := heap()
		const tasks = benchAccounts * benchClusters * benchTasks
		b.ReportMetric(float64(calls), "calls")
		b.ReportMetric(float64(calls)/benchAccounts, "calls/account")
		b.ReportMetric(float64(calls)/benchAccounts/2, "s-at-2/s/account")
		b.ReportMetric(float64(all-before)/tasks, "all-B/task")
		b.ReportMetric(float64(int64(kept)-int64(before))/tasks, "kept-B/task")
		runtime.KeepAlive(reports)
		runtime.KeepAlive(report)
	}
}
