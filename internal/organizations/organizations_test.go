package organizations

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const management = "111122223333"

// world is an organization of n accounts, the first of which manages it.
func world(n int) (*simulator.World, simulator.Keys) {
	keys := simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}
	w := &simulator.World{
		Accounts:     []*simulator.Account{{ID: management, Name: "management", Email: "secret@example.com", Keys: keys}},
		Organization: &simulator.Organization{ManagementAccount: management, Accounts: []string{management}, EmptyPages: 2},
	}
	for i := 1; i < n; i++ {
		id := fmt.Sprintf("2%011d", i)
		w.Accounts = append(w.Accounts, &simulator.Account{ID: id, Name: fmt.Sprintf("team\n%d", i), Email: "secret@example.com"})
		w.Organization.Accounts = append(w.Organization.Accounts, id)
	}
	return w, keys
}

func serve(t *testing.T, handler http.Handler, keys simulator.Keys) aws.Config {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return aws.Config{
		BaseEndpoint: aws.String(server.URL), Region: "us-east-1", HTTPClient: server.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
	}
}

func TestNamesReadsEveryPage(t *testing.T) {
	w, keys := world(45)
	names, err := Names(t.Context(), serve(t, simulator.New(w, simulator.Options{}), keys))
	if err != nil || len(names) != 45 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	if got := names[44].Name; got != "team 44" {
		t.Errorf("the last name is %q", got)
	}
	if strings.Contains(fmt.Sprintf("%+v", names), "secret") {
		t.Error("an e-mail address is among the names")
	}
}

func TestNamesErrorHasTheAction(t *testing.T) {
	w, keys := world(3)
	w.Organization.ManagementAccount = "200000000001"
	if _, err := Names(t.Context(), serve(t, simulator.New(w, simulator.Options{}), keys)); err == nil || !strings.Contains(err.Error(), "organizations:ListAccounts") {
		t.Errorf("got %v", err)
	}
}

func TestNamesIsCompleteOrFails(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":        ``,
		"no list":        `{}`,
		"no account":     `{"Accounts":[]}`,
		"the same token": `{"Accounts":[],"NextToken":"again"}`,
		"not JSON":       `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				fmt.Fprint(w, body)
			})
			if names, err := Names(t.Context(), serve(t, handler, simulator.Keys{AccessKeyID: "a", SecretAccessKey: "b"})); err == nil {
				t.Errorf("got %v", names)
			}
		})
	}
}
