// Package session makes the aws.Config of each target: credentials, Region, rate
// limit, retries and timeouts.
//
// Failures of one account must not affect others: there is one credentials cache
// per role, one rate limit per account and Region, and one retryer, whose quota is
// exhausted by an outage, per client that is made of a Config.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/time/rate"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// roleDuration is the lifetime of assumed credentials, the longest that every
// role allows.
const roleDuration = time.Hour

// Options of all sessions.
type Options struct {
	Profile string // of the shared configuration; "" for the default
	// RequestsPerSecond limits the requests of clients made from [Session.Config],
	// for each account and Region.
	RequestsPerSecond float64
	// Simulator, if not nil, replaces AWS and all settings of the environment.
	Simulator *Simulator
	Metrics   *Metrics
	Logger    *slog.Logger
}

// Simulator is an endpoint of all services and Regions, and the ambient
// credentials.
type Simulator struct {
	Endpoint string
	// Regions holds the endpoints of Regions that have their own.
	Regions     map[string]string
	Credentials aws.CredentialsProvider
}

// forRegion returns the configuration for a Region: that of AWS if s is nil.
func (s *Simulator) forRegion(region string, cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Region = region
	if s != nil {
		cfg.BaseEndpoint = aws.String(cmp.Or(s.Regions[region], s.Endpoint))
	}
	return cfg
}

// Role is the role that a target assumes. The zero value stands for the ambient
// credentials. It is comparable.
type Role struct {
	ARN         string
	AccountID   string // of the ARN
	ExternalID  string // a secret
	SessionName string
}

// Factory makes sessions. It and its sessions are safe for concurrent use.
type Factory struct {
	base      aws.Config
	endpoint  *stsEndpoint
	ambient   *identity
	longPoll  aws.HTTPClient
	simulator *Simulator
	logger    *slog.Logger
	limiters  *limiters
	forECS    *limiters

	mu         sync.Mutex
	identities map[Role]*identity
}

// Open reads the SDK's environment variables and shared files. It makes no
// requests.
func Open(ctx context.Context, o Options) (*Factory, error) {
	l := &loader{Options: o, client: awshttp.NewBuildableClient().WithTimeout(standardTimeout).WithTransportOptions(http1Only)}
	base, err := l.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the AWS configuration: %w", err)
	}
	l.endpoint.url = base.BaseEndpoint
	if err := check(base); err != nil {
		return nil, err
	}
	made, ok := base.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		return nil, fmt.Errorf("read the AWS configuration: unexpected HTTP client %T", base.HTTPClient)
	}
	standard, longPoll := newClients(made.GetTransport())
	base.HTTPClient = standard
	base.Retryer = newRetryer
	base.APIOptions = append(base.APIOptions, o.Metrics.observe, preserveCause)
	f := &Factory{
		base: base, endpoint: &l.endpoint, longPoll: longPoll, simulator: o.Simulator, logger: o.Logger,
		identities: map[Role]*identity{},
		limiters:   newLimiters(o.RequestsPerSecond), forECS: newLimiters(o.ecsRate()),
	}
	f.ambient = newIdentity(resilientCache(&ambientProvider{loader: l, loaded: base.Credentials}, o.Logger), o.Logger)
	return f, nil
}

// check rejects settings of the environment that cannot work.
func check(base aws.Config) error {
	if base.RetryMode == aws.RetryModeAdaptive {
		return errors.New(`retry mode "adaptive" (AWS_RETRY_MODE or retry_mode) is not supported: ` +
			"it never returns to the full rate after an outage (aws-sdk-go-v2 issue 3550); use standard")
	}
	if base.Region != "" && !awsregion.IsValid(base.Region) {
		return fmt.Errorf("the Region of the environment or the profile, %q, is not an AWS Region", base.Region)
	}
	endpoints := map[string]string{"AWS_ENDPOINT_URL or endpoint_url": aws.ToString(base.BaseEndpoint)}
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_ENDPOINT_URL_") {
			endpoints[name] = value
		}
	}
	for name, value := range endpoints {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("%s is not an http or https URL", name) // which may contain a password
		}
	}
	return nil
}

// Region returns the Region of the environment, "" if there is none.
func (f *Factory) Region() string { return f.base.Region }

