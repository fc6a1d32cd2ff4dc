package session

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errNotSent ends a request whose endpoint is known.
var errNotSent = errors.New("the request was not sent")

// Endpoint returns the scheme and host to which a call sends its requests, with
// the environment and the shared files applied. call has to make a call with the
// configuration; it is not sent.
func (s *Session) Endpoint(ctx context.Context, call func(context.Context, aws.Config) error) (string, error) {
	return endpointOf(ctx, s.config, call)
}

// STSEndpoint is [Session.Endpoint] for the service that issues the session's
// credentials.
func (s *Session) STSEndpoint(ctx context.Context) (string, error) {
	cfg := s.config.Copy()
	cfg.Region = s.identity.operation.Region
	return endpointOf(ctx, cfg, func(ctx context.Context, cfg aws.Config) error {
		_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return err
	})
}

// RegionsEndpoint is [Session.Endpoint] for [Session.EnabledRegions].
func (s *Session) RegionsEndpoint(ctx context.Context) (string, error) {
	return s.Endpoint(ctx, func(ctx context.Context, cfg aws.Config) error {
		_, err := account.NewFromConfig(cfg).ListRegions(ctx, &account.ListRegionsInput{})
		return err
	})
}

func endpointOf(ctx context.Context, cfg aws.Config, call func(context.Context, aws.Config) error) (endpoint string, err error) {
	cfg = cfg.Copy()
	cfg.Credentials = aws.AnonymousCredentials{}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.APIOptions = []func(*middleware.Stack) error{func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("CaptureEndpoint", func(
			_ context.Context, in middleware.FinalizeInput, _ middleware.FinalizeHandler,
		) (out middleware.FinalizeOutput, md middleware.Metadata, err error) {
			if request, ok := in.Request.(*smithyhttp.Request); ok {
				endpoint = request.URL.Scheme + "://" + request.URL.Host
			}
			return out, md, errNotSent
		}), "ResolveEndpointV2", middleware.After)
	}}
	err = call(ctx, cfg)
	if endpoint == "" {
		return "", fmt.Errorf("find the endpoint: %w", err)
	}
	return endpoint, nil
}

// Contact is what one request without credentials to an endpoint shows.
type Contact struct {
	Proxy     string   // host and port; "" for none
	Addresses []string // by DNS, of the proxy if there is one; nil for an address
	TLS       string   // version; "" without TLS
	NotAfter  time.Time
	Date      time.Time // of the response; zero if it has none
	Local     time.Time // half-way between request and response
}

// Contact sends one request without credentials to an endpoint, with the HTTP
// client of all others. What is known is returned with an error too.
func (f *Factory) Contact(ctx context.Context, endpoint string) (Contact, error) {
	var c Contact
	client, ok := f.base.HTTPClient.(httpClient)
	if !ok {
		return c, fmt.Errorf("unexpected HTTP client %T", f.base.HTTPClient)
	}
	trace := &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			for _, a := range info.Addrs {
				c.Addresses = append(c.Addresses, a.String())
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil && len(state.PeerCertificates) > 0 {
				c.TLS, c.NotAfter = tls.VersionName(state.Version), state.PeerCertificates[0].NotAfter
			}
		},
	}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, endpoint+"/", http.NoBody)
	if err != nil {
		return c, err
	}
	r.Close = true // so that the next request to it connects anew
	if c.Proxy, err = proxyOf(client, r); err != nil {
		return c, err
	}
	sent := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return c, err
	}
	defer resp.Body.Close()
	c.Local = sent.Add(time.Since(sent) / 2)
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBodyBytes))
	c.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	return c, nil
}

// proxyOf returns the host of the proxy of a request, without its password.
func proxyOf(client httpClient, r *http.Request) (string, error) {
	transport, ok := client.Transport.(*http.Transport)
	if !ok || transport.Proxy == nil {
		return "", nil
	}
	proxy, err := transport.Proxy(r)
	if parse := (*url.Error)(nil); errors.As(err, &parse) {
		err = parse.Err // without the URL
	}
	if err != nil {
		return "", fmt.Errorf("the address of the proxy: %w", err)
	}
	if proxy == nil {
		return "", nil
	}
	return proxy.Host, nil
}

// CredentialsInfo is what is known about credentials without a secret.
type CredentialsInfo struct {
	Source  string    // the SDK's name of the provider
	Expires time.Time // zero if they do not
}

// Credentials retrieves the session's credentials, which assumes its role.
func (s *Session) Credentials(ctx context.Context) (CredentialsInfo, error) {
	c, err := s.identity.credentials.Retrieve(ctx)
	if err != nil {
		return CredentialsInfo{}, err
	}
	i := CredentialsInfo{Source: c.Source}
	if c.CanExpire {
		i.Expires = c.Expires.Add(expiryWindow) // see resilientProvider
	}
	return i, nil
}

// CallerARN returns the principal of the session's credentials
// (sts:GetCallerIdentity).
func (s *Session) CallerARN(ctx context.Context) (string, error) {
	cfg := s.simulator.forRegion(s.identity.operation.Region, s.config)
	before := s.identity.lastInvalidated()
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("get the caller identity: %w", err)
	}
	if aws.ToString(out.Account) != "" {
		s.identity.storeAccount(out.Account, before)
	}
	return aws.ToString(out.Arn), nil
}
