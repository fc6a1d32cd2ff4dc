package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

const sesame = "open-sesame"

var (
	homeKeys = simulator.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}
	reader   = Role{ARN: "arn:aws:iam::" + other + ":role/reader", ExternalID: sesame, SessionName: "test"}
)

// simulate serves two accounts; the second one's role can be assumed.
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

// asked returns "operation account region" of the calls answered so far.
func asked(s *simulator.Server) []string {
	var calls []string
	for _, c := range s.Calls() {
		calls = append(calls, strings.Join([]string{c.Operation, c.AccountID, c.Region}, " "))
	}
	return calls
}

func TestAccountOfAmbientCredentials(t *testing.T) {
	s, url := simulate(t)
	session := open(t, url, nil).Session(Role{}, region)
	s.SetIntercept(func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.WriteError(w, http.StatusForbidden, "AccessDenied", "not now")
		return true
	})
	if id, err := session.AccountID(t.Context()); err == nil {
		t.Errorf("the account is %s though the call was refused", id)
	}
	s.SetIntercept(nil)
	s.ResetCalls()
	for _, one := range []*Session{session, session, session.In("us-east-1")} {
		if id, err := one.AccountID(t.Context()); err != nil || id != home {
			t.Errorf("the account is %q, %v", id, err)
		}
	}
	if diff := cmp.Diff([]string{"GetCallerIdentity " + home + " " + region}, asked(s)); diff != "" {
		t.Errorf("calls, -want +got:\n%s", diff)
	}
}

func TestAccountIsNotNamed(t *testing.T) {
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		_, _ = fmt.Fprint(w, strings.Replace(identity, home, "", 1))
	})
	if id, err := open(t, url, nil).Session(Role{}, region).AccountID(t.Context()); err == nil {
		t.Errorf("the account is %q, and no error", id)
	}
}

func TestRoleIsAssumedOnce(t *testing.T) {
	s, url := simulate(t)
	f := open(t, url, nil)
	session := f.Session(reader, region)
	for _, one := range []*Session{session, session.In("us-east-1"), f.Session(reader, "ap-south-1")} {
		if id, err := one.AccountID(t.Context()); err != nil || id != other {
			t.Errorf("the account is %q, %v", id, err)
		}
		out, err := sts.NewFromConfig(one.Config(other)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || *out.Account != other {
			t.Fatalf("the caller is of %v, %v", out, err)
		}
	}
	want := []string{
		"AssumeRole " + home + " " + region, // in the Region that it is used with first
		"GetCallerIdentity " + other + " " + region,
		"GetCallerIdentity " + other + " us-east-1",
		"GetCallerIdentity " + other + " ap-south-1",
	}
	if diff := cmp.Diff(want, asked(s)); diff != "" {
		t.Errorf("calls, -want +got:\n%s", diff)
	}
}

func TestRoleIsRefused(t *testing.T) {
	_, url := simulate(t)
	role := reader
	role.ExternalID = "open-barley"
	cfg := open(t, url, nil).Session(role, region).Config(other)
	_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var missing *awserr.CredentialsError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("the error is %v, want one of credentials that names the refusal", err)
	}
	if strings.Contains(err.Error(), role.ExternalID) {
		t.Errorf("the error tells the external ID: %v", err)
	}
}

// TestWhatSTSRepeats has an STS that repeats the external ID, as it does of
// one that it cannot accept.
func TestWhatSTSRepeats(t *testing.T) {
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
		t.Errorf("the error is %v, want STS's", err)
	}
	if err == nil || strings.Contains(err.Error(), role.ExternalID) || !strings.Contains(err.Error(), "<secret>") {
		t.Errorf("the error is %v", err)
	}
}

func TestRoleAccountID(t *testing.T) {
	for arn, want := range map[string]string{"": "", "nonsense": "", reader.ARN: other, "arn:aws-us-gov:iam::" + home + ":role/a/b": home} {
		if got := (Role{ARN: arn}).AccountID(); got != want {
			t.Errorf("the account of %q is %q, want %q", arn, got, want)
		}
	}
}

func TestEnabledRegions(t *testing.T) {
	_, url := simulate(t)
	regions, err := open(t, url, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"us-east-1": true, region: true, "af-south-1": false} {
		if slices.Contains(regions, name) != want {
			t.Errorf("the enabled Regions are %v; want %s there: %v", regions, name, want)
		}
	}
}

