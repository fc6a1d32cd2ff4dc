package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Limits of the clock's skew. The Date of a response is in whole seconds.
const (
	warnSkew = 30 * time.Second
	maxSkew  = 5 * time.Minute // of a signature
)

// CheckClock returns the check of the local clock against the Date of a response.
func CheckClock(local, date time.Time) Check {
	c := Check{Category: Clock, Check: "skew", Status: OK}
	skew := local.Sub(date)
	side := "ahead of"
	if skew < 0 {
		side, skew = "behind", -skew
	}
	// The Date is cut to seconds, so a clock that is right appears up to a second ahead.
	c.Message = fmt.Sprintf("the clock is %v %s that of AWS", skew.Round(time.Second), side)
	switch {
	case date.IsZero():
		c.Status, c.Message = Skipped, "no response of AWS had a date"
	case skew > maxSkew:
		c.Status, c.Code = Error, "clock_skew"
		c.Message += ": AWS rejects signatures that are more than 5 minutes off"
	case skew > warnSkew:
		c.Status, c.Code = Warning, "clock_skew"
		c.Message += ": AWS rejects signatures from 5 minutes on, and ages of data are wrong"
	case skew <= 2*time.Second:
		c.Message = "the clock is right"
	}
	if c.Code != "" {
		c.Hint = "docs/doctor.md#clock"
	}
	return c
}

// Contact is how a request to an endpoint ended.
type Contact struct {
	Endpoint  string   // scheme and host
	Services  []string // that have it
	Proxy     string
	Addresses []string
	TLS       string
	NotAfter  time.Time // of the certificate
	Date      time.Time // of the response; zero if it has none
	Local     time.Time // when it had that date
	Err       error
	ErrText   string // of Err, without secrets
}

// certificateWarning is how long before its end a certificate is reported. AWS's own
// are renewed earlier; those of an inspecting proxy may not be.
const certificateWarning = 7 * 24 * time.Hour

// CheckEndpoint returns the check of an endpoint.
func CheckEndpoint(contact Contact, now time.Time) Check {
	host := contact.Endpoint
	if h, ok := strings.CutPrefix(host, "https://"); ok {
		host = h
	}
	c := Check{Category: Endpoints, Subject: host, Check: "connect", Status: OK}
	var facts []string
	for _, fact := range []string{strings.Join(contact.Services, ", "), contact.route(), contact.TLS} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	if contact.TLS == "" && contact.Err == nil {
		facts = append(facts, "without TLS")
	}
	c.Message = strings.Join(facts, "; ")
	if contact.Err != nil {
		c.Status, c.Hint = Error, "docs/doctor.md#endpoints"
		var reason string
		c.Code, reason = connectionProblem(contact)
		c.Message = reason + ": " + contact.ErrText
		return c
	}
	if left := contact.NotAfter.Sub(now); contact.TLS != "" && left < certificateWarning {
		c.Status, c.Code, c.Hint = Warning, "certificate_expires", "docs/doctor.md#endpoints"
		c.Message += "; the certificate ends at " + contact.NotAfter.UTC().Format(time.RFC3339)
	}
	return c
}

// route returns the proxy, or what the addresses show.
func (c Contact) route() string {
	if c.Proxy != "" {
		return "proxy " + c.Proxy
	}
	for _, text := range c.Addresses {
		if a, err := netip.ParseAddr(text); err == nil && a.IsPrivate() {
			return "private address " + text
		}
	}
	return ""
}

// connectionProblem returns the code of a failed request, and what it means.
func connectionProblem(c Contact) (code, reason string) {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		tlsErr    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		timeout   net.Error
	)
	switch {
	case errors.As(c.Err, &dns) && c.Proxy != "":
		return "proxy_dns", "the name of the proxy does not resolve"
	case errors.As(c.Err, &dns):
		return "dns", "the name does not resolve"
	case errors.As(c.Err, &authority):
		return "tls_authority", "the certificate is of an unknown authority, such as that of an inspecting proxy"
	case errors.As(c.Err, &host):
		return "tls_name", "the certificate is for another name"
	case errors.As(c.Err, &invalid), errors.As(c.Err, &tlsErr), errors.As(c.Err, &record), errors.As(c.Err, &alert),
		errors.Is(c.Err, http.ErrSchemeMismatch):
		return "tls", "TLS fails"
	case errors.As(c.Err, &timeout) && timeout.Timeout():
		return "timeout", "no response in time"
	case c.Proxy != "":
		return "proxy", "the request fails, with the proxy " + c.Proxy
	}
	return "connect", "no connection"
}
