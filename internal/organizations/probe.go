package organizations

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Probe makes the call of [Names] once, with the smallest page.
func Probe(ctx context.Context, cfg aws.Config) error {
	out, err := organizations.NewFromConfig(cfg).ListAccounts(ctx, &organizations.ListAccountsInput{MaxResults: aws.Int32(1)})
	if err == nil && out.Accounts == nil {
		err = fmt.Errorf("%w: no accounts", coverage.ErrInvalidResponse)
	}
	if err != nil {
		return fmt.Errorf("list the accounts of the organization (organizations:ListAccounts): %w", err)
	}
	return nil
}