func TestEnabledRegionsPages(t *testing.T) {
	pages := map[string]string{ // by the token that asks for them
		"":    `{"Regions": [{"RegionName": "region-1"}], "NextToken": "two"}`,
		"two": `{"Regions": [], "NextToken": "three"}`, "three": `{"Regions": [{"RegionName": "region-2"}], "NextToken": "four"}`,
		"four": `{"Regions": [{"RegionName": "region-3"}], "NextToken": null}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ NextToken string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprint(w, pages[in.NextToken])
	}))
	defer server.Close()
	regions, err := open(t, server.URL, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if diff := cmp.Diff([]string{"region-1", "region-2", "region-3"}, regions); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestEnabledRegionsWithoutEnd(t *testing.T) {
	url, requests := serve(t, func(_ int, w http.ResponseWriter) {
		_, _ = fmt.Fprint(w, `{"Regions": [{"RegionName": "eu-west-1"}], "NextToken": "again"}`)
	})
	regions, err := open(t, url, nil).Session(Role{}, region).EnabledRegions(t.Context())
	if !errors.Is(err, paging.ErrNoEnd) || regions != nil || requests() != 2 {
		t.Errorf("%v, %v after %d requests; want an error after 2", regions, err, requests())
	}
}

// TestCallsAreBounded asks a server that never answers.
func TestCallsAreBounded(t *testing.T) {
	release := make(chan struct{})
	url, _ := serve(t, func(int, http.ResponseWriter) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := open(t, url, nil).Session(Role{}, region).AccountID(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v, want the deadline's", err)
	}
}

// setEnvironment makes the environment hold nothing of AWS but this.
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
		t.Errorf("the Region is %q", f.Region())
	}
	out, err := sts.NewFromConfig(f.Session(reader, region).Config(other)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *out.Account != other {
		t.Fatalf("the caller is of %v, %v", out, err)
	}
	want := []string{"AssumeRole " + home + " eu-central-1", "GetCallerIdentity " + other + " " + region}
	if diff := cmp.Diff(want, asked(s)); diff != "" {
		t.Errorf("calls, -want +got:\n%s", diff)
	}
}

// TestTheSDKLogsInOurFormat has credentials from a metadata service of the first
// version, which the SDK warns of.
func TestTheSDKLogsInOurFormat(t *testing.T) {
	_, url := simulate(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/latest/meta-data/iam/security-credentials/":
			_, _ = io.WriteString(w, "exporter")
		case "/latest/meta-data/iam/security-credentials/exporter":
			_, _ = fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":"2099-01-01T00:00:00Z"}`,
				homeKeys.AccessKeyID, homeKeys.SecretAccessKey)
		default: // the token of the second version among them
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
		t.Fatalf("the account is %q, %v", id, err)
	}
	var line struct{ Level, Message string }
	if err := json.NewDecoder(&log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	if line.Level != "WARN" || !strings.Contains(line.Message, "falling back to IMDSv1") {
		t.Errorf("the line is %+v", line)
	}
}

func TestOpenRefusesAdaptiveRetries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nregion = eu-west-1\n[profile eager]\nretry_mode = adaptive\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, profile string
		variables     map[string]string
		refused       bool
	}{
		{"by the environment", "", map[string]string{"AWS_RETRY_MODE": "adaptive"}, true},
		{"by a profile", "eager", nil, true},
		{"standard", "", map[string]string{"AWS_RETRY_MODE": "standard"}, false},
		{"nothing said", "", nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setEnvironment(t, tc.variables)
			t.Setenv("AWS_CONFIG_FILE", file)
			_, err := Open(t.Context(), Options{Profile: tc.profile, RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
			if (err != nil) != tc.refused || err != nil && !strings.Contains(err.Error(), "is not supported: after an outage it never sends at full rate again") {
				t.Errorf("the error is %v, want one: %v", err, tc.refused)
			}
		})
	}
}

func TestOpenWithoutTheProfile(t *testing.T) {
	setEnvironment(t, nil)
	_, err := Open(t.Context(), Options{Profile: "missing", RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("the error is %v, want one that names the profile", err)
	}
}

// TestSimulatorKeepsOutOfTheEnvironment has an environment in which nothing works.
func TestSimulatorKeepsOutOfTheEnvironment(t *testing.T) {
	s, url := simulate(t)
	setEnvironment(t, map[string]string{
		"AWS_REGION": "mars-north-1", "AWS_RETRY_MODE": "adaptive", "AWS_PROFILE": "missing", "AWS_MAX_ATTEMPTS": "none",
		"AWS_ENDPOINT_URL": "http://environment.invalid", "AWS_ENDPOINT_URL_STS": "http://environment.invalid",
		"AWS_CA_BUNDLE": "/no/such/file", "AWS_USE_FIPS_ENDPOINT": "true", "AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT",
		"AWS_SECRET_ACCESS_KEY": "environment", "HTTP_PROXY": "http://environment.invalid",
	})
	f := open(t, url, nil)
	if f.Region() != "" {
		t.Errorf("the Region is %q", f.Region())
	}
	if id, err := f.Session(Role{}, region).AccountID(t.Context()); err != nil || id != home {
		t.Errorf("the account is %q, %v", id, err)
	}
	if n := len(s.Calls()); n != 1 {
		t.Errorf("%d calls reached the simulator, want 1", n)
	}
}
