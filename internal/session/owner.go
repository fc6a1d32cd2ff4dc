package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/sync/singleflight"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
)

// owner is who calls: the one credentials cache of a role and its account.
type owner struct {
	credentials *aws.CredentialsCache
	sts         *sts.Client // nil where the account is known from the role

	asking    singleflight.Group
	accountID atomic.Pointer[string] // nil until it is known
}

// id asks for the account once for all who wait for it, each no longer than
// its own context allows. When the one whose context it is asked with gives
// up, another asks.
func (o *owner) id(ctx context.Context) (string, error) {
	for {
		if id := o.accountID.Load(); id != nil {
			return *id, nil
		}
		var err error
		select {
		case answer := <-o.asking.DoChan("", func() (any, error) { return nil, o.ask(ctx) }):
			err = answer.Err
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil && (ctx.Err() != nil || !isGivenUp(err)) {
			return "", fmt.Errorf("find the account of the ambient credentials: %w", err)
		}
	}
}

func isGivenUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (o *owner) ask(ctx context.Context) error {
	out, err := o.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	if aws.ToString(out.Account) == "" {
		return errors.New("GetCallerIdentity names none")
	}
	o.accountID.Store(out.Account)
	return nil
}

const (
	// renewBefore is how long before their end credentials are renewed.
	renewBefore = 5 * time.Minute
	// renewAgain is how long credentials that are still valid are used before
	// a failed renewal is tried again.
	renewAgain = time.Minute
)

// renewEarly is the option of a credentials cache that durable builds on.
func renewEarly(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore }

// durable builds on a cache with the option renewEarly: while a renewal fails,
// the old credentials are used as long as they are valid.
func durable(renewedEarly aws.CredentialsProvider, logger *slog.Logger) *aws.CredentialsCache {
	return aws.NewCredentialsCache(&durableProvider{provider: renewedEarly, logger: logger})
}

// durableProvider is used by one CredentialsCache, which calls it one at a time.
type durableProvider struct {
	provider aws.CredentialsProvider
	logger   *slog.Logger
	last     aws.Credentials // their Expires is renewBefore their true end
	failing  bool            // the last renewal failed, and the log says so
}

// Retrieve implements aws.CredentialsProvider. It is called when the last
// credentials do not serve any more, whatever a cache below says of their end.
func (d *durableProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if cache, ok := d.provider.(interface{ Invalidate() }); ok {
		cache.Invalidate()
	}
	fresh, err := d.provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &awserr.CredentialsError{Err: err}
	}
	d.last, d.failing = fresh, false
	return fresh, nil
}

// withholding is a role's provider whose errors do not repeat a secret, which the
// service or whoever answers in its place may do; "" for none.
type withholding struct {
	*stscreds.AssumeRoleProvider
	secret string
}

// Retrieve implements aws.CredentialsProvider.
func (w withholding) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := w.AssumeRoleProvider.Retrieve(ctx)
	if err != nil && w.secret != "" && strings.Contains(err.Error(), w.secret) {
		err = &withheldError{err, strings.ReplaceAll(err.Error(), w.secret, "<secret>")}
	}
	return c, err
}

type withheldError struct {
	err  error
	text string
}

func (e *withheldError) Error() string { return e.text }

// Unwrap returns the error for its kind; its text has the secret.
func (e *withheldError) Unwrap() error { return e.err }

// HandleFailToRefresh implements aws.HandleFailRefreshCredentialsCacheStrategy.
func (d *durableProvider) HandleFailToRefresh(ctx context.Context, _ aws.Credentials, err error) (aws.Credentials, error) {
	kept := d.last
	now, end := time.Now(), kept.Expires.Add(renewBefore)
	if !kept.HasKeys() || !now.Before(end) {
		return aws.Credentials{}, err
	}
	if !d.failing {
		d.logger.WarnContext(ctx, "credentials cannot be renewed; the old ones are used until they end", "end", end, "err", err)
	}
	d.failing = true
	kept.Expires = now.Add(renewAgain)
	if end.Before(kept.Expires) {
		kept.Expires = end
	}
	return kept, nil
}
