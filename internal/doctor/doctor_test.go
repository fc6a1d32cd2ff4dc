package doctor

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func TestCheckClock(t *testing.T) {
	for _, tc := range []struct {
		local, date time.Time
		want        Status
		code, text  string
	}{
		{now, now, OK, "", "the clock is right"},
		{now.Add(900 * time.Millisecond), now, OK, "", "the clock is right"}, // Date has no fractions
		{now.Add(20 * time.Second), now, OK, "", "the clock is 20s ahead of that of AWS"},
		{now.Add(-31 * time.Second), now, Warning, "clock_skew", "the clock is 31s behind that of AWS"},
		{now.Add(-301 * time.Second), now, Error, "clock_skew", "the clock is 5m1s behind that of AWS"},
		{now, time.Time{}, Skipped, "", "no response of AWS had a date"},
	} {
		c := CheckClock(tc.local, tc.date)
		if c.Status != tc.want || c.Code != tc.code || !strings.HasPrefix(c.Message, tc.text) || (c.Hint != "") != (c.Code != "") {
			t.Errorf("%v and %v: got %+v", tc.local, tc.date, c)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	timeout := &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	for name, tc := range map[string]struct {
		contact Contact
		want    Status
		code    string
		text    string
	}{
		"ok":               {Contact{TLS: "TLS 1.3", NotAfter: now.AddDate(0, 1, 0)}, OK, "", "sqs, sts; TLS 1.3"},
		"private":          {Contact{TLS: "TLS 1.3", NotAfter: now.AddDate(0, 1, 0), Addresses: []string{"10.0.0.7"}}, OK, "", "private address 10.0.0.7"},
		"proxy":            {Contact{TLS: "TLS 1.3", NotAfter: now.AddDate(0, 1, 0), Proxy: "proxy:3128", Addresses: []string{"10.0.0.7"}}, OK, "", "proxy proxy:3128; TLS"},
		"certificate ends": {Contact{TLS: "TLS 1.3", NotAfter: now.AddDate(0, 0, 6)}, Warning, "certificate_expires", "2026-12-04"},
		"DNS":              {Contact{Err: &net.DNSError{Name: "sts"}}, Error, "dns", "the name does not resolve"},
		"DNS of a proxy":   {Contact{Err: &net.DNSError{Name: "proxy"}, Proxy: "proxy:1"}, Error, "proxy_dns", "the name of the proxy"},
		"proxy refuses":    {Contact{Err: errors.New("Proxy Authentication Required"), Proxy: "proxy:1"}, Error, "proxy", "with the proxy proxy:1"},
		"authority":        {Contact{Err: x509.UnknownAuthorityError{}}, Error, "tls_authority", "unknown authority"},
		"name":             {Contact{Err: x509.HostnameError{Certificate: &x509.Certificate{}}}, Error, "tls_name", "another name"},
		"timeout":          {Contact{Err: timeout}, Error, "timeout", "no response in time"},
		"refused":          {Contact{Err: errors.New("refused")}, Error, "connect", "no connection"},
	} {
		tc.contact.Endpoint, tc.contact.Services, tc.contact.ErrText = "https://sts.us-east-1.amazonaws.com", []string{"sqs", "sts"}, "text"
		c := CheckEndpoint(tc.contact, now)
		if c.Status != tc.want || c.Code != tc.code || !strings.Contains(c.Message, tc.text) || c.Subject != "sts.us-east-1.amazonaws.com" {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

func TestSenders(t *testing.T) {
	const statement = `{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "events.amazonaws.com"]}, "Action": ["SQS:SendMessage"]}`
	for policy, want := range map[string][]string{
		"":                                 nil,
		"{":                                nil,
		`{"Statement": ` + statement + `}`: {"events.amazonaws.com"},
		`{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sqs:*"}, ` + statement + `]}`:                         {"events.amazonaws.com"},
		`{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*"}]}`:                                           {"events.amazonaws.com", "sns.amazonaws.com"},
		`{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:SendMessage"}, ` + statement + `]}`:     {"events.amazonaws.com", "sns.amazonaws.com"},
		`{"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:ReceiveMessage"}]}`: nil,
		`{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sqs:*"}]}`:     nil,
	} {
		if diff := cmp.Diff(want, Senders(policy)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", policy, diff)
		}
	}
}

// TestFormats checks the layout: widths, joined Regions and the statement to add.
func TestFormats(t *testing.T) {
	r := New(now, "1.2.3", "go1.26 linux/amd64")
	target := func(region, name string, status Status) Check {
		c := Check{Category: Target, Subject: "all", Region: region, Check: name, Status: status}
		if status != OK {
			c.Code, c.Hint = "denied", "docs/iam.md#ecs"
			c.Message = "AccessDeniedException: " + strings.Repeat("a long message ", 12)
			c.Policy = &Policy{"arn:aws:iam::111122223333:role/a", Statement{"Allow", []string{"guardduty:GetDetector"}, []string{"*"}}}
		}
		return c
	}
	r.Add(Check{Category: Web, Check: "file", Status: Skipped, Message: "none"})
	for _, region := range []string{"us-east-1", "eu-west-1", "us-west-2"} {
		status := OK
		if region == "eu-west-1" {
			status = Warning
		}
		r.Add(target(region, "ListDetectors", OK), target(region, "GetDetector", status), target(region, "ListCoverage ECS", OK))
	}
	r.Assumptions = []Answer{{SortOrder, Holds, "2 rows"}}
	var text bytes.Buffer
	if err := r.Write(&text, "table"); err != nil {
		t.Fatal(err)
	}
	const want = `target all in us-east-1, us-west-2
  ok       ListDetectors, GetDetector, ListCoverage ECS

target all in eu-west-1
  ok       ListDetectors
  warning  GetDetector: AccessDeniedException: a long message a long message a long message a
           long message a long message a long message a long message a long message a long
           message a long message a long message a long message
             Add to the policy of arn:aws:iam::111122223333:role/a:
               {"Effect":"Allow","Action":["guardduty:GetDetector"],"Resource":["*"]}
             See docs/iam.md#ecs
  ok       ListCoverage ECS

web
  skipped  none

assumptions about AWS, see docs/verification.md
  sort_order         holds
                     2 rows

10 checks: 1 warning, 1 skipped, 8 ok; 0 requests
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text.Reset()
	if err := r.Write(&text, "short"); err != nil {
		t.Fatal(err)
	}
	const short = "1.2.3 go1.26 linux/amd64\n10 checks: 1 warning, 1 skipped, 8 ok; 0 requests\n" +
		"warning target/GetDetector denied\nskipped web/file\nsort_order: holds: 2 rows\n"
	if diff := cmp.Diff(short, text.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text.Reset()
	if err := r.Write(&text, "json"); err != nil {
		t.Fatal(err)
	}
	var decoded Result
	if err := json.Unmarshal(text.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*r, decoded); diff != "" {
		t.Errorf("-written +read:\n%s", diff)
	}
	if err := r.Write(&text, "csv"); err == nil {
		t.Error("an unknown format is accepted")
	}
}

// TestHints checks that every section exists that a hint in the code names.
func TestHints(t *testing.T) {
	hint := regexp.MustCompile(`"(docs/[a-z]+\.md)#([a-z0-9-]+)"`)
	seen := 0
	for _, pattern := range []string{"*.go", "../app/doctor*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range hint.FindAllStringSubmatch(string(code), -1) {
				seen++
				if !slices.Contains(anchors(t, "../../"+m[1]), m[2]) {
					t.Errorf("%s: %s has no section #%s", file, m[1], m[2])
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("found %d hints", seen)
	}
}

// anchors returns the anchors of a document's headings.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := regexp.MustCompile(`[^a-z0-9_ -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}
