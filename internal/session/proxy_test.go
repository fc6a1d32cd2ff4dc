package session

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"golang.org/x/net/http/httpproxy"
)

// TestDocumentedNoProxy checks that the NO_PROXY of docs/iam.md keeps the requests
// for credentials away from a proxy, as the SDK makes them.
func TestDocumentedNoProxy(t *testing.T) {
	document, err := os.ReadFile("../../docs/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(string(document), "\nNO_PROXY=")
	value, _, _ = strings.Cut(value, "\n")
	proxy := (&httpproxy.Config{HTTPProxy: "http://proxy.example:3128", HTTPSProxy: "http://proxy.example:3128", NoProxy: value}).ProxyFunc()
	for address, want := range map[string]bool{
		"http://169.254.170.2/v2/credentials/id": false, "http://169.254.170.23/v1/credentials": false,
		"http://169.254.169.254/latest/meta-data/": false, "http://[fd00:ec2::23]/v1/credentials": false,
		"https://guardduty.us-east-1.amazonaws.com/detector": true,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if via, err := proxy(u); (via != nil) != want || err != nil {
			t.Errorf("%s: proxy %v, %v", address, via, err)
		}
	}
}
