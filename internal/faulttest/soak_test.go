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

// soakFaults returns the responses to all calls in each Region; nil for those
// of the simulator.
func soakFaults() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"us-east-1":      nil,
		"us-east-2":      errorResponse(500, "InternalServerErrorException", "Try again."),
		"us-west-1":      errorResponse(400, "ThrottlingException", "Rate exceeded"),
		"us-west-2":      accessDenied,
		"eu-west-1":      truncatedJSON,
		"eu-west-2":      cutBody,
		"eu-west-3":      hang,
		"eu-north-1":     endlessPages(func(int64) string { return "again" }),
		"ap-northeast-1": expiredToken,
	}
}

// TestSoak repeats refreshes that succeed and refreshes that fail in
// several ways, a thousand of each with -full. Neither the heap nor the number
// of goroutines may grow.
func TestSoak(t *testing.T) {
	if shortOnly() {
		t.Skip("takes long")
	}
	cycles := 100
	if *full {
		cycles = 1000
	}
	s := newSoak(t)
	s.wait(t, cycles/2) // until pools and quotas have reached their limits
	before := s.measure()
	s.wait(t, cycles)
	after := s.measure()
	t.Logf("%d refreshes of each of %d targets: heap %d → %d KiB, goroutines %d → %d",
		cycles, len(s.faults), before.heap>>10, after.heap>>10, before.goroutines, after.goroutines)
	if after.heap > before.heap+1<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, after.heap)
	}
	if after.goroutines > before.goroutines+cycles/3 { // the number of connections varies
		t.Errorf("the number of goroutines grew from %d to %d", before.goroutines, after.goroutines)
	}
	if failed := s.failed(); failed > cycles/2 {
		t.Errorf("%d refreshes without a fault failed", failed)
	}
}

// soak continuously refreshes one target for each fault.
type soak struct {
	aws    *simulator.Server
	store  store.Store
	faults map[string]http.HandlerFunc

	mu        sync.Mutex
	refreshes map[string]int // by Region
	failures  int            // of the target without a fault
}

// soakPace returns settings for continuous refreshes.
func soakPace() refresh.Settings {
	pace := refresh.Settings{Interval: 20 * time.Millisecond, Timeout: 17 * time.Millisecond, MaxStaleness: time.Hour}
	if raceEnabled {
		pace.Interval, pace.Timeout = 80*time.Millisecond, 75*time.Millisecond
	}
	return pace
}

func newSoak(t *testing.T) *soak {
	s := &soak{refreshes: map[string]int{}, faults: soakFaults()}
	account := &simulator.Account{ID: homeAccount, Keys: simulator.Keys{AccessKeyID: homeKeyID, SecretAccessKey: homeSecret}, Roles: []*simulator.Role{{Name: "coverage"}}}
	for region := range s.faults {
		account.Detectors = append(account.Detectors, &simulator.Detector{Region: region})
		account.Clusters = append(account.Clusters, clusters(region, 3)...)
	}
	s.aws = simulator.New(&simulator.World{Accounts: []*simulator.Account{account}}, simulator.Options{
		Intercept: func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
			response := s.faults[c.Region]
			if response == nil || c.Service != "guardduty" {
				return false
			}
			response(w, r)
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

// targets returns a target for each Region, all with one role.
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
	role := factory.Session(session.Role{ARN: roleARN(homeAccount), SessionName: "soak"}, healthyRegion)
	var targets []refresh.Target
	for region := range s.faults {
		in := role.InRegion(region)
		client := guardduty.NewClient(guardduty.Options{
			Region: region, AccountID: in.AccountID, Config: in.Config, Logger: slog.New(slog.DiscardHandler), Types: []coverage.ResourceType{coverage.ECS},
		})
		targets = append(targets, refresh.Target{Name: "soak", Region: region, Source: client})
	}
	return targets
}

// put counts the refreshes.
func (s *soak) put(r coverage.Report) {
	s.store.Put(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes[r.Target.Region]++
	if s.faults[r.Target.Region] == nil && r.State != coverage.OK {
		s.failures++
	}
}

func (s *soak) failed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures
}

// fewest returns the smallest number of refreshes of a target.
func (s *soak) fewest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := math.MaxInt
	for region := range s.faults {
		n = min(n, s.refreshes[region])
	}
	return n
}

// wait waits until every target has been refreshed so many more times.
func (s *soak) wait(t *testing.T, cycles int) {
	t.Helper()
	until := s.fewest() + cycles
	for deadline := time.Now().Add(5 * time.Minute); s.fewest() < until; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d refreshes", s.fewest(), until)
		}
	}
}

// size has the values that must not grow.
type size struct {
	heap       uint64
	goroutines int
}

func (s *soak) measure() size {
	s.aws.ResetCalls() // they are the simulator's memory
	runtime.GC()
	debug.FreeOSMemory() // collects what finalizers and pools have freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return size{m.HeapAlloc, runtime.NumGoroutine()}
}
