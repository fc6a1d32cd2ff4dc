package awserr

import (
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Failure describes an error of a call to AWS for people: redacted, sanitized and
// with the operation that failed. err must not be nil.
func Failure(at time.Time, err error) *coverage.Failure {
	return &coverage.Failure{At: at.UTC(), Operation: CauseOf(err).Operation, Text: coverage.SanitizeError(Redact(err.Error()))}
}
