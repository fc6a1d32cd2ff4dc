package session

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const (
	home   = "111122223333"
	other  = "444455556666"
	region = "eu-west-1"
)

// open returns a factory that sends all requests to an endpoint.
func open(t *testing.T, endpoint string, change func(*Options)) *Factory {
	t.Helper()
	o := Options{
		RequestsPerSecond: 1000,
		Simulator:         &Simulator{Endpoint: endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "")},
		Metrics:           NewMetrics(nil),
		Logger:            slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	f, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// serve starts a server with a handler that gets the number of the request, from 0 on.
func serve(t *testing.T, handle func(n int, w http.ResponseWriter)) (url string, requests func() int) {
	t.Helper()
	var mu sync.Mutex
	count := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		n := count
		count++
		mu.Unlock()
		handle(n, w)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

// withoutBackoff returns a retryer with next to no backoff.
func withoutBackoff(r aws.Retryer) aws.Retryer {
	return retry.AddWithMaxBackoffDelay(r, time.Microsecond)
}

func accountClient(cfg aws.Config) *account.Client {
	return account.NewFromConfig(cfg, func(o *account.Options) { o.Retryer = withoutBackoff(o.Retryer) })
}

func stsClient(cfg aws.Config) *sts.Client {
	return sts.NewFromConfig(cfg, func(o *sts.Options) { o.Retryer = withoutBackoff(o.Retryer) })
}

const callerIdentity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
	`<Account>` + home + `</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

// fakeClient is an HTTP client for tests with fake time.
type fakeClient struct {
	latency time.Duration
	status  func(n int) int // of the n-th response, from 0 on; nil for 200

	mu   sync.Mutex
	sent []time.Time
}

func (n *fakeClient) Do(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	status := http.StatusOK
	if n.status != nil {
		status = n.status(len(n.sent))
	}
	n.sent = append(n.sent, time.Now())
	n.mu.Unlock()
	select {
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	case <-time.After(n.latency):
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(callerIdentity)), Request: r,
	}, nil
}

// family returns the metrics of a family by their label values, in the order of
// the label names.
func family(t *testing.T, registry *prometheus.Registry, name string) map[string]*dto.Metric {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dto.Metric{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, metric := range f.GetMetric() {
			var values []string
			for _, label := range metric.GetLabel() {
				values = append(values, label.GetValue())
			}
			found[strings.Join(values, " ")] = metric
		}
	}
	return found
}
