package awserr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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
		{"us-east-1", &net.OpError{Op: "dial", Err: errors.New("refused")}, coverage.Failed},
		{"me-south-1", code("UnrecognizedClientException"), coverage.RegionDisabled},
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
