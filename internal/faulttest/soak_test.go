package faulttest

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/refresh"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/store"
)

// soaked are the faults, by Region, that the refreshes of TestNothingGrows
// meet; where there is none, they succeed.
func soaked() map[string]answer {
	return map[string]answer{
		"us-east-1":      nil,
		"us-east-2":      refusal(500, "InternalServerErrorException", "Try again."),
		"us-west-1":      refusal(400, "ThrottlingException", "Rate exceeded"),
		"us-west-2":      accessDenied,
		"eu-west-1":      ok(`{"resources":[{"resourceId":"`),
		"eu-west-2":      cut,
		"eu-west-3":      hang,
		"eu-north-1":     tokens(func(int64) string { return "again" }),
		"ap-northeast-1": refusal(403, "ExpiredTokenException", "The security token included in the request is expired"),
	}
}

// TestNothingGrows lets refreshes that succeed, and others that fail in each
// of several ways, go on side by side: a thousand of each with -full. Neither
// the heap nor the number of goroutines may grow.
func TestNothingGrows(t *testing.T) {
	if brief() {
		t.Skip("takes its time")
	}
	cycles := 100
	if *full {
		cycles = 1000
	}
	s := newSoak(t)
	s.after(t, cycles/2) // until pools and quotas are as full, and as empty, as they get
	before := s.measure()
	s.after(t, cycles)
	after := s.measure()
	t.Logf("%d refreshes of each of %d targets: heap %d → %d KiB, goroutines %d → %d",
		cycles, len(s.faults), before.heap>>10, after.heap>>10, before.goroutines, after.goroutines)
	if after.heap > before.heap+1<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", before.heap, after.heap)
	}
	if after.goroutines > before.goroutines+cycles/3 { // connections come and go
		t.Errorf("the goroutines have grown from %d to %d", before.goroutines, after.goroutines)
	}
	if failed := s.failed(); failed > cycles/2 {
		t.Errorf("%d refreshes that nothing disturbed have failed", failed)
	}
}

// soak refreshes a target for each of the faults, as fast as it can.
type soak struct {
	aws    *simulator.Server
	store  store.Store
	faults map[string]answer

	mu       sync.Mutex
	done     map[string]int // by Region
	failures int            // of the target without a fault
}

// soakPace is as fast as the machine allows.
func soakPace() refresh.Settings {
	pace := refresh.Settings{Interval: 20 * time.Millisecond, Timeout: 17 * time.Millisecond, MaxStaleness: time.Hour}
	if raced {
		pace.Interval, pace.Timeout = 80*time.Millisecond, 75*time.Millisecond
	}
	return pace
}

func newSoak(t *testing.T) *soak {
	s := &soak{done: map[string]int{}, faults: soaked()}
	account := &simulator.Account{ID: homeAccount, Keys: simulator.Keys{AccessKeyID: homeKeyID, SecretAccessKey: homeSecret}, Roles: []*simulator.Role{{Name: "coverage"}}}
	for region := range s.faults {
		account.Detectors = append(account.Detectors, &simulator.Detector{Region: region})
		account.Clusters = append(account.Clusters, clusters(region, 3)...)
	}
	s.aws = simulator.New(&simulator.World{Accounts: []*simulator.Account{account}}, simulator.Options{
		Intercept: func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
			answer := s.faults[c.Region]
			if answer == nil || c.Service != "guardduty" {
				return false
			}
			answer(w, r)
			return true
		},
	})
	server := httptest.NewServer(s.aws)
	t.Cleanup(server.Close)
	refresher := refresh.New(refresh.Options{
		Put: s.put, Drop: func(t coverage.TargetID) { s.store.Drop(t) }, Metrics: refresh.NewMetrics(nil), Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		refresher.Wait()
		server.CloseClientConnections()
	})
	refresher.Set(ctx, soakPace(), s.targets(t, server.URL))
	return s
}

// targets makes a target of each Region, with one role.
func (s *soak) targets(t *testing.T, endpoint string) []refresh.Target {
	factory, err := session.Open(t.Context(), session.Options{
		RequestsPerSecond: 1000,
		Simulator:         &session.Simulator{Endpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider(homeKeyID, homeSecret, "")},
		Metrics:           session.NewMetrics(nil),
		Logger:            slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	role := factory.Session(session.Role{ARN: roleARN(homeAccount), SessionName: "soak"}, sibling)
	var targets []refresh.Target
	for region := range s.faults {
		in := role.In(region)
		client := guardduty.NewClient(guardduty.Options{
			Region: region, AccountID: in.AccountID, Config: in.Config, Logger: slog.New(slog.DiscardHandler), Types: []coverage.ResourceType{coverage.ECS},
		})
		targets = append(targets, refresh.Target{Name: "soak", Region: region, Read: client.Read})
	}
	return targets
}

// put takes what a refresh has come to.
func (s *soak) put(r coverage.Report) {
	s.store.Put(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[r.Target.Region]++
	if s.faults[r.Target.Region] == nil && r.State != coverage.OK {
		s.failures++
	}
}

func (s *soak) failed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures
}

// least is how many refreshes the target with the fewest has made.
func (s *soak) least() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := math.MaxInt
	for region := range s.faults {
		n = min(n, s.done[region])
	}
	return n
}

// after waits until every target has made so many refreshes more.
func (s *soak) after(t *testing.T, cycles int) {
	t.Helper()
	until := s.least() + cycles
	for deadline := time.Now().Add(5 * time.Minute); s.least() < until; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d of %d refreshes", s.least(), until)
		}
	}
}

// size is what must not grow.
type size struct {
	heap       uint64
	goroutines int
}

func (s *soak) measure() size {
	s.aws.ResetCalls() // what the simulator remembers is not the exporter's
	runtime.GC()
	debug.FreeOSMemory() // collects once more, what finalizers and pools have let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return size{m.HeapAlloc, runtime.NumGoroutine()}
}
