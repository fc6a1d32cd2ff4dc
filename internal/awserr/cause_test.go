package awserr

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go"
)

func TestCauseOf(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDenied", Message: "request 1234"}
	operation := func(name string, err error) error {
		return &smithy.OperationError{ServiceID: "any", OperationName: name, Err: err}
	}
	for _, tc := range []struct {
		err  error
		want Cause
	}{
		{nil, Cause{}},
		{errors.New("anything"), Cause{}},
		{operation("ListCoverage", errors.New("no route")), Cause{"ListCoverage", ""}},
		{fmt.Errorf("list: %w", operation("ListCoverage", denied)), Cause{"ListCoverage", "AccessDenied"}},
		{
			operation("ListCoverage", fmt.Errorf("sign: %w", &CredentialsError{operation("AssumeRole", denied)})),
			Cause{"AssumeRole", "AccessDenied"},
		},
	} {
		if got := CauseOf(tc.err); got != tc.want {
			t.Errorf("CauseOf(%v) = %v, want %v", tc.err, got, tc.want)
		}
	}
}
