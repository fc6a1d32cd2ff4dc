package ecs_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// findings returns the evidence of the findings on the first cluster of an account.
func (m *monitored) findings(accountID string) []string {
	var evidence []string
	for _, f := range m.report(accountID).Clusters[0].Findings {
		evidence = append(evidence, f.Evidence)
	}
	return evidence
}

// TestRefusedAfterAGoodRead: what was read before a call was refused stays for four
// intervals, with a finding on the call.
func TestRefusedAfterAGoodRead(t *testing.T) {
	denied := apiError("ListTasks", "AccessDeniedException")
	for name, refuse := range map[string]func(*fakeReader){
		"one action": func(r *fakeReader) { r.refusal = denied },
		"all actions": func(r *fakeReader) {
			r.refusal, r.errAfter = denied, denied // the clusters have refusals, and the read fails
		},
		"one action, after the account could not be read": func(r *fakeReader) { r.readErr = denied },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := monitor(t, ecs.Target{Tags: []string{"team"}})
				reader := m.readers[home]
				m.observe(row(home, "a", coverage.Unhealthy, 1))
				good := m.report(home)
				reader.set(func() { refuse(reader) })
				m.observe(row(home, "a", coverage.Unhealthy, 2))
				time.Sleep(30 * time.Minute)
				reader.set(func() {
					if reader.readErr != nil {
						reader.readErr, reader.refusal = nil, denied
					}
				})
				time.Sleep(30 * time.Minute)
				synctest.Wait()
				r := m.report(home)
				if c := r.Clusters[0]; r.Up || !r.LastSuccess.Equal(good.LastSuccess) || !c.TasksRead || !cmp.Equal(c.Tags, good.Clusters[0].Tags) {
					t.Errorf("after an hour: %+v", r)
				}
				if diff := cmp.Diff([]string{"ecs:ListTasks "}, m.findings(home)); diff != "" {
					t.Errorf("after an hour: -want +got:\n%s", diff)
				}
				time.Sleep(15*time.Minute + time.Second)
				synctest.Wait()
				if r := m.report(home); r.Up || r.Clusters[0].TasksRead || len(r.Clusters[0].Findings) != 1 {
					t.Errorf("after more than an hour: %+v", r)
				}
				reader.set(func() { reader.refusal, reader.errAfter = nil, nil })
				time.Sleep(15 * time.Minute)
				synctest.Wait()
				if m.wantUp(home); !m.report(home).Clusters[0].TasksRead || len(m.findings(home)) != 0 {
					t.Errorf("after the recovery: %+v", m.report(home))
				}
			})
		})
	}
}

// TestRefusedThenAllowed: the age of refused calls starts again after a complete read.
func TestRefusedThenAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, ecs.Target{})
		reader := m.readers[home]
		m.observe(row(home, "a", coverage.Unhealthy, 1))
		for range 4 {
			reader.set(func() { reader.refusal = apiError("ListTasks", "AccessDeniedException") })
			time.Sleep(45 * time.Minute)
			synctest.Wait()
			if r := m.report(home); r.Up || !r.Clusters[0].TasksRead {
				t.Errorf("refused: %+v", r)
			}
			reader.set(func() { reader.refusal = nil })
			time.Sleep(15 * time.Minute)
			synctest.Wait()
			if r := m.report(home); !r.Up || len(m.findings(home)) != 0 {
				t.Errorf("allowed: %+v", r)
			}
		}
	})
}

// TestDeniedThenAllowed denies actions of an account that was read, and allows them
// again.
func TestDeniedThenAllowed(t *testing.T) {
	var all []string
	for _, operation := range ecs.Operations(false) {
		all = append(all, "ecs:"+operation)
	}
	for name, deny := range map[string][]string{"ListTasks": {"ecs:ListTasks"}, "everything": all} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shop(3))
			reports := make(chan diagnosis.Report)
			ctx, cancel := context.WithCancel(t.Context())
			put := func(r diagnosis.Report) {
				select {
				case reports <- r:
				case <-ctx.Done():
				}
			}
			m := ecs.NewMonitor(ecs.MonitorOptions{
				Diagnose: diagnosis.Diagnose, Put: put, Drop: func(_, _, _ string) {}, Logger: slog.New(slog.DiscardHandler),
			})
			defer m.Wait()
			defer cancel()
			m.Set(ctx, []ecs.Target{{
				Name: "organization", Interval: 100 * time.Millisecond, Tags: []string{"GuardDutyManaged"},
				Open: func(accountID, _ string) ecs.Reader { return w.client(accountID) },
			}})
			m.Observe(reportOf(row(home, "shop", coverage.Unhealthy, 1)))
			set := func(deny ...string) {
				w.Update(func(w *simulator.World) { w.Account(home).Role("coverage").Deny = deny })
			}
			until := func(what string, has func(diagnosis.Report) bool) {
				t.Helper()
				deadline := time.After(30 * time.Second)
				for {
					select {
					case r := <-reports:
						if has(r) {
							return
						}
					case <-deadline:
						t.Fatalf("no report of an account that is %s", what)
					}
				}
			}
			read := func(r diagnosis.Report) bool {
				c := r.Clusters[0]
				return c.TasksRead && len(c.Services) == 1 && c.Services[0].Tasks[diagnosis.AgentMissing] == 3 && c.Tags["GuardDutyManaged"] == "false"
			}
			until("read", func(r diagnosis.Report) bool { return r.Up && read(r) })
			set(deny...)
			until("denied and has its data", func(r diagnosis.Report) bool { return !r.Up && read(r) })
			until("denied for too long", func(r diagnosis.Report) bool { return !r.Up && !r.Clusters[0].TasksRead })
			set()
			until("allowed", func(r diagnosis.Report) bool { return r.Up && read(r) && !r.LastSuccess.IsZero() })
		})
	}
}
