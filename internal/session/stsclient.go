package session

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// stsEndpoint is the endpoint of the environment or the shared configuration,
// which the SDK does not use for the STS clients of its own providers (web
// identity, source_profile) in config 1.33. It is set when the configuration is
// loaded.
type stsEndpoint struct{ url *string }

func (e *stsEndpoint) apply(o *sts.Options) {
	if o.BaseEndpoint == nil {
		o.BaseEndpoint = e.url
	}
}

// assumeRoleClient validates responses, because the SDK does not.
type assumeRoleClient struct {
	stscreds.AssumeRoleAPIClient
	endpoint *stsEndpoint
}

// AssumeRole implements stscreds.AssumeRoleAPIClient.
func (c assumeRoleClient) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, o ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	out, err := c.AssumeRoleAPIClient.AssumeRole(ctx, in, append(o, c.endpoint.apply)...)
	if err != nil {
		return nil, err
	}
	return out, checkCredentials("AssumeRole", out.Credentials)
}

// webIdentityClient is assumeRoleClient for AssumeRoleWithWebIdentity.
type webIdentityClient struct {
	stscreds.AssumeRoleWithWebIdentityAPIClient
	endpoint *stsEndpoint
}

// AssumeRoleWithWebIdentity implements stscreds.AssumeRoleWithWebIdentityAPIClient.
func (c webIdentityClient) AssumeRoleWithWebIdentity(
	ctx context.Context, in *sts.AssumeRoleWithWebIdentityInput, o ...func(*sts.Options),
) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	out, err := c.AssumeRoleWithWebIdentityAPIClient.AssumeRoleWithWebIdentity(ctx, in, append(o, c.endpoint.apply)...)
	if err != nil {
		return nil, err
	}
	return out, checkCredentials("AssumeRoleWithWebIdentity", out.Credentials)
}

// checkCredentials returns an error if a response has no usable credentials, for
// example because it is empty or not XML.
func checkCredentials(operation string, c *types.Credentials) error {
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" || c.Expiration == nil {
		return fmt.Errorf("%s: %w: no credentials", operation, coverage.ErrInvalidResponse)
	}
	return nil
}
