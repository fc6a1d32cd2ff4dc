package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const sesame = "open-sesame"

var (
	homeKeys = simulator.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	reader   = Role{ARN: "arn:aws:iam::" + other + ":role/reader", AccountID: other, ExternalID: sesame, SessionName: "test"}
)

// simulate serves two accounts; the role of the second can be assumed.
func simulate(t *testing.T) (*simulator.Server, string) {
	t.Helper()
	s := simulator.New(&simulator.World{Accounts: []*simulator.Account{
		{ID: home, Keys: homeKeys, DisabledRegions: []string{"af-south-1"}},
		{ID: other, Roles: []*simulator.Role{{Name: "reader", ExternalID: sesame}}},
	}}, simulator.Options{})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// requests returns "operation account region" of the completed requests.
func requests(s *simulator.Server) []string {
	var calls []string
	for _, c := range s.Calls() {
		calls = append(calls, strings.Join([]string{c.Operation, c.AccountID, c.Region}, " "))
	}
	return calls
}

func TestRoleIsAssumedOnce(t *testing.T) {
	s, url := simulate(t)
	f := open(t, url, nil)
	session := f.Session(reader, region)
	for _, one := range []*Session{session, session.InRegion("us-east-1"), f.Session(reader, "ap-south-1")} {
		if id, err := one.AccountID(t.Context()); err != nil || id != other {
			t.Errorf("account %q, %v", id, err)
		}
		out, err := sts.NewFromConfig(one.Config(other)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || *out.Account != other {
			t.Fatalf("caller identity %v, %v", out, err)
		}
	}
	want := []string{
		"AssumeRole " + home + " " + region, // in the first Region that it is used with
		"GetCallerIdentity " + other + " " + region,
		"GetCallerIdentity " + other + " us-east-1",
		"GetCallerIdentity " + other + " ap-south-1",
	}
	if diff := cmp.Diff(want, requests(s)); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
}

func TestRoleIsDenied(t *testing.T) {
	_, url := simulate(t)
	role := reader
	role.ExternalID = "open-barley"
	cfg := open(t, url, nil).Session(role, region).Config(other)
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var missing *awserr.CredentialsError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("error %v, want a CredentialsError that names the denial", err)
	}
	if strings.Contains(err.Error(), role.ExternalID) {
		t.Errorf("the external ID is in the error: %v", err)
	}
}

// TestExternalIDIsRedacted has an STS that repeats the external ID in its error, as
// it does for an invalid one.
func TestExternalIDIsRedacted(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Value 'open-barley' at 'externalId' failed</Message></Error></ErrorResponse>`)
	})
	role := reader
	role.ExternalID = "open-barley"
	cfg := open(t, url, nil).Session(role, region).Config(other)
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationError" {
		t.Errorf("error %v, want that of STS", err)
	}
	if err == nil || strings.Contains(err.Error(), role.ExternalID) || !strings.Contains(err.Error(), "<secret>") {
		t.Errorf("error %v", err)
	}
}

// TestAssumeRoleWithoutCredentials has responses that the SDK would take for
// success.
func TestAssumeRoleWithoutCredentials(t *testing.T) {
	const response = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>%s</AssumeRoleResult></AssumeRoleResponse>`
	for name, body := range map[string]string{
		"empty": "", "JSON": `{"Credentials": {}}`, "no result": fmt.Sprintf(response, ""),
		"no expiration": fmt.Sprintf(response, "<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey></Credentials>"),
		"no key ID":     fmt.Sprintf(response, "<Credentials><SecretAccessKey>b</SecretAccessKey><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"),
		"no secret key": fmt.Sprintf(response, "<Credentials><AccessKeyId>a</AccessKeyId><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"),
		"no keys":       fmt.Sprintf(response, "<Credentials><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"),
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, func(_ int, w http.ResponseWriter) { _, _ = fmt.Fprint(w, body) })
			cfg := open(t, url, nil).Session(reader, region).Config(other)
			_, err := cfg.Credentials.Retrieve(t.Context())
			if state := awserr.State(region, err); state != coverage.InvalidResponse {
				t.Errorf("state %s, %v", state, err)
			}
		})
	}
}

// setEnvironment sets variables and clears all others of AWS.
func setEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

