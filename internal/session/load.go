package session

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"golang.org/x/sync/singleflight"
)

// loadTimeout limits the time to read the shared files. A FIFO without a writer
// or a network file system without a server blocks forever.
const loadTimeout = 10 * time.Second

// loader reads the SDK's environment variables and shared files.
type loader struct {
	Options
	client   *awshttp.BuildableClient
	endpoint stsEndpoint        // set after the first load
	pending  singleflight.Group // so that files that block hold one goroutine at most
}

// load returns when ctx is cancelled and after loadTimeout at the latest, even if
// a file system does not respond.
func (l *loader) load(ctx context.Context) (aws.Config, error) {
	if s := l.Simulator; s != nil {
		return aws.Config{BaseEndpoint: &s.Endpoint, Credentials: s.Credentials, HTTPClient: l.client}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loadTimeout, fmt.Errorf("no data within %s: %w", loadTimeout, os.ErrDeadlineExceeded))
	defer cancel()
	select {
	case r := <-l.pending.DoChan("", func() (any, error) { return l.loadDefault(context.WithoutCancel(ctx)) }):
		cfg, _ := r.Val.(aws.Config)
		return cfg, r.Err
	case <-ctx.Done():
		return aws.Config{}, context.Cause(ctx)
	}
}

func (l *loader) loadDefault(ctx context.Context) (aws.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(l.client),
		config.WithSharedConfigProfile(l.Profile),
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 0 }), // see expiryWindow
		config.WithAppID("guardduty-coverage-exporter"),
		config.WithLogger(sdkLogger(l.Logger)),
		config.WithAssumeRoleCredentialOptions(func(o *stscreds.AssumeRoleOptions) {
			if o.Client != nil {
				o.Client = assumeRoleClient{o.Client, &l.endpoint}
			}
		}),
		config.WithWebIdentityRoleCredentialOptions(func(o *stscreds.WebIdentityRoleOptions) {
			if o.Client != nil {
				o.Client = webIdentityClient{o.Client, &l.endpoint}
			}
		}),
	)
	if err == nil {
		cfg.Credentials = redactExternalIDs(cfg, logProcessStderr(cfg, l.Logger))
	}
	return cfg, err
}

// redactExternalIDs redacts the external IDs of the profile and of its source
// profiles.
func redactExternalIDs(cfg aws.Config, provider aws.CredentialsProvider) aws.CredentialsProvider {
	for _, source := range cfg.ConfigSources {
		shared, ok := source.(config.SharedConfig)
		for profile := &shared; ok && profile != nil; profile = profile.Source {
			if profile.ExternalID != "" {
				provider = redactingProvider{provider, secretPattern(profile.ExternalID)}
			}
		}
	}
	return provider
}

// ambientProvider returns the ambient credentials. It reads the configuration
// again each time, because the shared credentials file may have changed. Calls
// are serialized by its cache.
type ambientProvider struct {
	*loader
	loaded aws.CredentialsProvider // for the first call; nil after it
}

// Retrieve implements aws.CredentialsProvider.
func (p *ambientProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	provider := p.loaded
	p.loaded = nil
	if p.Simulator != nil {
		provider = p.Simulator.Credentials
	}
	if provider == nil {
		cfg, err := p.load(ctx)
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("read the AWS configuration: %w", err)
		}
		provider = cfg.Credentials
	}
	if cache, ok := provider.(invalidator); ok {
		cache.Invalidate()
	}
	return provider.Retrieve(ctx)
}
