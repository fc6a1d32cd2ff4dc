package app

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func zzWorld(members int) *simulator.World {
	w := ecsWorld()
	for i := range members {
		id := fmt.Sprintf("5%011d", i)
		w.Accounts[0].Detectors[0].Members = append(w.Accounts[0].Detectors[0].Members, id)
		a := &simulator.Account{ID: id, Name: "m", ECSSetting: "enabled", Detectors: []*simulator.Detector{{Region: "us-east-1"}},
			Roles: []*simulator.Role{{Name: "guardduty-coverage-ecs", ExternalID: "an-external-id-of-ecs"}}}
		for k := range 3 {
			c := unhealthy(fmt.Sprintf("c%d", k), "Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - 'payments:7'. Refer documentation")
			c.Services = []*simulator.Service{{Name: "web", TaskDefinition: "web:1", CreatedAt: then}}
			for range 5 {
				c.Tasks = append(c.Tasks, &simulator.Task{Service: "web", CreatedAt: then})
			}
			a.Clusters = append(a.Clusters, c)
		}
		a.TaskDefinitions = []*simulator.TaskDefinition{{Region: "us-east-1", Family: "web", Revision: 1, ExecutionRole: "x"}}
		w.Accounts = append(w.Accounts, a)
	}
	return w
}

const zzConfig = `refresh: {interval: 1s, timeout: 900ms, max_staleness: 5s}
aws: {requests_per_second: 1000}
targets:
  - name: org
    regions: [us-east-1]
    members: true
    ecs: {role_arn: "arn:aws:iam::{account_id}:role/guardduty-coverage-ecs", external_id: an-external-id-of-ecs, scope: %s, interval: 1m, tags: [%s]}
  - name: member
    role_arn: arn:aws:iam::222233334444:role/guardduty-coverage
    external_id: an-external-id
    regions: [us-east-1]
    ecs: {role_arn: "arn:aws:iam::{account_id}:role/%s", external_id: an-external-id-of-ecs, scope: all, interval: 1m, tags: [cost-center]}
`

var zzLine = regexp.MustCompile(`^([a-z_]+)(\{.*\})? (\S+)$`)

func zzCheck(t *testing.T, page string) {
	seen := map[string]bool{}
	for _, line := range strings.Split(page, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if seen[line[:i]] {
			t.Errorf("duplicate %s", line)
		}
		seen[line[:i]] = true
		if len(line) > 1500 {
			t.Errorf("long %s", line)
		}
	}
	if strings.Contains(page, "an-external-id") || strings.Contains(page, "FwoG") {
		t.Error("secret")
	}
}

func TestZZChaos(t *testing.T) {
	aws := simulator.New(zzWorld(30), simulator.Options{})
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(1, 2))
	n := func(k int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(k) }
	chaos := true
	aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		on := chaos
		mu.Unlock()
		if !on || c.Service != "ecs" && c.Operation != "AssumeRole" || n(10) > 3 {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch n(8) {
		case 0:
			select {
			case <-r.Context().Done():
			case <-time.After(2 * time.Second):
			}
		case 1:
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"ThrottlingException","message":"x"}`)
		case 2:
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"AccessDeniedException","message":"x"}`)
		case 3:
			w.WriteHeader(500)
		case 4:
			io.WriteString(w, `{"clusters":null,"tasks":null,"failures":null,"taskArns":null}`)
		case 5:
			io.WriteString(w, `{`)
		case 6:
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"ClusterNotFoundException","message":"x"}`)
		case 7:
			panic(http.ErrAbortHandler)
		}
		return true
	})
	e := startWith(t, aws, fmt.Sprintf(zzConfig, "all", "team", "guardduty-coverage-ecs"))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(d time.Duration, f func(i int)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(d):
					f(i)
				}
			}
		})
	}
	loop(200*time.Millisecond, func(i int) {
		aws.Update(func(w *simulator.World) {
			a := w.Accounts[3+n(len(w.Accounts)-3)]
			switch n(5) {
			case 0:
				c := a.Clusters[n(3)]
				if c.Status == "HEALTHY" {
					c.Status = "UNHEALTHY"
				} else {
					c.Status = "HEALTHY"
				}
				c.UpdatedAt = time.Now()
			case 1:
				c := a.Clusters[n(3)]
				c.Deleted = !c.Deleted
			case 2:
				c := a.Clusters[n(3)]
				c.Unlisted = !c.Unlisted
			case 3:
				m := &w.Accounts[0].Detectors[0].Members
				if n(2) == 0 && len(*m) > 5 {
					*m = (*m)[:len(*m)-1]
				} else {
					has := map[string]bool{}
					for _, x := range *m {
						has[x] = true
					}
					for _, a := range w.Accounts[1:] {
						if !has[a.ID] {
							*m = append(*m, a.ID)
						}
					}
				}
			case 4:
				a.Clusters[n(3)].Tasks = a.Clusters[n(3)].Tasks[:n(3)]
			}
		})
	})
	loop(700*time.Millisecond, func(i int) {
		e.setConfig(fmt.Sprintf(zzConfig, []string{"all", "unhealthy"}[i%2], []string{"team", "team, cost-center", "\"\""[:0]}[i%3], []string{"guardduty-coverage-ecs", "guardduty-coverage-ecs", "nosuch"}[i%3]))
		if s, b := e.request(http.MethodPost, "/-/reload"); s != 200 {
			t.Errorf("reload %d %s", s, b)
		}
	})
	loop(50*time.Millisecond, func(i int) { zzCheck(t, e.metrics()) })
	time.Sleep(25 * time.Second)
	close(stop)
	wg.Wait()
	mu.Lock()
	chaos = false
	mu.Unlock()
	aws.Update(func(w *simulator.World) {
		w.Accounts[0].Detectors[0].Members = []string{member, "500000000000"}
		for _, a := range w.Accounts {
			for _, c := range a.Clusters {
				c.Deleted, c.Unlisted, c.Status, c.UpdatedAt = false, false, "HEALTHY", time.Now()
			}
		}
	})
	e.setConfig(fmt.Sprintf(zzConfig, "unhealthy", "team, owner", "guardduty-coverage-ecs"))
	if s, b := e.request(http.MethodPost, "/-/reload"); s != 200 {
		t.Errorf("reload %d %s", s, b)
	}
	time.Sleep(6 * time.Second)
	page := e.metrics()
	zzCheck(t, page)
	for _, l := range strings.Split(page, "\n") {
		if strings.HasPrefix(l, "guardduty_ecs_account_up") || strings.HasPrefix(l, "guardduty_ecs_service_cause") || strings.Contains(l, "unhealthy_since") || strings.HasPrefix(l, "guardduty_target_up") {
			t.Log(l)
		}
	}
	start := time.Now()
	if err := e.stop(); err != nil {
		t.Error(err)
	}
	t.Log("stop", time.Since(start), "goroutines", runtime.NumGoroutine())
	if log := e.log.String(); strings.Contains(log, "an-external-id") || strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
		t.Error("secret or panic in log")
	} else {
		t.Log("log bytes", len(log))
	}
}
