// Package organizations reads the names of an organization's accounts. It is
// the only importer of the SDK's service/organizations.
//
// Source: the operation ListAccounts of the AWS Organizations API reference.
package organizations

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// maxPages ends a listing that returns new tokens without end. It allows 200,000
// accounts, 20 on a page, and leaves room for empty pages.
const maxPages = 10_000

// ServiceID and Operation are the labels of the request metrics.
const (
	ServiceID = organizations.ServiceID
	Operation = "ListAccounts"
)

// Names returns the names of all accounts of the organization. The credentials
// must be those of the management account or of a delegated administrator.
func Names(ctx context.Context, cfg aws.Config) ([]coverage.AccountName, error) {
	client := organizations.NewFromConfig(cfg)
	var names []coverage.AccountName
	found := false
	err := paging.Each(maxPages, func(token *string) (*string, error) {
		out, err := client.ListAccounts(ctx, &organizations.ListAccountsInput{NextToken: token})
		if err != nil {
			return nil, err
		}
		if out.Accounts == nil {
			return nil, fmt.Errorf("%w: no accounts", coverage.ErrInvalidResponse)
		}
		for _, a := range out.Accounts {
			found = true
			if aws.ToString(a.Id) == "" {
				return nil, fmt.Errorf("%w: an account without an ID", coverage.ErrInvalidResponse)
			}
			// Clones, because the SDK decodes the strings of a response into one block of
			// memory, with the e-mail addresses.
			if name := coverage.Sanitize(strings.Clone(aws.ToString(a.Name))); name != "" {
				names = append(names, coverage.AccountName{AccountID: coverage.Sanitize(strings.Clone(aws.ToString(a.Id))), Name: name})
			}
		}
		return out.NextToken, nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: no accounts, although the organization has the one that lists them", coverage.ErrInvalidResponse)
	}
	if err != nil {
		return nil, fmt.Errorf("list the accounts of the organization (organizations:ListAccounts): %w", err)
	}
	return names, nil
}
