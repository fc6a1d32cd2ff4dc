package guardduty

import (
	"errors"
	"slices"

	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// readOptional reads optional data of the snapshot. If AWS denies it, it returns
// false and logs the denial once, until the data is allowed again.
func (c *Client) readOptional(s *coverage.Snapshot, name, action string, read func() error) (ok bool, err error) {
	err = read()
	if err != nil && !isAccessDenied(err) {
		return false, err
	}
	ok = err == nil
	if !ok && !c.denied[name] {
		c.o.Logger.Warn("optional data skipped: access denied",
			"account_id", c.accountID, "capability", name, "action", action, "err", err)
	}
	c.denied[name] = !ok
	s.Capabilities = append(s.Capabilities, coverage.Capability{Name: name, OK: ok})
	return ok, nil
}

// optionalData returns the optional data without statistics, which are useless
// without resources; nil if there is none.
func (p *pass) optionalData() *coverage.Snapshot {
	s := p.snapshot
	capabilities := slices.DeleteFunc(slices.Clone(s.Capabilities), func(c coverage.Capability) bool {
		return c.Name == coverage.StatisticsCapability
	})
	if len(capabilities) == 0 {
		return nil
	}
	return &coverage.Snapshot{
		ReadAt: s.ReadAt, Detectors: s.Detectors, Features: s.Features, Members: s.Members,
		UnprocessedMembers: s.UnprocessedMembers, Capabilities: capabilities,
	}
}

// isAccessDenied reports whether the account may not make the call. It compares
// the code, because few operations have this error in their model.
func isAccessDenied(err error) bool {
	var api smithy.APIError
	return errors.Is(err, errNotAdministrator) || errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException"
}
