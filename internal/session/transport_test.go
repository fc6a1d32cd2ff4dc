package session

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

// TestHTTP1 has a server that supports HTTP/2.
func TestHTTP1(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	made, _ := open(t, server.URL, nil).base.HTTPClient.(httpClient)
	transport, ok := made.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("client %+v", made)
	}
	transport.TLSClientConfig.RootCAs = roots
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := made.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 1 {
		t.Errorf("response with %s", resp.Proto)
	}
}

func TestRegionEndpoints(t *testing.T) {
	general, url := simulate(t)
	own, ownURL := simulate(t)
	f := open(t, url, func(o *Options) { o.Simulator.Regions = map[string]string{"us-east-1": ownURL} })
	session := f.Session(Role{}, region)
	for _, s := range []*Session{session, session.InRegion("us-east-1"), session.InRegion("us-east-1").InRegion(region), f.Session(Role{}, "us-east-1")} {
		if _, err := sts.NewFromConfig(s.Config(home)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
	}
	call := strings.Join([]string{"GetCallerIdentity", home, ""}, " ")
	if diff := cmp.Diff([]string{call + region, call + region}, requests(general)); diff != "" {
		t.Errorf("requests, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{call + "us-east-1", call + "us-east-1"}, requests(own)); diff != "" {
		t.Errorf("requests in the Region, -want +got:\n%s", diff)
	}
}
