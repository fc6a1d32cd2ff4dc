package guardduty

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// readDetector reads the detector's status and features.
func (c *Client) readDetector(ctx context.Context, p *pass) error {
	if !c.o.Detector {
		return nil
	}
	_, err := c.optional(p.snapshot, "detector", "guardduty:GetDetector", func() error {
		out, err := c.api.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(c.detector)})
		if err != nil {
			return fmt.Errorf("get the detector: %w", err)
		}
		if out.Status == "" {
			return fmt.Errorf("get the detector: %w: no status", coverage.ErrInvalidResponse)
		}
		p.snapshot.Detectors = []coverage.Detector{{
			AccountID: c.accountID, Region: c.o.Region, Enabled: out.Status == types.DetectorStatusEnabled,
		}}
		for _, f := range out.Features {
			feature := coverage.Feature{
				AccountID: c.accountID, Region: c.o.Region, Name: coverage.Sanitize(string(f.Name)),
				Enabled:   f.Status == types.FeatureStatusEnabled,
				ManagedBy: coverage.Sanitize(string(f.ManagedBy)), UpdatedAt: aws.ToTime(f.UpdatedAt),
			}
			p.snapshot.Features = append(p.snapshot.Features, feature)
			for _, a := range f.AdditionalConfiguration {
				feature.Additional = coverage.Sanitize(string(a.Name))
				feature.Enabled = a.Status == types.FeatureStatusEnabled
				feature.ManagedBy = coverage.Sanitize(string(a.ManagedBy))
				feature.UpdatedAt = aws.ToTime(a.UpdatedAt)
				p.snapshot.Features = append(p.snapshot.Features, feature)
			}
		}
		return nil
	})
	return err
}
