package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// TestEndpoint finds endpoints as the SDK does, without a request.
func TestEndpoint(t *testing.T) {
	for name, tc := range map[string]struct {
		environment map[string]string
		sts, sqs    string
	}{
		"default": {nil, "https://sts.eu-west-1.amazonaws.com", "https://sqs.eu-west-1.amazonaws.com"},
		"FIPS and dual-stack": {
			map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_REGION": "us-east-1"},
			"https://sts-fips.us-east-1.api.aws", "https://sqs-fips.eu-west-1.api.aws",
		},
		"of one service": {
			map[string]string{"AWS_ENDPOINT_URL_SQS": "https://vpce-1.example:8443/path"},
			"https://sts.eu-west-1.amazonaws.com", "https://vpce-1.example:8443",
		},
		"of all services": {map[string]string{"AWS_ENDPOINT_URL": "http://localhost:1"}, "http://localhost:1", "http://localhost:1"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, tc.environment)
			f, err := Open(t.Context(), Options{RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			s := f.Session(Role{}, "eu-west-1")
			if got, err := s.STSEndpoint(t.Context()); got != tc.sts || err != nil {
				t.Errorf("STS: got %s, %v, want %s", got, err, tc.sts)
			}
			got, err := s.Endpoint(t.Context(), func(ctx context.Context, cfg aws.Config) error {
				_, err := sqs.NewFromConfig(cfg).ListQueues(ctx, &sqs.ListQueuesInput{})
				return err
			})
			if got != tc.sqs || err != nil {
				t.Errorf("SQS: got %s, %v, want %s", got, err, tc.sqs)
			}
		})
	}
}

// TestContact checks what one request shows, which has no credentials.
func TestContact(t *testing.T) {
	date := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Date", date.Format(http.TimeFormat))
		w.Header().Set("Location", "http://127.0.0.1:1")
		w.WriteHeader(http.StatusFound) // as STS does; it is not followed
	}))
	defer server.Close()
	f, err := Open(t.Context(), Options{
		Simulator: &Simulator{Endpoint: server.URL, Credentials: aws.AnonymousCredentials{}}, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Contact(t.Context(), server.URL)
	if err != nil || !c.Date.Equal(date) || time.Since(c.Local) > time.Minute || c.TLS != "" || c.Proxy != "" {
		t.Errorf("got %+v, %v", c, err)
	}
	server.Close()
	if _, err := f.Contact(t.Context(), server.URL); err == nil {
		t.Error("no error of a closed server")
	}
}