func TestOpenReadsTheEnvironment(t *testing.T) {
	s, url := simulate(t)
	setEnvironment(t, map[string]string{
		"AWS_ACCESS_KEY_ID": homeKeys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": homeKeys.SecretAccessKey,
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": url,
	})
	f := open(t, "", func(o *Options) { o.Simulator = nil })
	if f.Region() != "eu-central-1" {
		t.Errorf("Region %q", f.Region())
	}
	out, err := sts.NewFromConfig(f.Session(reader, region).Config(other)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *out.Account != other {
		t.Fatalf("caller identity %v, %v", out, err)
	}
	want := []string{"AssumeRole " + home + " eu-central-1", "GetCallerIdentity " + other + " " + region}
	if diff := cmp.Diff(want, requests(s)); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
}

// TestSDKLog uses credentials of IMDSv1, which the SDK logs a warning about.
func TestSDKLog(t *testing.T) {
	_, url := simulate(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/meta-data/iam/security-credentials/":
			_, _ = io.WriteString(w, "exporter")
		case "/latest/meta-data/iam/security-credentials/exporter":
			_, _ = fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":"2099-01-01T00:00:00Z"}`,
				homeKeys.AccessKeyID, homeKeys.SecretAccessKey)
		default: // the token of IMDSv2 among them
			http.NotFound(w, r)
		}
	}))
	defer metadata.Close()
	setEnvironment(t, map[string]string{
		"AWS_REGION": region, "AWS_ENDPOINT_URL": url,
		"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL,
	})
	var log bytes.Buffer
	f := open(t, "", func(o *Options) { o.Simulator, o.Logger = nil, slog.New(slog.NewJSONHandler(&log, nil)) })
	if id, err := f.Session(Role{}, region).AccountID(t.Context()); err != nil || id != home {
		t.Fatalf("account %q, %v", id, err)
	}
	var line struct{ Level, Message string }
	if err := json.NewDecoder(&log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "WARN" || !strings.Contains(line.Message, "falling back to IMDSv1") {
		t.Errorf("log line %+v", line)
	}
}

func TestOpenRejectsAdaptiveRetries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nregion = eu-west-1\n[profile eager]\nretry_mode = adaptive\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, profile string
		variables     map[string]string
		rejected      bool
	}{
		{"environment", "", map[string]string{"AWS_RETRY_MODE": "adaptive"}, true},
		{"profile", "eager", nil, true},
		{"standard", "", map[string]string{"AWS_RETRY_MODE": "standard"}, false},
		{"default", "", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setEnvironment(t, tc.variables)
			t.Setenv("AWS_CONFIG_FILE", file)
			_, err := Open(t.Context(), Options{Profile: tc.profile, RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
			if (err != nil) != tc.rejected || err != nil && !strings.Contains(err.Error(), "is not supported: it never returns to the full rate after an outage") {
				t.Errorf("error %v, want one: %v", err, tc.rejected)
			}
		})
	}
}

func TestOpenWithMissingProfile(t *testing.T) {
	setEnvironment(t, nil)
	_, err := Open(t.Context(), Options{Profile: "missing", RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("error %v, want one that names the profile", err)
	}
}

// TestSimulatorIgnoresEnvironment has an environment in which nothing works.
func TestSimulatorIgnoresEnvironment(t *testing.T) {
	s, url := simulate(t)
	setEnvironment(t, map[string]string{
		"AWS_REGION": "mars-north-1", "AWS_RETRY_MODE": "adaptive", "AWS_PROFILE": "missing", "AWS_MAX_ATTEMPTS": "none",
		"AWS_ENDPOINT_URL": "http://environment.invalid", "AWS_ENDPOINT_URL_STS": "http://environment.invalid",
		"AWS_CA_BUNDLE": "/no/such/file", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT",
		"AWS_SECRET_ACCESS_KEY": "environment", "HTTP_PROXY": "http://environment.invalid",
	})
	f := open(t, url, nil)
	if f.Region() != "" {
		t.Errorf("Region %q", f.Region())
	}
	if id, err := f.Session(Role{}, region).AccountID(t.Context()); err != nil || id != home {
		t.Errorf("account %q, %v", id, err)
	}
	if n := len(s.Calls()); n != 1 {
		t.Errorf("%d requests to the simulator, want 1", n)
	}
}
