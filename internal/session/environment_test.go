package session

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/account"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// openEnvironment opens the sessions of the environment.
func openEnvironment(t *testing.T) error {
	t.Helper()
	_, err := Open(t.Context(), Options{RequestsPerSecond: 1, Metrics: NewMetrics(nil), Logger: slog.New(slog.DiscardHandler)})
	return err
}

func TestOpenRejectsInvalidRegions(t *testing.T) {
	for region, valid := range map[string]bool{
		"us-east-1": true, "us-gov-west-1": true, "": true,
		"us-east-1a": false, "US-EAST-1": false, "us-east": false, "mars-north-1": false, "all": false,
	} {
		setEnvironment(t, map[string]string{"AWS_REGION": region})
		if err := openEnvironment(t); (err == nil) != valid || err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q, is not an AWS Region", region)) {
			t.Errorf("%q: %v", region, err)
		}
	}
}

// TestOpenRejectsInvalidEndpoints has endpoints with a password, which must not be
// in the error.
func TestOpenRejectsInvalidEndpoints(t *testing.T) {
	for endpoint, valid := range map[string]bool{
		"http://127.0.0.1:4566": true, "https://user:hunter2@proxy.example": true, "": true,
		"http://user:hunter2@proxy.example:port": false, "http://user:hunter2 @proxy.example": false,
		"user:hunter2@proxy.example": false, "http://%zz:hunter2@proxy": false, "ftp://user:hunter2@proxy": false, "proxy": false,
	} {
		for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_GUARDDUTY", "AWS_ENDPOINT_URL_STS"} {
			setEnvironment(t, map[string]string{"AWS_REGION": region, name: endpoint})
			err := openEnvironment(t)
			if (err == nil) != valid {
				t.Errorf("%s=%q: %v", name, endpoint, err)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), name)) {
				t.Errorf("%s: %v", name, err)
			}
			t.Setenv(name, "")
		}
	}
}

// TestEndpointOfOwnSTSClients has credentials that the SDK gets from STS with
// clients that it makes itself.
func TestEndpointOfOwnSTSClients(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, variables := range map[string]map[string]string{
		"AssumeRoleWithWebIdentity": {"AWS_WEB_IDENTITY_TOKEN_FILE": write("token", "token"), "AWS_ROLE_ARN": reader.ARN},
		"AssumeRole": {"AWS_CONFIG_FILE": write("config", "[default]\nrole_arn = "+reader.ARN+"\nsource_profile = base\n"+
			"[profile base]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n")},
	} {
		for _, variable := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"} {
			t.Run(name+"/"+variable, func(t *testing.T) {
				url, requests := serve(t, func(_ int, w http.ResponseWriter) {
					_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials>`+
						`<AccessKeyId>a</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken>`+
						`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></%[1]sResult></%[1]sResponse>`, name)
				})
				setEnvironment(t, variables)
				t.Setenv("AWS_REGION", region)
				t.Setenv(variable, url)
				f := open(t, "", func(o *Options) { o.Simulator = nil })
				c, err := f.ambient.credentials.Retrieve(t.Context())
				if err != nil || c.AccessKeyID != "a" || requests() != 1 {
					t.Errorf("key %q, %v after %d requests", c.AccessKeyID, err, requests())
				}
			})
		}
	}
}

// TestWebIdentityWithoutCredentials has an STS that denies the web identity, or
// responds without credentials or with half of them.
func TestWebIdentityWithoutCredentials(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   coverage.State
	}{
		"denied": {http.StatusForbidden, `<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`, coverage.Denied},
		"empty":  {http.StatusOK, "", coverage.InvalidResponse},
		"JSON":   {http.StatusOK, `{"Credentials": {}}`, coverage.InvalidResponse},
		"no secret key": {http.StatusOK, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>` +
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, coverage.InvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, func(_ int, w http.ResponseWriter) {
				w.WriteHeader(c.status)
				_, _ = fmt.Fprint(w, c.body)
			})
			setEnvironment(t, map[string]string{
				"AWS_REGION": region, "AWS_ENDPOINT_URL": url, "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": reader.ARN,
			})
			f := open(t, "", func(o *Options) { o.Simulator = nil })
			_, err := f.ambient.credentials.Retrieve(t.Context())
			if state := awserr.State(region, err); state != c.want {
				t.Errorf("state %s, want %s: %v", state, c.want, err)
			}
		})
	}
}

// TestCredentialProcessLog has a credential_process that writes to standard error.
func TestCredentialProcessLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	const process = `printf "the token is " >&2; echo "soon-expired" >&2; yes x | head -c 100000 >&2; ` +
		`echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2099-01-01T00:00:00Z"}'`
	if err := os.WriteFile(file, []byte("[default]\ncredential_process = "+process+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	setEnvironment(t, map[string]string{"AWS_REGION": region, "AWS_CONFIG_FILE": file})
	stderr := os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = w
	t.Cleanup(func() { os.Stderr = stderr })
	var log bytes.Buffer
	f := open(t, "", func(o *Options) { o.Simulator, o.Logger = nil, slog.New(slog.NewTextHandler(&log, nil)) })
	c, err := f.ambient.credentials.Retrieve(t.Context())
	if err != nil || c.AccessKeyID != "a" || !c.CanExpire {
		t.Errorf("credentials %+v, %v", c, err)
	}
	if lines := strings.Count(log.String(), "\n"); !strings.Contains(log.String(), `stderr="the token is soon-expired"`) || lines < 900 || lines > 1000 {
		t.Errorf("%d lines are logged: %.500s", lines, log.String())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); len(text) > 0 || err != nil {
		t.Errorf("%.200q on standard error, %v", text, err)
	}
}

// TestCredentialsEndpoint has a Pod Identity agent that fails, with and without a
// role.
func TestCredentialsEndpoint(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]coverage.State{
		0: coverage.Unreachable, http.StatusOK: coverage.InvalidResponse, http.StatusForbidden: coverage.Denied,
		http.StatusInternalServerError: coverage.Failed, http.StatusTooManyRequests: coverage.Throttled,
	} {
		url, _ := serve(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(status) })
		if status == 0 {
			url = "http://127.0.0.1:1"
		}
		checkStates(t, map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token,
		}, want)
	}
}

