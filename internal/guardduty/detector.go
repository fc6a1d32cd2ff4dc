package guardduty

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The features for which GuardDuty has coverage. The second one is for EKS only;
// an account has at most one of them.
const (
	runtimeMonitoring    = string(types.DetectorFeatureRuntimeMonitoring)
	eksRuntimeMonitoring = string(types.DetectorFeatureEksRuntimeMonitoring)
)

// readDetector reads the detector's status and features.
func (c *Client) readDetector(ctx context.Context, p *pass) error {
	if !c.o.Detector {
		return nil
	}
	_, err := c.readOptional(p.snapshot, coverage.DetectorCapability, "guardduty:GetDetector", func() error {
		enabled, features, err := c.getDetector(ctx)
		if err != nil {
			return err
		}
		p.snapshot.Detectors = []coverage.Detector{{AccountID: c.accountID, Region: c.o.Region, Enabled: enabled}}
		p.features = features
		p.snapshot.Features = slices.Clone(features)
		return nil
	})
	return err
}

func (c *Client) getDetector(ctx context.Context) (enabled bool, features []coverage.Feature, err error) {
	out, err := c.api.getDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(c.detectorID)})
	if err != nil {
		return false, nil, fmt.Errorf("get the detector: %w", err)
	}
	if out.Status == "" {
		return false, nil, fmt.Errorf("get the detector: %w: no status", coverage.ErrInvalidResponse)
	}
	for _, f := range out.Features {
		own := coverage.Feature{AccountID: c.accountID, Region: c.o.Region, Name: keep(string(f.Name))}
		features = append(features, withStatus(own, f.Status, f.ManagedBy, f.UpdatedAt))
		for _, a := range f.AdditionalConfiguration {
			own.Additional = keep(string(a.Name))
			features = append(features, withStatus(own, a.Status, a.ManagedBy, a.UpdatedAt))
		}
	}
	return out.Status == types.DetectorStatusEnabled, features, nil
}

// withStatus returns a feature or an additional configuration with its state.
func withStatus(f coverage.Feature, status types.FeatureStatus, managedBy types.ManagedBy, updatedAt *time.Time) coverage.Feature {
	f.Enabled = status == types.FeatureStatusEnabled
	f.ManagedBy = keep(string(managedBy))
	f.UpdatedAt = aws.ToTime(updatedAt)
	return f
}
