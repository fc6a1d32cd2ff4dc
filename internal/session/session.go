// Package session makes the aws.Config of each target: whose credentials, which
// Region, which limits.
//
// What is shared and what is not follows from one rule, that one account's
// trouble stays its own: the credentials cache is one for each role; the
// request rate is one for each account and Region; the retryer, whose quota an
// outage uses up, is one for each client that is made of a Config.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

const (
	// callTimeout bounds one HTTP request from dialling to the last byte of
	// the answer. The SDK itself sets no such bound.
	callTimeout = 20 * time.Second
	// longCallTimeout is that of a request which AWS may leave without an
	// answer for up to 20 seconds.
	longCallTimeout = 40 * time.Second
	// roleDuration is how long assumed credentials are asked to live: the most
	// that every role allows.
	roleDuration = time.Hour
)

// Options of all sessions.
type Options struct {
	Profile           string  // of the shared configuration; "" for the default
	RequestsPerSecond float64 // to GuardDuty, for each account and Region
	// Simulator, if not nil, takes the place of AWS and of all that the
	// environment says of it.
	Simulator *Simulator
	Metrics   *Metrics
	Logger    *slog.Logger
}

// Simulator is an endpoint that stands for every service and Region, and the
// credentials that take the place of the ambient ones.
type Simulator struct {
	Endpoint string
	// Regions are the endpoints of the Regions that have one of their own.
	Regions     map[string]string
	Credentials aws.CredentialsProvider
}

// in returns the configuration for a Region: of AWS where s is nil.
func (s *Simulator) in(region string, cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Region = region
	if s != nil {
		cfg.BaseEndpoint = aws.String(cmp.Or(s.Regions[region], s.Endpoint))
	}
	return cfg
}

// Role is whose credentials a target uses. The zero value stands for the
// ambient credentials. It is comparable.
type Role struct {
	ARN         string
	ExternalID  string // a secret
	SessionName string
}

// AccountID returns the account that the role belongs to, "" for ambient credentials.
func (r Role) AccountID() string {
	parsed, err := arn.Parse(r.ARN)
	if err != nil {
		return ""
	}
	return parsed.AccountID
}

// Factory makes sessions. It is not safe for concurrent use; its sessions are.
type Factory struct {
	base      aws.Config
	ambient   *aws.CredentialsCache
	patient   aws.HTTPClient // for requests with longCallTimeout
	simulator *Simulator
	logger    *slog.Logger
	owners    map[Role]*owner
	limiters  *limiters
}

// Open reads the SDK's environment variables and shared files. It asks AWS nothing.
func Open(ctx context.Context, o Options) (*Factory, error) {
	base, err := load(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	if base.RetryMode == aws.RetryModeAdaptive {
		return nil, errors.New("the retry mode adaptive (AWS_RETRY_MODE or retry_mode) is not supported: " +
			"after an outage it never sends at full rate again (aws-sdk-go-v2 issue 3550); use standard")
	}
	made, ok := base.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		return nil, fmt.Errorf("read the AWS configuration: it has made the HTTP client a %T", base.HTTPClient)
	}
	usual, patient := newClients(made.GetTransport())
	base.HTTPClient = usual
	base.Retryer = newRetryer
	base.APIOptions = append(base.APIOptions, o.Metrics.observe, keepCause)
	return &Factory{
		base: base, ambient: durable(base.Credentials, o.Logger), patient: patient, simulator: o.Simulator,
		logger: o.Logger, owners: map[Role]*owner{}, limiters: newLimiters(o.RequestsPerSecond),
	}, nil
}

func load(ctx context.Context, o Options) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithTimeout(callTimeout).WithTransportOptions(onlyHTTP1)
	if s := o.Simulator; s != nil {
		return aws.Config{BaseEndpoint: &s.Endpoint, Credentials: s.Credentials, HTTPClient: client}, nil
	}
	return config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(client),
		config.WithSharedConfigProfile(o.Profile),
		config.WithCredentialsCacheOptions(renewEarly),
		config.WithAppID("guardduty-coverage-exporter"),
		config.WithLogger(logTo(o.Logger)),
	)
}

// onlyHTTP1 keeps to HTTP/1.1, which gives a connection up on the first call
// that is not answered on it. HTTP/2 goes on using one that has died without a
// word.
func onlyHTTP1(t *http.Transport) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.TLSClientConfig.NextProtos = nil // the SDK's copying of the transport has put HTTP/2 in
}

