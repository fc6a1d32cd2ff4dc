package simulator_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const (
	region        = "us-east-1"
	administrator = "111122223333"
	memberID      = "222233334444"
	outsider      = "333344445555"
	detectorID    = "12abc34d567e8fa901bc2d34e56789f0"
	otherDetector = "00000000000000000000000000000001"
)

// keysOf returns the long-term key of an account of smallWorld.
func keysOf(account string) simulator.Keys {
	return simulator.Keys{AccessKeyID: "AKIA" + account + "TEST", SecretAccessKey: "secret/of+" + account}
}

// smallWorld returns an administrator with one member, and an account outside.
func smallWorld() *simulator.World {
	changed := time.Date(2026, 5, 4, 3, 2, 1, 500e6, time.UTC)
	return &simulator.World{Accounts: []*simulator.Account{
		{
			ID: administrator, Email: "security@example.com", Keys: keysOf(administrator),
			DisabledRegions: []string{"me-south-1"},
			Detectors:       []*simulator.Detector{{Region: region, ID: detectorID, Members: []string{memberID}, CreatedAt: changed}},
			Clusters: []*simulator.Cluster{
				{Region: region, Name: "alpha", ManagementType: "AUTO_MANAGED", UpdatedAt: changed},
				{Region: region, Name: "bravo", Covered: 2, Compatible: 3, UpdatedAt: changed.Add(time.Hour)},
				{Region: "eu-west-1", Name: "elsewhere"},
			},
		},
		{
			ID: memberID, Email: "member@example.com", Keys: keysOf(memberID),
			Detectors: []*simulator.Detector{{Region: region, ID: otherDetector}},
			Roles: []*simulator.Role{
				{Name: "service/coverage", ExternalID: "open-sesame"},
				{Name: "plain", Deny: []string{"guardduty:ListCoverage"}},
				{Name: "brief", Duration: time.Second},
				{Name: "broken", Broken: true},
			},
			Clusters: []*simulator.Cluster{{
				Region: region, Name: "charlie", Issue: "Agent exited", Issues: []string{"Others: <first>", "second"},
				ManagementType: "AUTO_MANAGED", UpdatedAt: changed.Add(-time.Hour),
			}},
		},
		{ID: outsider, Keys: keysOf(outsider)},
	}}
}

// serve returns a server of w and its URL. It is closed at the end of the test.
func serve(t testing.TB, w *simulator.World, o simulator.Options) (*simulator.Server, string) {
	t.Helper()
	s := simulator.New(w, o)
	ts := httptest.NewServer(s)
	t.Cleanup(ts.Close)
	return s, ts.URL
}

// awsConfig returns a configuration of the SDK with an account's long-term key
// and no retries.
func awsConfig(url, account string) aws.Config {
	k := keysOf(account)
	return aws.Config{
		Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
	}
}

func guarddutyClient(url, account string) *guardduty.Client {
	return guardduty.NewFromConfig(awsConfig(url, account))
}

// errorCode returns AWS's code of an error of the SDK.
func errorCode(t *testing.T, err error) string {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("error %v is not one of the API", err)
	}
	return api.ErrorCode()
}

// rawCall is a request without the SDK's client, signed with an account's key.
type rawCall struct {
	method, path, body string
	service, region    string // of the signature; guardduty and us-east-1 by default
	keys               simulator.Keys
	token              string
	signedAt           time.Time
	modify             func(*http.Request) // changes the signed request
}

// rawResponse is the response of a rawCall.
type rawResponse struct {
	status int
	header http.Header
	body   string
}

func (c rawCall) do(t *testing.T, url string) rawResponse {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.signedAt.IsZero() {
		c.signedAt = time.Now()
	}
	service, scope, keys := c.service, c.region, c.keys
	if keys == (simulator.Keys{}) {
		keys = keysOf(administrator)
	}
	if service == "" {
		service = "guardduty"
	}
	if scope == "" {
		scope = region
	}
	sum := sha256.Sum256([]byte(c.body))
	creds := aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: c.token}
	err = v4.NewSigner().SignHTTP(context.WithoutCancel(t.Context()), creds, r, hex.EncodeToString(sum[:]), service, scope, c.signedAt)
	if err != nil {
		t.Fatal(err)
	}
	if c.modify != nil {
		c.modify(r)
	}
	return send(t, r)
}

func send(t *testing.T, r *http.Request) rawResponse {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return rawResponse{status: response.StatusCode, header: response.Header, body: string(bytes.TrimSpace(body))}
}
