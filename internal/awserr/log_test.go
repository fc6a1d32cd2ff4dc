package awserr_test

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func TestLogLevelOfALastingFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l awserr.LogLevels
		failure := errors.New("failed")
		for _, tc := range []struct {
			after time.Duration
			err   error
			want  slog.Level
		}{
			{0, nil, slog.LevelInfo},
			{0, nil, slog.LevelDebug},
			{0, failure, slog.LevelWarn},
			{time.Hour - 1, failure, slog.LevelDebug},
			{1, failure, slog.LevelWarn},
			{1, failure, slog.LevelDebug},
			{0, nil, slog.LevelInfo},
			{0, failure, slog.LevelWarn},
		} {
			time.Sleep(tc.after)
			if got := l.Next(coverage.Failed, tc.err); got != tc.want {
				t.Errorf("after %v with %v the level is %v, want %v", tc.after, tc.err, got, tc.want)
			}
		}
	})
}
