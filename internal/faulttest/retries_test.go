package faulttest

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
)

// TestRetrySettings checks that the environment variable changes the SDK's
// retries, so that a second run with it is useful.
func TestRetrySettings(t *testing.T) {
	longest := func(setting string) (longest time.Duration) {
		t.Setenv("AWS_NEW_RETRIES_2026", setting)
		r := retry.NewStandard()
		for range 100 {
			d, err := r.RetryDelay(0, errors.New("retry"))
			if err != nil {
				t.Fatal(err)
			}
			longest = max(longest, d)
		}
		return longest
	}
	if before, after := longest("false"), longest("true"); after > 50*time.Millisecond || before <= after {
		t.Errorf("the longest delay is %s, %s with the new retries", before, after)
	}
}
