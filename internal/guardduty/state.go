package guardduty

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

// ErrNoDetector says that GuardDuty is not enabled in the Region.
var ErrNoDetector = errors.New("no detector: GuardDuty is not enabled in this Region")

// StateOf classifies an error of a call to AWS that was made in a Region. The
// state of no error is coverage.OK.
func StateOf(region string, err error) coverage.State {
	var api smithy.APIError
	switch {
	case err == nil:
		return coverage.OK
	case errors.Is(err, ErrNoDetector):
		return coverage.NoDetector
	case errors.Is(err, coverage.ErrInvalidResponse), errors.Is(err, paging.ErrNoEnd):
		return coverage.InvalidResponse
	case isTimeout(err), errors.Is(err, ErrNoTime):
		return coverage.Timeout
	case errors.As(err, &api):
		if state, ok := stateOfCode(region, api.ErrorCode()); ok {
			return state
		}
	}
	return stateOfAnswer(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func stateOfCode(region, code string) (coverage.State, bool) {
	switch code {
	case "UnrecognizedClientException":
		// What an opt-in Region that is off says of every key.
		if IsOptIn(region) {
			return coverage.RegionDisabled, true
		}
		return coverage.Denied, true
	case "RegionDisabledException":
		return coverage.RegionDisabled, true
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized",
		"ExpiredToken", "ExpiredTokenException", "RequestExpired",
		"InvalidClientTokenId", "InvalidAccessKeyId", "InvalidIdentityToken",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
		"OptInRequired", "SubscriptionRequiredException":
		return coverage.Denied, true
	}
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok {
		return coverage.Throttled, true
	}
	return "", false
}

// stateOfAnswer goes by what is known of an answer without a known code.
func stateOfAnswer(err error) coverage.State {
	var (
		answer  *awshttp.ResponseError
		broken  *smithy.DeserializationError
		missing interface{ MissingCredentials() }
	)
	if errors.As(err, &answer) {
		switch status := answer.HTTPStatusCode(); {
		case status == http.StatusTooManyRequests:
			return coverage.Throttled
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			return coverage.Denied
		case status >= http.StatusInternalServerError:
			return coverage.Failed
		}
	}
	switch {
	case errors.As(err, &broken):
		return coverage.InvalidResponse
	case errors.As(err, &missing):
		return coverage.Denied
	}
	return coverage.Failed
}

// IsOptIn tells the Regions that an account may have switched off: those of the
// partition aws that are not always on. Source: AWS Account Management, "Enable
// or disable AWS Regions in your account".
func IsOptIn(region string) bool {
	area, _, isRegion := strings.Cut(region, "-")
	if !isRegion || area == "cn" || strings.HasPrefix(area, "eusc") || strings.HasPrefix(region, "us-gov-") || strings.Contains(region, "-iso") {
		return false
	}
	return !slices.Contains([]string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}, region)
}
