package session

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
)

// loader reads the SDK's environment variables and shared files.
type loader struct {
	Options
	client   *awshttp.BuildableClient
	endpoint stsEndpoint // set after the first load
}

func (l *loader) load(ctx context.Context) (aws.Config, error) {
	if s := l.Simulator; s != nil {
		return aws.Config{BaseEndpoint: &s.Endpoint, Credentials: s.Credentials, HTTPClient: l.client}, nil
	}
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
		cfg.Credentials = logProcessStderr(cfg, l.Logger)
	}
	return cfg, err
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
	if cache, ok := provider.(*aws.CredentialsCache); ok {
		cache.Invalidate()
	}
	return provider.Retrieve(ctx)
}
