package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/sync/singleflight"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
)

// maxIdentityWait limits how long AccountID waits for GetCallerIdentity. The
// account is not needed to call AWS.
const maxIdentityWait = 5 * time.Second

// identity is the credentials cache of a role or of the ambient credentials, and
// their account ID.
type identity struct {
	credentials *aws.CredentialsCache
	sts         *sts.Client // nil for a role
	operation   Operation   // that finds the credentials or their account
	logger      *slog.Logger

	callerIdentity singleflight.Group
	accountID      atomic.Pointer[string] // nil until it is known
	unknown        atomic.Bool            // the last GetCallerIdentity failed, which was logged

	mu          sync.Mutex
	invalidated time.Time      // when the credentials were last invalidated
	denied      map[string]int // responses AccessDenied in a row, by operation and Region
}

// AccountID returns the account of the credentials. It is taken from the
// credentials if the SDK knows it, otherwise from GetCallerIdentity, which is
// called once for all concurrent callers. If the caller whose context is used is
// cancelled, another one takes over. The ID is "" if it cannot be determined in
// time; an error means that there are no credentials.
func (i *identity) AccountID(ctx context.Context) (string, error) {
	if id := i.known(); id != "" {
		return id, nil
	}
	c, err := i.credentials.Retrieve(ctx)
	if err != nil {
		return "", fmt.Errorf("find the account of the credentials: %w", err)
	}
	if c.AccountID != "" {
		i.accountID.Store(&c.AccountID)
		return c.AccountID, nil
	}
	if i.sts == nil {
		return "", nil
	}
	wait := identityWait(ctx)
	timeout := time.After(wait)
	for ctx.Err() == nil {
		select {
		case r := <-i.callerIdentity.DoChan("", func() (any, error) { return nil, i.getCallerIdentity(ctx) }):
			if !isContextError(r.Err) {
				i.logUnknown(ctx, r.Err)
				return i.known(), nil
			}
		case <-timeout:
			i.logUnknown(ctx, fmt.Errorf("no response within %v", wait))
			return i.known(), nil
		case <-ctx.Done():
		}
	}
	return i.known(), nil
}

func (i *identity) known() string { return aws.ToString(i.accountID.Load()) }

// logUnknown logs the first of several errors in a row.
func (i *identity) logUnknown(ctx context.Context, err error) {
	if failing := i.unknown.Swap(err != nil); err != nil && !failing {
		i.logger.WarnContext(ctx, "account of the ambient credentials unknown (sts:GetCallerIdentity)", "err", err)
	}
}

// identityWait leaves most of the time of ctx to the calls that need it more.
func identityWait(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(maxIdentityWait, time.Until(deadline)/4)
	}
	return maxIdentityWait
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// getCallerIdentity stores the account, unless the credentials were invalidated
// meanwhile: new ones may be of another account, so it calls again.
func (i *identity) getCallerIdentity(ctx context.Context) error {
	for {
		before := i.lastInvalidated()
		out, err := i.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return err
		}
		if aws.ToString(out.Account) == "" {
			return errors.New("the response has no account")
		}
		if i.storeAccount(out.Account, before) {
			return nil
		}
	}
}

func (i *identity) lastInvalidated() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.invalidated
}

// storeAccount reports whether the credentials are still the same.
func (i *identity) storeAccount(id *string, before time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.invalidated.Equal(before) {
		return false
	}
	i.accountID.Store(id)
	return true
}

const (
	// expiryWindow is how long before their expiry a resilientCache refreshes
	// credentials. The caches below it have no window.
	expiryWindow = 5 * time.Minute
	// refreshRetryInterval is how long credentials that are still valid are used
	// before a failed refresh is retried.
	refreshRetryInterval = time.Minute
)

// resilientCache returns a cache that refreshes credentials expiryWindow before
// their expiry and, while that fails, returns the current ones as long as they are
// valid. The provider must return new credentials each time.
func resilientCache(provider aws.CredentialsProvider, logger *slog.Logger) *aws.CredentialsCache {
	return aws.NewCredentialsCache(&resilientProvider{provider: provider, logger: logger})
}

// resilientProvider is used by one CredentialsCache, which serializes its calls.
type resilientProvider struct {
	provider aws.CredentialsProvider
	logger   *slog.Logger
	last     aws.Credentials // with their true expiry
	failing  bool            // the last refresh failed, which was logged
}

// Retrieve implements aws.CredentialsProvider. It is called when the last
// credentials are due for a refresh or were invalidated.
func (p *resilientProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	fresh, err := p.provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, &awserr.CredentialsError{Err: err}
	}
	p.last, p.failing = fresh, false
	fresh.Expires = fresh.Expires.Add(-expiryWindow)
	return fresh, nil
}

// HandleFailToRefresh implements aws.HandleFailRefreshCredentialsCacheStrategy.
func (p *resilientProvider) HandleFailToRefresh(ctx context.Context, _ aws.Credentials, err error) (aws.Credentials, error) {
	kept := p.last
	now, expires := time.Now(), kept.Expires
	if !kept.CanExpire {
		expires = now.Add(refreshRetryInterval)
		kept.CanExpire = true
	}
	if !kept.HasKeys() || !now.Before(expires) {
		return aws.Credentials{}, err
	}
	if !p.failing {
		p.logger.WarnContext(ctx, "failed to refresh credentials, using the current ones until they expire", "expires", expires, "err", err)
	}
	p.failing = true
	kept.Expires = now.Add(refreshRetryInterval)
	if expires.Before(kept.Expires) {
		kept.Expires = expires
	}
	return kept, nil
}

func newIdentity(credentials *aws.CredentialsCache, logger *slog.Logger) *identity {
	return &identity{credentials: credentials, logger: logger, denied: map[string]int{}}
}