// Region returns the Region of the environment, "" where there is none.
func (f *Factory) Region() string { return f.base.Region }

// Session makes the session of a role in a Region. Where the environment names
// no Region, the role's credentials are asked for in the first one that the
// role is used with.
func (f *Factory) Session(role Role, region string) *Session {
	o, ok := f.owners[role]
	if !ok {
		o = f.newOwner(role, region)
		f.owners[role] = o
	}
	return &Session{
		config: f.config(region, o.credentials), patient: f.patient, simulator: f.simulator, owner: o, limiters: f.limiters,
	}
}

// config returns the configuration of the clients that use the credentials in a Region.
func (f *Factory) config(region string, credentials *aws.CredentialsCache) aws.Config {
	cfg := f.simulator.in(region, f.base)
	cfg.Credentials = credentials
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), renewExpired(credentials))
	return cfg
}

func (f *Factory) newOwner(role Role, region string) *owner {
	home := f.config(cmp.Or(f.base.Region, region), f.ambient)
	if role.ARN == "" {
		return &owner{credentials: f.ambient, sts: sts.NewFromConfig(home)}
	}
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(home), role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = role.SessionName
		o.Duration = roleDuration
		if role.ExternalID != "" {
			o.ExternalID = aws.String(role.ExternalID)
		}
	})
	o := &owner{credentials: durable(aws.NewCredentialsCache(withholding{provider, role.ExternalID}, renewEarly), f.logger.With("role_arn", role.ARN))}
	o.accountID.Store(aws.String(role.AccountID()))
	return o
}

// Session is a role in a Region. It is safe for concurrent use.
type Session struct {
	config    aws.Config
	patient   aws.HTTPClient
	simulator *Simulator
	owner     *owner
	limiters  *limiters
}

// In returns the session of the same role in another Region.
func (s *Session) In(region string) *Session {
	other := *s
	other.config = s.simulator.in(region, s.config)
	return &other
}

// Region returns the Region of the session.
func (s *Session) Region() string { return s.config.Region }

// AccountID returns the account of the session's credentials: the role's, or
// what sts:GetCallerIdentity says of the ambient ones, which is asked until it
// has answered once.
func (s *Session) AccountID(ctx context.Context) (string, error) {
	return s.owner.id(ctx)
}

// Config returns the configuration of a client that shares the request rate of
// the account and Region.
func (s *Session) Config(accountID string) aws.Config {
	cfg := s.config.Copy()
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), s.limiters.of(accountID, cfg.Region).limit)
	return cfg
}

// LongPolling returns the configuration of a client whose requests may wait 20
// seconds for an answer. It has no share in the request rate of an account.
func (s *Session) LongPolling() aws.Config {
	cfg := s.config.Copy()
	cfg.HTTPClient = s.patient
	return cfg
}

// EnabledRegions asks account:ListRegions for the Regions that the account can use.
func (s *Session) EnabledRegions(ctx context.Context) ([]string, error) {
	client := account.NewFromConfig(s.config)
	var regions []string
	err := paging.Each(maxRegionPages, func(token *string) (*string, error) {
		out, err := client.ListRegions(ctx, &account.ListRegionsInput{
			MaxResults: aws.Int32(50), NextToken: token,
			RegionOptStatusContains: []types.RegionOptStatus{
				types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault,
			},
		})
		if err != nil {
			return nil, err
		}
		for _, r := range out.Regions {
			regions = append(regions, aws.ToString(r.RegionName))
		}
		return out.NextToken, nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the enabled Regions (account:ListRegions): %w", err)
	}
	return regions, nil
}

const maxRegionPages = 20

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.Retryables = slices.Concat(
			[]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(wantsCredentials)},
			o.Retryables,
			[]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(isBrokenAnswer)},
		)
	})
}

// wantsCredentials keeps the SDK from trying a call again for which there are no
// credentials: whoever gives them has been asked as often as is good.
func wantsCredentials(err error) aws.Ternary {
	if missing := (*awserr.CredentialsError)(nil); errors.As(err, &missing) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// isBrokenAnswer makes the SDK try again after an answer that was cut short or
// is not of the protocol, and after a 429 that carries no code of AWS's.
func isBrokenAnswer(err error) aws.Ternary {
	var broken *smithy.DeserializationError
	var answer *awshttp.ResponseError
	switch {
	case errors.Is(err, errBodyTooLarge):
		return aws.FalseTernary
	case errors.As(err, &broken), errors.As(err, &answer) && answer.HTTPStatusCode() == 429:
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}
