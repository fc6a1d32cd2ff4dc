package app

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// TestEnvironmentOfTheSDK runs the exporter with each way to configure the SDK:
// variables and files only.
func TestEnvironmentOfTheSDK(t *testing.T) {
	for name, setUp := range map[string]func(t *testing.T, endpoint string){
		"keys and one endpoint": func(t *testing.T, endpoint string) {
			t.Setenv("AWS_ENDPOINT_URL", endpoint)
			setKeys(t)
		},
		"an endpoint for each service": func(t *testing.T, endpoint string) {
			t.Setenv("AWS_ENDPOINT_URL_GUARDDUTY", endpoint)
			t.Setenv("AWS_ENDPOINT_URL_STS", endpoint)
			setKeys(t)
		},
		"a profile": func(t *testing.T, endpoint string) {
			t.Setenv("AWS_CONFIG_FILE", file(t, fmt.Sprintf(
				"[profile coverage]\nregion = us-east-1\nendpoint_url = %s\naws_access_key_id = %s\naws_secret_access_key = %s\n",
				endpoint, keys.AccessKeyID, keys.SecretAccessKey)))
			t.Setenv("AWS_PROFILE", "coverage")
			t.Setenv("AWS_REGION", "")
		},
		"a CA bundle": func(t *testing.T, endpoint string) {
			proxy := tlsProxy(t, endpoint)
			ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw})
			t.Setenv("AWS_CA_BUNDLE", file(t, string(ca)))
			t.Setenv("AWS_ENDPOINT_URL", proxy.URL)
			setKeys(t)
		},
		"Pod Identity": func(t *testing.T, endpoint string) {
			t.Setenv("AWS_ENDPOINT_URL", endpoint)
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file(t, "a-token"))
			t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent(t))
		},
		"web identity": func(t *testing.T, endpoint string) {
			t.Setenv("AWS_ENDPOINT_URL_GUARDDUTY", endpoint)
			t.Setenv("AWS_ENDPOINT_URL_STS", webIdentity(t, endpoint))
			t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file(t, "a-token"))
			t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::"+home+":role/coverage")
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
				t.Setenv(variable, "")
			}
			t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
			t.Setenv("AWS_REGION", "us-east-1")
			w := homeWorld(healthy("a"))
			w.Accounts[0].Roles = []*simulator.Role{{Name: "coverage"}}
			e := start(t, w, "aws: {requests_per_second: 1000}\n", func(o *Options) {
				setUp(t, o.Simulator.Endpoint)
				o.Simulator = nil
			})
			e.untilReady()
			e.untilMetric(`guardduty_ecs_cluster_healthy{account_id="111122223333",cluster_name="a",region="us-east-1"} 1`)
		})
	}
}

func setKeys(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", keys.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", keys.SecretAccessKey)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tlsProxy serves the endpoint over TLS and keeps the signed host.
func tlsProxy(t *testing.T, endpoint string) *httptest.Server {
	t.Helper()
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward(t, endpoint, w, r)
	}))
	t.Cleanup(proxy.Close)
	return proxy
}

// agent is a Pod Identity agent that returns the keys of the test for the token.
func agent(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "a-token" {
			http.Error(w, "no token", http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{
			"AccessKeyId": keys.AccessKeyID, "SecretAccessKey": keys.SecretAccessKey, "Expiration": "2099-01-01T00:00:00Z",
		})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// webIdentity is an STS that exchanges the token for a role's credentials and
// forwards all other requests.
func webIdentity(t *testing.T, endpoint string) string {
	t.Helper()
	client := sts.NewFromConfig(aws.Config{
		BaseEndpoint: aws.String(endpoint), Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" { // signed, so not the exchange
			forward(t, endpoint, w, r)
			return
		}
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("WebIdentityToken") != "a-token" {
			http.Error(w, "no token", http.StatusForbidden)
			return
		}
		out, err := client.AssumeRole(r.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(r.FormValue("RoleArn")), RoleSessionName: aws.String("test"),
		})
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
			<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey>
			<SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
			</AssumeRoleWithWebIdentityResponse>`, *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey,
			*out.Credentials.SessionToken, out.Credentials.Expiration.Format("2006-01-02T15:04:05Z"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// forward sends a request unchanged, with its signature and host.
func forward(t *testing.T, endpoint string, w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, endpoint+r.URL.RequestURI(), r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header, req.Host, req.ContentLength = r.Header.Clone(), r.Host, r.ContentLength
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	for key, values := range resp.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := fmt.Fprint(w, body(t, resp)); err != nil {
		t.Error(err)
	}
}
