package guardduty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// errMissingList means that a response is a JSON object without the list that
// was requested. AWS may return that while Runtime Monitoring is off.
var errMissingList = fmt.Errorf("%w: it has no list", coverage.ErrInvalidResponse)

// missing returns the error for a response without this list. The SDK decodes an
// empty body in the same way, which is never a valid response.
func missing(list string, metadata middleware.Metadata) error {
	if body, ok := metadata.Get(bodyKey{}).(*firstByte); ok && body.first == '{' {
		return fmt.Errorf("%w: no %s", errMissingList, list)
	}
	return fmt.Errorf("%w: no %s", coverage.ErrInvalidResponse, list)
}

type bodyKey struct{}

// recordFirstByte adds to the metadata of each result a record of the first byte of
// its body.
func recordFirstByte(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("RecordFirstByte", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		if response, ok := out.RawResponse.(*smithyhttp.Response); ok {
			body := &firstByte{ReadCloser: response.Body}
			response.Body = body
			metadata.Set(bodyKey{}, body)
		}
		return out, metadata, err
	}), middleware.After)
}

// firstByte is a body of which it keeps the first byte that is not white space.
type firstByte struct {
	io.ReadCloser
	first byte
}

func (b *firstByte) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	for i := 0; i < n && b.first == 0; i++ {
		if !slices.Contains([]byte(" \t\r\n"), p[i]) {
			b.first = p[i]
		}
	}
	return n, err
}

// includesOthers reports whether a snapshot, nil for none, includes accounts other
// than the detector's. While that account is unknown, it is taken to be the one
// of the first resource.
func (c *Client) includesOthers(s *coverage.Snapshot) bool {
	if s == nil {
		return false
	}
	own := c.accountID
	if own == "" && len(s.Resources) > 0 {
		own = s.Resources[0].AccountID
	}
	return s.IncludesOthers(own)
}

// confirmOff reports whether a list may be missing because there is nothing to list:
// the detector and its members have Runtime Monitoring off. For an administrator
// it has to know the features of the members; before the first snapshot, a
// detector is not known to be an administrator's. It reads the detector unless
// the refresh has done so.
func (c *Client) confirmOff(ctx context.Context, p *pass, t coverage.ResourceType, err error) bool {
	if !errors.Is(err, errMissingList) || c.otherAccounts && !p.memberFeatures {
		return false
	}
	if p.features == nil {
		if _, p.features, err = c.getDetector(ctx); err != nil {
			c.o.Logger.DebugContext(ctx, "failed to read the Runtime Monitoring status", "account_id", c.accountID, "err", err)
			return false
		}
	}
	own := false
	for _, f := range slices.Concat(p.features, p.snapshot.Features) {
		switch {
		case f.Additional != "":
		case f.Name == runtimeMonitoring && !f.Enabled:
			own = own || f.AccountID == c.accountID
		case f.Name == runtimeMonitoring, f.Name == eksRuntimeMonitoring && t == coverage.EKS && f.Enabled:
			return false
		}
	}
	return own
}
