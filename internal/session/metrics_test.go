package session

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// counters returns the values of a family of counters.
func counters(t *testing.T, m *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for labels, metric := range family(t, m, name) {
		values[labels] = metric.GetCounter().GetValue()
	}
	return values
}

func TestAttemptsAreCounted(t *testing.T) {
	url, _ := serve(t, func(n int, w http.ResponseWriter) {
		time.Sleep(time.Millisecond) // the least duration
		switch n {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			_, _ = fmt.Fprint(w, `{"Regions": []}`)
		case 3:
			w.WriteHeader(http.StatusForbidden)
		default:
			_, _ = fmt.Fprint(w, callerIdentity)
		}
	})
	metrics := prometheus.NewPedanticRegistry()
	cfg := open(t, url, func(o *Options) { o.Metrics = NewMetrics(metrics) }).Session(Role{}, region).Config(home)
	if _, err := accountClient(cfg).ListRegions(t.Context(), &account.ListRegionsInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := accountClient(cfg).ListRegions(t.Context(), &account.ListRegionsInput{}); err == nil {
		t.Fatal("the denied call succeeded")
	}
	if _, err := stsClient(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}

	// The labels are aws_service, operation, reason and region.
	wantRequests := map[string]float64{"Account ListRegions eu-west-1": 4, "STS GetCallerIdentity eu-west-1": 1}
	if diff := cmp.Diff(wantRequests, counters(t, metrics, "guardduty_exporter_aws_requests_total")); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
	wantFailures := map[string]float64{
		"Account ListRegions error eu-west-1":     1,
		"Account ListRegions throttled eu-west-1": 1,
		"Account ListRegions denied eu-west-1":    1,
	}
	if diff := cmp.Diff(wantFailures, counters(t, metrics, "guardduty_exporter_aws_request_failures_total")); diff != "" {
		t.Errorf("failures, -want +got:\n%s", diff)
	}
	for labels, requests := range wantRequests {
		h := family(t, metrics, "guardduty_exporter_aws_request_duration_seconds")[labels].GetHistogram()
		if h.GetSampleCount() != uint64(requests) || h.GetSampleSum() < requests/1000 {
			t.Errorf("%s: %d durations, sum %v s", labels, h.GetSampleCount(), h.GetSampleSum())
		}
	}
}

func TestUnreachableEndpointIsAFailure(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	metrics := prometheus.NewPedanticRegistry()
	cfg := open(t, url, func(o *Options) { o.Metrics = NewMetrics(metrics) }).Session(Role{}, region).Config(home)
	if _, err := stsClient(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err == nil {
		t.Fatal("a call without a response succeeded")
	}
	got := counters(t, metrics, "guardduty_exporter_aws_request_failures_total")
	if diff := cmp.Diff(map[string]float64{"STS GetCallerIdentity unreachable eu-west-1": 3}, got); diff != "" {
		t.Errorf("failures, -want +got:\n%s", diff)
	}
}

// TestDurationExcludesWaits has attempts that wait for the rate limit and between
// retries.
func TestDurationExcludesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		metrics := prometheus.NewPedanticRegistry()
		f := open(t, "http://simulator.invalid", func(o *Options) { o.Metrics, o.RequestsPerSecond = NewMetrics(metrics), 0.1 })
		f.base.HTTPClient = &fakeClient{latency: time.Second, status: func(n int) int { return []int{500, 500, 200}[n] }}
		client := sts.NewFromConfig(f.Session(Role{}, region).Config(home))
		if _, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		var h *dto.Histogram
		for _, metric := range family(t, metrics, "guardduty_exporter_aws_request_duration_seconds") {
			h = metric.GetHistogram()
		}
		if h.GetSampleCount() != 3 || h.GetSampleSum() != 3 {
			t.Errorf("%d requests, sum %v s, want 3 and 3 s", h.GetSampleCount(), h.GetSampleSum())
		}
	})
}

// TestInit checks that an operation has a counter of requests, and one of failures
// for each state but ok.
func TestInit(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	NewMetrics(registry).Init(Operation{"STS", "AssumeRole", region})
	if diff := cmp.Diff(map[string]float64{"STS AssumeRole eu-west-1": 0}, counters(t, registry, "guardduty_exporter_aws_requests_total")); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
	want := map[string]float64{}
	for _, state := range coverage.States() {
		if state != coverage.OK {
			want["STS AssumeRole "+string(state)+" eu-west-1"] = 0
		}
	}
	if diff := cmp.Diff(want, counters(t, registry, "guardduty_exporter_aws_request_failures_total")); diff != "" {
		t.Errorf("failures, -want +got:\n%s", diff)
	}
}
