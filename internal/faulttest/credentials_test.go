package faulttest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const creds = "Credentials"

// shortLifetime is the lifetime of credentials that must be renewed soon.
const shortLifetime = 2 * time.Second

// credentialCases affect the credentials of the subject's role, and thus all of
// its Regions.
func credentialCases() []testCase {
	bothRegions := []target{subject(), subjectHealthy()}
	assumeRole := func(c simulator.Call, _ *http.Request) bool { return c.Operation == "AssumeRole" }
	breakTrust := updateWorld(
		func(w *simulator.World) { subjectRole(w).Broken = true },
		func(w *simulator.World) { subjectRole(w).Broken = false },
	)
	return []testCase{
		{
			group: creds, name: "STS 500", state: coverage.Failed, affected: bothRegions, pace: retryPace(),
			setup: setLifetime(shortLifetime), delay: shortLifetime, begin: respond(assumeRole, stsError(500, "InternalFailure")),
		},
		{
			group: creds, name: "no response from STS", state: coverage.Timeout, affected: bothRegions, pace: retryPace(),
			setup: setLifetime(shortLifetime), delay: shortLifetime, begin: respond(assumeRole, hang),
		},
		{
			group: creds, name: "connections closed by STS", state: coverage.Unreachable, affected: bothRegions, pace: retryPace(),
			setup: setLifetime(shortLifetime), delay: shortLifetime,
			begin: respond(assumeRole, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }),
		},
		{
			group: creds, name: "an empty body from STS with status 200", state: coverage.InvalidResponse, affected: bothRegions, pace: retryPace(),
			setup: setLifetime(shortLifetime), delay: shortLifetime, begin: respond(assumeRole, body(200, "text/xml", "")),
		},
		{
			group: creds, name: "JSON from STS", state: coverage.InvalidResponse, affected: bothRegions, pace: retryPace(),
			setup: setLifetime(shortLifetime), delay: shortLifetime, begin: respond(assumeRole, jsonBody("{}")),
		},
		{
			group: creds, name: "a broken trust policy", state: coverage.Denied, affected: bothRegions,
			setup: setLifetime(shortLifetime), delay: shortLifetime, begin: breakTrust,
		},
		{
			group: creds, name: "a wrong external ID", state: coverage.Denied, affected: bothRegions, short: true,
			setup: setLifetime(shortLifetime), delay: shortLifetime,
			begin: updateWorld(
				func(w *simulator.World) { subjectRole(w).ExternalID = "another" },
				func(w *simulator.World) { subjectRole(w).ExternalID = subjectExternalID },
			),
		},
		{
			group: creds, name: "credentials that expire between two pages", state: coverage.OK, short: true,
			skip: skips{lastGood: refreshSucceeds}, begin: expireBetweenPages,
		},
		{
			group: creds, name: "revoked credentials that AWS does not recognize", state: coverage.OK, affected: bothRegions, short: true,
			skip:  skips{lastGood: refreshSucceeds},
			begin: revokeCredentials(errorResponse(403, "UnrecognizedClientException", "The security token included in the request is invalid.")),
		},
		{
			group: creds, name: "revoked credentials that are denied: new ones are used after three refreshes", state: coverage.OK,
			affected: bothRegions, failures: 2, begin: revokeCredentials(accessDenied),
		},
		rotatedKeyCase(),
		webIdentityCase(),
		{
			group: creds, name: "a renewal that fails while the old credentials are valid", state: coverage.OK, short: true,
			skip:  skips{lastGood: refreshSucceeds},
			setup: setLifetime(4*time.Minute + 50*time.Second), // within the window in which they are renewed
			begin: breakTrust,
			during: func(h *harness) {
				if n := strings.Count(h.log.String(), "failed to refresh credentials"); n != 1 {
					h.Errorf("the failed renewal was logged %d times, want 1", n)
				}
			},
		},
	}
}

func subjectRole(w *simulator.World) *simulator.Role {
	return w.Account(subjectAccount).Role("coverage")
}

// setLifetime returns a setup that sets the lifetime of the credentials of the
// subject's role.
func setLifetime(d time.Duration) func(*harness) {
	return func(h *harness) {
		h.aws.Update(func(w *simulator.World) { subjectRole(w).Duration = d })
	}
}

// expireBetweenPages expires the first credentials that request a second page.
func expireBetweenPages(h *harness) func() {
	var mu sync.Mutex
	expired := ""
	list := callsOf(subject(), "ListCoverage")
	h.aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		token := r.Header.Get("X-Amz-Security-Token")
		if list(c, r) && expired == "" && requestToken(r) != "" {
			expired = token
		}
		if token != expired || token == "" {
			return false
		}
		expiredToken(w, r)
		return true
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if expired == "" {
			h.Error("no second page was requested")
		}
		h.aws.SetIntercept(nil)
	}
}