// TestFIPSWithAnEndpoint has settings that exclude each other.
func TestFIPSWithAnEndpoint(t *testing.T) {
	checkStates(t, map[string]string{
		"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID": homeKeys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": homeKeys.SecretAccessKey,
	}, coverage.Failed)
}

// TestSTSUnreachable has an STS without an address and one with an unknown
// certificate.
func TestSTSUnreachable(t *testing.T) {
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(unknown.Close)
	for _, url := range []string{"http://sts.invalid", unknown.URL} {
		setEnvironment(t, map[string]string{
			"AWS_REGION": region, "AWS_ENDPOINT_URL_STS": url,
			"AWS_ACCESS_KEY_ID": homeKeys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": homeKeys.SecretAccessKey,
		})
		f := open(t, "", func(o *Options) { o.Simulator = nil })
		_, err := accountClient(f.Session(reader, region).Config(other)).ListRegions(t.Context(), &account.ListRegionsInput{})
		if got := awserr.State(region, err); got != coverage.Unreachable {
			t.Errorf("%s: %s, %v", url, got, err)
		}
	}
}

// checkStates checks the state of calls with the ambient credentials and with a
// role.
func checkStates(t *testing.T, variables map[string]string, want coverage.State) {
	t.Helper()
	setEnvironment(t, variables)
	t.Setenv("AWS_REGION", region)
	f := open(t, "", func(o *Options) { o.Simulator = nil })
	for _, role := range []Role{{}, reader} {
		_, err := accountClient(f.Session(role, region).Config(other)).ListRegions(t.Context(), &account.ListRegionsInput{})
		if got := awserr.State(region, err); got != want {
			t.Errorf("role %q: %s, want %s: %v", role.ARN, got, want, err)
		}
	}
}

// TestExternalIDOfAProfile has an STS that repeats it.
func TestExternalIDOfAProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[default]\nrole_arn = "+reader.ARN+"\nexternal_id = sesame-open\nsource_profile = base\n"+
		"[profile base]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, _ := serve(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>sesame-open is wrong</Message></Error></ErrorResponse>")
	})
	setEnvironment(t, map[string]string{"AWS_REGION": region, "AWS_CONFIG_FILE": file, "AWS_ENDPOINT_URL_STS": url})
	f := open(t, "", func(o *Options) { o.Simulator = nil })
	for range 2 { // the second time after the configuration is read again
		_, err := f.ambient.credentials.Retrieve(t.Context())
		if err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "<secret> is wrong") {
			t.Errorf("error %v", err)
		}
	}
}
