package awserr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

func TestRedactKeepsNames(t *testing.T) {
	for _, text := range []string{
		"arn:aws:ecs:eu-west-1:123456789012:cluster/" + strings.Repeat("payments-prod_", 18),
		"arn:aws:iam::123456789012:role/team/very-long-path-of-the-organization/platform-observability/eu-west-1/AWSReservedSSO_MonitoringReadOnlyAccess_abcdef0123456789",
		"open /srv/monitoring/exporters/guardduty_coverage_exporter/environments/production/eu-west-1/current/config/web.yaml: no such file",
		"RequestID: 3f0c2d5e-6d2a-4f6e-9d59-6c0a5a0f3e1b",
		"config.yaml:3: targets[0].external_id: must be of 2 to 1224 letters",
		"User: arn:aws:sts::111122223333:assumed-role/guardduty-coverage/guardduty-coverage-exporter is not authorized to perform: guardduty:ListCoverage",
		"detector 12abc34d567e8fa901bc2d34e56789f0, sha256:" + strings.Repeat("0a", 32),
	} {
		if got := Redact(text); got != text {
			t.Errorf("%s", got)
		}
	}
}

func TestRedact(t *testing.T) {
	token := strings.Repeat("IQoJb3JpZ2luX2VjE+/", 8) + "=="
	for _, c := range []struct{ text, want string }{
		{"key ASIAIOSFODNN7EXAMPLE.", "key <secret>."},
		{"AKIAIOSFODNN7EXAMPLE/20261101/us-east-1", "<secret>/20261101/us-east-1"},
		{"x-amz-security-token:" + token + "\n", "x-amz-security-token:<secret>\n"},
		{"map[email:first.last+aws@accounts.example.com]", "map[email:<secret>]"},
	} {
		if got := Redact(c.text); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}

// TestFailureIsRedactedBeforeItIsCut has a secret of which the cut would leave a
// part that is not recognized.
func TestFailureIsRedactedBeforeItIsCut(t *testing.T) {
	const secret = "AKIAIOSFODNN7EXAMPLE"
	for before := 780; before < 800; before++ {
		f := Failure(time.Unix(1, 0), errors.New(strings.Repeat("-", before)+" "+secret))
		if strings.Contains(f.Text, secret[:3]) {
			t.Errorf("%d bytes before: %s", before, f.Text)
		}
	}
}

func TestFailureNamesTheInnermostOperation(t *testing.T) {
	err := fmt.Errorf("list\n\u202ecoverage: %w", &smithy.OperationError{
		OperationName: "ListCoverage", Err: &smithy.OperationError{OperationName: "AssumeRole", Err: errors.New("denied")},
	})
	f := Failure(time.Unix(1, 0), err)
	if f.Operation != "AssumeRole" || !f.At.Equal(time.Unix(1, 0)) || strings.ContainsAny(f.Text, "\n\u202e") {
		t.Errorf("%+v", f)
	}
}