// Session returns the session of a role in a Region. If the environment has no
// Region, the role is assumed in the first Region that it is used with.
func (f *Factory) Session(role Role, region string) *Session {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := f.identities[role]
	if !ok {
		i = f.newIdentity(role, region)
		f.identities[role] = i
	}
	return &Session{
		config: f.config(region, i), longPoll: f.longPoll, simulator: f.simulator, identity: i,
		limiters: f.limiters, forECS: f.forECS,
	}
}

// config returns the configuration of the clients of an identity in a Region.
func (f *Factory) config(region string, i *identity) aws.Config {
	cfg := f.simulator.forRegion(region, f.base)
	cfg.Credentials = i.credentials
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), refreshExpiredCredentials(i))
	return cfg
}

func (f *Factory) newIdentity(role Role, region string) *identity {
	client := sts.NewFromConfig(f.config(cmp.Or(f.base.Region, region), f.ambient))
	operation := Operation{sts.ServiceID, "GetCallerIdentity", cmp.Or(f.base.Region, region)}
	if role.ARN == "" {
		f.ambient.sts, f.ambient.operation = client, operation
		return f.ambient
	}
	provider := stscreds.NewAssumeRoleProvider(assumeRoleClient{client, f.endpoint}, role.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = role.SessionName
		o.Duration = roleDuration
		if role.ExternalID != "" {
			o.ExternalID = aws.String(role.ExternalID)
		}
	})
	logger := f.logger.With("role_arn", role.ARN)
	redacting := redactingProvider{provider, secretPattern(role.ExternalID)}
	i := newIdentity(resilientCache(redacting, logger), logger)
	operation.Name = "AssumeRole"
	i.operation = operation
	if role.AccountID != "" {
		i.accountID.Store(&role.AccountID)
	}
	return i
}

// Session is a role in a Region. It is safe for concurrent use.
type Session struct {
	config    aws.Config
	longPoll  aws.HTTPClient
	simulator *Simulator
	identity  *identity
	limiters  *limiters
	forECS    *limiters
}

// InRegion returns the session of the same role in another Region.
func (s *Session) InRegion(region string) *Session {
	other := *s
	other.config = s.simulator.forRegion(region, s.config)
	return &other
}

// Region returns the Region of the session.
func (s *Session) Region() string { return s.config.Region }

// AccountID returns the account of the session's credentials, "" if it is not
// known yet: that of ambient credentials may take a later sts:GetCallerIdentity.
// It returns well before the deadline of ctx. An error means that there are no
// credentials.
func (s *Session) AccountID(ctx context.Context) (string, error) {
	return s.identity.AccountID(ctx)
}

// Config returns the configuration of a client that shares the rate limit of the
// account and Region. The account is that of the credentials; accountID, which may
// be "", while it is not known.
func (s *Session) Config(accountID string) aws.Config { return s.limited(s.limiters, accountID) }

// ConfigForECS is [Session.Config] for clients of Amazon ECS, and of the services
// that are read with it, which have a lower rate limit of their own for each account
// and Region.
func (s *Session) ConfigForECS(accountID string) aws.Config { return s.limited(s.forECS, accountID) }

func (s *Session) limited(l *limiters, accountID string) aws.Config {
	cfg := s.config.Copy()
	limiter := func() *rate.Limiter { return l.get(cmp.Or(s.identity.known(), accountID), s.config.Region) }
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), rateLimit(limiter).limit)
	return cfg
}

// Operation returns an operation of a service in the session's Region.
func (s *Session) Operation(service, name string) Operation {
	return Operation{service, name, s.Region()}
}

// CredentialsOperation returns the operation that the role's credentials need,
// or GetCallerIdentity for ambient credentials.
func (s *Session) CredentialsOperation() Operation { return s.identity.operation }

// LongPolling returns the configuration of a client whose requests may be without
// a response for 20 seconds. It has no rate limit.
func (s *Session) LongPolling() aws.Config {
	cfg := s.config.Copy()
	cfg.HTTPClient = s.longPoll
	return cfg
}

// AccountServiceID is the aws_service label of the request that EnabledRegions
// makes.
const AccountServiceID = account.ServiceID

// EnabledRegions returns the Regions that are enabled in the account
// (account:ListRegions).
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
