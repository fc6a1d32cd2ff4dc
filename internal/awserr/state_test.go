package awserr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestState(t *testing.T) {
	code := func(code string) error { return &smithy.GenericAPIError{Code: code} }
	status := func(status int, err error) error {
		return &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: err,
		}}
	}
	broken := &smithy.DeserializationError{Err: errors.New("unexpected end")}
	// call is the error of a call, and credentials that of a call to GuardDuty
	// for which there are no credentials.
	call := func(service string, err error) error {
		return &smithy.OperationError{ServiceID: service, OperationName: "Call", Err: err}
	}
	credentials := func(err error) error {
		return call("GuardDuty", fmt.Errorf("get identity: %w", &CredentialsError{fmt.Errorf("refresh: %w", err)}))
	}
	send := func(err error) error { return &smithyhttp.RequestSendError{Err: err} }
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	unknownHost := &net.DNSError{Err: "no such host", Name: "sts.us-east-1.amazonaws.com", IsNotFound: true}
	for _, tc := range []struct {
		region string
		err    error
		want   coverage.State
	}{
		{"us-east-1", nil, coverage.OK},
		{"us-east-1", ErrNoDetector, coverage.NoDetector},
		{"us-east-1", fmt.Errorf("page 3: %w", coverage.ErrInvalidResponse), coverage.InvalidResponse},
		{"us-east-1", context.DeadlineExceeded, coverage.Timeout},
		{"us-east-1", &net.OpError{Op: "read", Err: &timeoutError{}}, coverage.Timeout},
		{"us-east-1", &net.OpError{Op: "dial", Err: errors.New("refused")}, coverage.Unreachable},
		{"us-east-1", call("GuardDuty", send(refused)), coverage.Unreachable},
		{"us-east-1", call("GuardDuty", send(unknownHost)), coverage.Unreachable},
		{"us-east-1", call("GuardDuty", send(x509.UnknownAuthorityError{})), coverage.Unreachable},
		{"us-east-1", call("GuardDuty", send(errors.New("proxyconnect tcp: connection reset"))), coverage.Unreachable},
		{"us-east-1", call("GuardDuty", send(context.Canceled)), coverage.Failed},
		{"us-east-1", x509.UnknownAuthorityError{}, coverage.Unreachable},
		{"us-east-1", x509.CertificateInvalidError{Cert: &x509.Certificate{}, Reason: x509.Expired}, coverage.Unreachable},
		{"us-east-1", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}, coverage.Unreachable},
		{"us-east-1", &tls.CertificateVerificationError{Err: errors.New("expired")}, coverage.Unreachable},
		{"us-east-1", unknownHost, coverage.Unreachable},

		// Credentials: the cause decides.
		{"us-east-1", credentials(errors.New("static credentials are empty")), coverage.Denied},
		{"us-east-1", credentials(call("ec2imds", send(refused))), coverage.Denied}, // not on an EC2 instance
		{"us-east-1", credentials(call("STS", status(403, code("AccessDenied")))), coverage.Denied},
		{"us-east-1", credentials(call("STS", status(400, code("SomethingNew")))), coverage.Denied},
		{"us-east-1", credentials(call("STS", send(refused))), coverage.Unreachable},
		{"us-east-1", credentials(call("STS", send(unknownHost))), coverage.Unreachable},
		{"us-east-1", credentials(call("STS", send(x509.UnknownAuthorityError{}))), coverage.Unreachable},
		{"us-east-1", credentials(send(refused)), coverage.Unreachable}, // the endpoint of Pod Identity
		{"us-east-1", credentials(call("STS", status(200, broken))), coverage.InvalidResponse},
		{"us-east-1", credentials(fmt.Errorf("%w: no credentials", coverage.ErrInvalidResponse)), coverage.InvalidResponse},
		{"us-east-1", credentials(call("STS", status(503, errors.New("busy")))), coverage.Failed},
		{"us-east-1", credentials(call("STS", status(429, errors.New("slow down")))), coverage.Throttled},
		{"us-east-1", credentials(call("STS", context.DeadlineExceeded)), coverage.Timeout},
		{"us-east-1", credentials(call("STS", errors.New("FIPS and custom endpoint are not supported"))), coverage.Failed},
		{"me-south-1", code("UnrecognizedClientException"), coverage.RegionDisabled},
		{"sa-east-1", code("UnrecognizedClientException"), coverage.Denied},
		{"us-east-1", code("UnrecognizedClientException"), coverage.Denied},
		{"us-gov-west-1", code("UnrecognizedClientException"), coverage.Denied},
		{"cn-north-1", code("UnrecognizedClientException"), coverage.Denied},
		{"us-iso-east-1", code("UnrecognizedClientException"), coverage.Denied},
		{"eusc-de-east-1", code("UnrecognizedClientException"), coverage.Denied},
		{"", code("UnrecognizedClientException"), coverage.Denied},
		{"us-east-1", code("RegionDisabledException"), coverage.RegionDisabled},
		{"us-east-1", code("AccessDeniedException"), coverage.Denied},
		{"us-east-1", code("AccessDenied"), coverage.Denied},
		{"us-east-1", code("ExpiredTokenException"), coverage.Denied},
		{"us-east-1", code("InvalidSignatureException"), coverage.Denied},
		{"us-east-1", &CredentialsError{errors.New("none")}, coverage.Denied},
		{"us-east-1", fmt.Errorf("list: %w", code("ThrottlingException")), coverage.Throttled},
		{"us-east-1", status(429, errors.New("no code")), coverage.Throttled},
		{"us-east-1", status(403, code("SomethingNew")), coverage.Denied},
		{"us-east-1", status(503, broken), coverage.Failed},
		{"us-east-1", status(200, broken), coverage.InvalidResponse},
		{"us-east-1", status(400, code("BadRequestException")), coverage.Failed},
		{"us-east-1", errors.New("anything"), coverage.Failed},
	} {
		if got := State(tc.region, tc.err); got != tc.want {
			t.Errorf("State(%s, %v) = %s, want %s", tc.region, tc.err, got, tc.want)
		}
	}
}

type timeoutError struct{}

func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }
func (*timeoutError) Error() string   { return "timeout" }