// revokeCredentials denies the credentials that the subject's role has now. The
// fault does not end: only new credentials help.
func revokeCredentials(deny http.HandlerFunc) func(*harness) func() {
	return func(h *harness) func() {
		revoked := h.secrets.all()
		return respondForever(h, func(c simulator.Call, r *http.Request) bool {
			return c.AccountID == subjectAccount && revoked[r.Header.Get("X-Amz-Security-Token")] != ""
		}, deny)
	}
}

// respondForever is respond without an end.
func respondForever(h *harness, match callMatcher, response http.HandlerFunc) func() {
	h.closers = append(h.closers, respond(match, response)(h))
	return func() {}
}

// rotatedKeyCase replaces the exporter's access key, first in the shared
// credentials file and then in AWS.
func rotatedKeyCase() testCase {
	const newKeyID, newSecret = "AKIACANARYCANARY0002", "canary/secret+access/key/of/the/home/002"
	return testCase{
		group: creds, name: "a rotated access key in the shared credentials file", state: coverage.OK,
		skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true, process: true,
		run: func(h *harness) {
			h.secrets.add("an access key ID", newKeyID)
			h.secrets.add("a secret access key", newSecret)
			shared := filepath.Join(h.TempDir(), "credentials")
			write := func(id, secret string) {
				h.writeFile(shared, fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret))
			}
			write(homeKeyID, homeSecret)
			file, _ := h.saveConfig()
			h.startProcess(file, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SHARED_CREDENTIALS_FILE="+shared)
			before := h.waitAllOK()
			write(newKeyID, newSecret)
			h.aws.Update(func(w *simulator.World) {
				w.Account(homeAccount).Keys = simulator.Keys{AccessKeyID: newKeyID, SecretAccessKey: newSecret}
			})
			rotated := time.Now()
			h.waitFor("refreshes with the new key", 2*h.pace.interval, func(p page) bool {
				if !p.allIn(coverage.OK, h.configured()) {
					h.Errorf("on the page of %s:\n%s", p.requested.Format(clockTime), h.states(p))
				}
				return p.lastSuccess(home()).After(rotated.Add(tolerance)) && p.lastSuccess(accountNames()).After(rotated.Add(tolerance))
			})
			h.wantSame(before, h.configured()...)
			h.checked[isolation], h.checked[recovery], h.checked[validPage] = true, true, true
		},
	}
}

// webIdentityCase removes the web identity token of the exporter's own
// credentials and writes another one in its place.
func webIdentityCase() testCase {
	const first, second = "canary-web-identity-token-1", "canary-web-identity-token-2"
	var file string
	var server *webIdentityServer
	write := func(h *harness, token string) {
		server.accept(token)
		h.writeFile(file, token)
	}
	return testCase{
		group: creds, name: "the web identity token file missing, then rotated", state: coverage.Denied,
		affected: []target{home(), accountNames()}, delay: shortLifetime,
		begin: func(h *harness) func() {
			h.check(os.Remove(file))
			return func() { write(h, second) }
		},
		setup: func(h *harness) {
			file = filepath.Join(h.TempDir(), "token")
			h.secrets.add("a web identity token", first)
			h.secrets.add("a web identity token", second)
			server = &webIdentityServer{next: h.endpoint, sts: stsClient(h.server.URL)}
			h.endpoint = server
			write(h, first)
			h.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Role("ambient").Duration = shortLifetime })
			h.writeFile(os.Getenv("AWS_CONFIG_FILE"), fmt.Sprintf(
				"[profile faulttest]\nrole_arn = arn:aws:iam::%s:role/ambient\nweb_identity_token_file = %s\nregion = %s\nendpoint_url = %s\n"+
					"services = faulttest\n[services faulttest]\nsts =\n  endpoint_url = %[4]s\n",
				homeAccount, file, healthyRegion, h.server.URL))
			h.options.Simulator = nil
			h.configure(strings.Replace(h.configure(""), "aws: {", "aws: {profile: faulttest, ", 1))
		},
	}
}

func stsClient(endpoint string) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		BaseEndpoint: aws.String(endpoint), Region: healthyRegion,
		Credentials: credentials.NewStaticCredentialsProvider(homeKeyID, homeSecret, ""),
	})
}

// webIdentityServer implements AssumeRoleWithWebIdentity, which the simulator
// lacks, and forwards everything else.
type webIdentityServer struct {
	next http.Handler
	sts  *sts.Client

	mu       sync.Mutex
	accepted string
}

func (s *webIdentityServer) accept(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted = token
}

func (s *webIdentityServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" { // AssumeRoleWithWebIdentity is not signed
		s.next.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	accepted := s.accepted
	s.mu.Unlock()
	if r.FormValue("WebIdentityToken") != accepted {
		stsError(400, "InvalidIdentityToken")(w, r)
		return
	}
	out, err := s.sts.AssumeRole(r.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(r.FormValue("RoleArn")), RoleSessionName: aws.String("faulttest"),
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	c := out.Credentials
	fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>`+
		`<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration>`+
		`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
		*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken, c.Expiration.Format(time.RFC3339))
}
