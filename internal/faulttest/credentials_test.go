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

// lifetime is how long near's credentials live, so that a fault is soon met.
const lifetime = 2 * time.Second

// credentialRows are about the credentials of near's role, and so about all of
// its Regions.
func credentialRows() []row {
	assumed := func(c simulator.Call) bool { return c.Operation == "AssumeRole" }
	return []row{
		shortLived(fails(creds, "STS 500", coverage.Failed, answered(assumed, errorOfSTS(500, "InternalFailure")))).
			with(func(r *row) { r.pace = patient() }), // the SDK tries three times before it says so
		shortLived(fails(creds, "STS hangs", coverage.Timeout, answered(assumed, hang))).
			with(func(r *row) { r.pace = patient() }),
		shortLived(fails(creds, "a broken trust policy", coverage.Denied, updated(
			func(w *simulator.World) { nearRole(w).Broken = true },
			func(w *simulator.World) { nearRole(w).Broken = false },
		))),
		shortLived(fails(creds, "a wrong external ID", coverage.Denied, updated(
			func(w *simulator.World) { nearRole(w).ExternalID = "another" },
			func(w *simulator.World) { nearRole(w).ExternalID = nearSesame },
		))).stands(),
		bears(creds, "credentials that expire between two pages", expireBetweenPages).stands(),
		webIdentity(),
		bears(creds, "a refresh that fails while the old credentials are valid", updated(
			func(w *simulator.World) { nearRole(w).Broken = true },
			func(w *simulator.World) { nearRole(w).Broken = false },
		)).stands().with(func(r *row) {
			r.arrange = lives(4*time.Minute + 50*time.Second) // always about to be renewed
			r.also = func(r *rig) {
				if n := strings.Count(r.journal.String(), "credentials cannot be renewed"); n != 1 {
					r.Errorf("the log says %d times that the credentials cannot be renewed", n)
				}
			}
		}),
	}
}

func nearRole(w *simulator.World) *simulator.Role { return w.Account(nearAccount).Role("coverage") }

// lives makes the credentials of near's role live so long.
func lives(d time.Duration) func(*rig) {
	return func(r *rig) { r.aws.Update(func(w *simulator.World) { nearRole(w).Duration = d }) }
}

// shortLived is a row in which near's credentials are soon to be renewed.
func shortLived(r row) row {
	r.concerned = []target{near(), nearSibling()}
	r.arrange = lives(lifetime)
	r.grace = lifetime
	return r
}

// expireBetweenPages ends the validity of the credentials that first ask for a
// second page.
func expireBetweenPages(r *rig) func() {
	var mu sync.Mutex
	expired := ""
	second := of(near(), "ListCoverage")
	refuse := refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
	r.aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, req *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		token := req.Header.Get("X-Amz-Security-Token")
		if second(c) && expired == "" && asksFor(req) != "" {
			expired = token
		}
		if token != expired || token == "" {
			return false
		}
		refuse(w, req)
		return true
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		if expired == "" {
			r.Error("nobody asked for a second page")
		}
		r.aws.SetIntercept(nil)
	}
}

// webIdentity is the credentials of the exporter itself, exchanged for a token
// in a file that is away for a while and comes back with another token.
func webIdentity() row {
	const first, second = "canary-web-identity-token-1", "canary-web-identity-token-2"
	var file string
	exchange := &exchange{}
	put := func(r *rig, token string) {
		exchange.accept(token)
		r.check(os.WriteFile(file, []byte(token), 0o600))
	}
	return fails(creds, "the web identity token's file missing, then rotated", coverage.Denied, func(r *rig) func() {
		r.check(os.Remove(file))
		return func() { put(r, second) }
	}).with(func(row *row) {
		row.concerned = []target{home(), names()}
		row.grace = lifetime
		row.arrange = func(r *rig) {
			file = filepath.Join(r.TempDir(), "token")
			r.secrets.add("a web identity token", first)
			r.secrets.add("a web identity token", second)
			exchange.next, exchange.sts = r.endpoint, stsClient(r.server.URL)
			r.endpoint = exchange
			put(r, first)
			r.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Role("ambient").Duration = lifetime })
			r.check(os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), fmt.Appendf(nil,
				"[profile reliability]\nrole_arn = arn:aws:iam::%s:role/ambient\nweb_identity_token_file = %s\nregion = %s\nendpoint_url = %s\n"+
					"services = reliability\n[services reliability]\nsts =\n  endpoint_url = %[4]s\n",
				homeAccount, file, sibling, r.server.URL), 0o600))
			r.options.Simulator = nil
			r.configure(strings.Replace(r.configure(""), "aws: {", "aws: {profile: reliability, ", 1))
		}
	})
}

func stsClient(endpoint string) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		BaseEndpoint: aws.String(endpoint), Region: sibling,
		Credentials: credentials.NewStaticCredentialsProvider(homeKeyID, homeSecret, ""),
	})
}

// exchange gives credentials for a web identity token, which the simulator does
// not, and passes everything else on.
type exchange struct {
	next http.Handler
	sts  *sts.Client

	mu       sync.Mutex
	accepted string
}

func (e *exchange) accept(token string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.accepted = token
}

func (e *exchange) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" { // signed: not the exchange
		e.next.ServeHTTP(w, r)
		return
	}
	e.mu.Lock()
	accepted := e.accepted
	e.mu.Unlock()
	if r.FormValue("WebIdentityToken") != accepted {
		errorOfSTS(400, "InvalidIdentityToken")(w, r)
		return
	}
	out, err := e.sts.AssumeRole(r.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String(r.FormValue("RoleArn")), RoleSessionName: aws.String("reliability"),
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
