// Package awserr classifies errors of calls to AWS as target states, describes
// refused calls, and chooses log levels for failures that repeat.
package awserr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/paging"
)

var (
	// ErrNoDetector means that GuardDuty is not enabled in the Region.
	ErrNoDetector = errors.New("no detector: GuardDuty is not enabled in this Region")
	// ErrDeadlineTooShort means that a refresh cannot finish before its
	// deadline at the configured request rate.
	ErrDeadlineTooShort = errors.New("the refresh cannot finish in time")
)

// CredentialsError means that there are no credentials to sign a request with.
// It wraps what the provider returned.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return "get credentials: " + e.Err.Error() }

// Unwrap returns the provider's error.
func (e *CredentialsError) Unwrap() error { return e.Err }

// State classifies an error of a call to AWS in a Region. It is [coverage.OK]
// for nil.
func State(region string, err error) coverage.State {
	var api smithy.APIError
	switch {
	case err == nil:
		return coverage.OK
	case errors.Is(err, ErrNoDetector):
		return coverage.NoDetector
	case errors.Is(err, coverage.ErrInvalidResponse), errors.Is(err, paging.ErrNoEnd):
		return coverage.InvalidResponse
	case isTimeout(err), errors.Is(err, ErrDeadlineTooShort):
		return coverage.Timeout
	case errors.As(err, &api):
		if state, ok := stateOfCode(region, api.ErrorCode()); ok {
			return state
		}
	}
	return stateOfResponse(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// isDeniedCode reports whether AWS returns a code for a denied action. Services
// return different HTTP statuses with it.
func isDeniedCode(code string) bool {
	switch code {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized":
		return true
	}
	return false
}

func stateOfCode(region, code string) (coverage.State, bool) {
	if isDeniedCode(code) {
		return coverage.Denied, true
	}
	switch code {
	case "UnrecognizedClientException":
		// A disabled opt-in Region returns this code for every key.
		if awsregion.IsOptIn(region) {
			return coverage.RegionDisabled, true
		}
		return coverage.Denied, true
	case "RegionDisabledException":
		return coverage.RegionDisabled, true
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired",
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

// statusError is an error of AWS or of an endpoint for credentials, such as that
// of Pod Identity, with its HTTP status.
type statusError interface {
	error
	HTTPStatusCode() int
}

// stateOfResponse classifies an error without a known code.
func stateOfResponse(err error) coverage.State {
	var (
		response *awshttp.ResponseError
		broken   *smithy.DeserializationError
		send     *smithyhttp.RequestSendError
		missing  *CredentialsError
	)
	_ = errors.As(err, &response)
	if withStatus, ok := errors.AsType[statusError](err); ok {
		switch status := withStatus.HTTPStatusCode(); {
		case status == http.StatusTooManyRequests:
			return coverage.Throttled
		case status == http.StatusUnauthorized, status == http.StatusForbidden:
			return coverage.Denied
		case status >= http.StatusInternalServerError:
			return coverage.Failed
		}
	}
	noCredentials, service := errors.As(err, &missing), ""
	if noCredentials {
		service = innermostService(missing.Err)
	}
	switch {
	case errors.As(err, &broken):
		return coverage.InvalidResponse
	case noCredentials && service == instanceMetadata:
		return coverage.Denied // the last provider that the SDK tries: there are no credentials
	case errors.Is(err, context.Canceled):
		return coverage.Failed
	case errors.As(err, &send), isConnection(err):
		return coverage.Unreachable
	case noCredentials && (service == "" || response != nil):
		return coverage.Denied // there are no credentials, or the call for them was denied with an unknown code
	}
	return coverage.Failed
}

// instanceMetadata is the SDK's name for the metadata service of EC2 instances.
const instanceMetadata = "ec2imds"

// innermostService returns the service whose call failed first, such as STS; "" if
// the error is not that of a call.
func innermostService(err error) (service string) {
	for operation := new(smithy.OperationError); errors.As(err, &operation); err = operation.Err {
		service = operation.Service()
	}
	return service
}

// isConnection reports whether err is a DNS, TCP or TLS error.
func isConnection(err error) bool {
	var (
		op          *net.OpError
		dns         *net.DNSError
		authority   x509.UnknownAuthorityError
		invalid     x509.CertificateInvalidError
		host        x509.HostnameError
		certificate *tls.CertificateVerificationError
	)
	return errors.As(err, &op) || errors.As(err, &dns) || errors.As(err, &authority) || errors.As(err, &invalid) ||
		errors.As(err, &host) || errors.As(err, &certificate)
}
