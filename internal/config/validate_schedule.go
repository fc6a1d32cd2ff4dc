package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

const (
	minRefreshInterval = time.Second
	minRefreshTimeout  = time.Millisecond
	// maxDuration limits every duration, so that a sum of durations cannot overflow.
	maxDuration = 365 * 24 * time.Hour
)

// The keys of the schedule that targets have unless they set their own.
const (
	intervalKey  = "refresh.interval"
	timeoutKey   = "refresh.timeout"
	stalenessKey = "refresh.max_staleness"
)

func validateRefresh(errs *errorList, refresh Refresh) {
	checkDuration(errs, intervalKey, refresh.Interval, minRefreshInterval)
	checkDuration(errs, timeoutKey, refresh.Timeout, minRefreshTimeout)
	checkDuration(errs, stalenessKey, refresh.MaxStaleness, minRefreshInterval)
	checkSchedule(errs, intervalKey, timeoutKey, refresh)
}

// validateSchedule checks interval and timeout of the target at key, each of which may be that of all targets.
func validateSchedule(errs *errorList, key string, t Target, refresh Refresh) {
	interval, timeout := join(key, "interval"), join(key, "timeout")
	if !errs.valid(interval, timeout) {
		return
	}
	own := refresh
	own.Interval, own.Timeout = t.Interval, t.Timeout
	if own == refresh {
		return // checked by validateRefresh
	}
	if t.Interval == refresh.Interval {
		interval = intervalKey
	} else {
		checkDuration(errs, interval, t.Interval, minRefreshInterval)
	}
	if t.Timeout == refresh.Timeout {
		timeout = timeoutKey
	} else {
		checkDuration(errs, timeout, t.Timeout, minRefreshTimeout)
	}
	checkSchedule(errs, interval, timeout, own)
}

// checkSchedule checks that an interval and a timeout, which have these keys, fit each other and the staleness.
func checkSchedule(errs *errorList, interval, timeout string, s Refresh) {
	if !errs.valid(interval, timeout) {
		return
	}
	// A mistake is on the line of a key of the target, if it has one.
	own := slices.DeleteFunc([]string{interval, timeout}, func(key string) bool { return key == intervalKey || key == timeoutKey })
	if s.Interval <= s.Timeout {
		errs.addCross(firstSet(errs, slices.Concat(own, []string{interval, timeout})...), "%s must be longer than %s",
			describeDuration(errs, interval, s.Interval), describeDuration(errs, timeout, s.Timeout))
	}
	if errs.valid(stalenessKey) && s.MaxStaleness < s.Interval+s.Timeout {
		errs.addCross(firstSet(errs, slices.Concat(own, []string{stalenessKey, interval, timeout})...), "%s must be at least the sum of %s and %s",
			describeDuration(errs, stalenessKey, s.MaxStaleness), describeDuration(errs, interval, s.Interval),
			describeDuration(errs, timeout, s.Timeout))
	}
}

// describeDuration returns a key with its value. It marks a default, because the file does not contain it.
func describeDuration(errs *errorList, key string, d time.Duration) string {
	if errs.isSet(key) {
		return fmt.Sprintf("%s (%s)", key, model.Duration(d))
	}
	return fmt.Sprintf("%s (%s, the default)", key, model.Duration(d))
}

func checkDuration(errs *errorList, key string, d, least time.Duration) {
	if d < least || d > maxDuration {
		errs.addf(key, "must be between %s and %s, not %s",
			model.Duration(least), model.Duration(maxDuration), model.Duration(d))
	}
}

// firstSet returns the first key that the file contains, or keys[0] if it contains none.
func firstSet(errs *errorList, keys ...string) string {
	if i := slices.IndexFunc(keys, errs.isSet); i >= 0 {
		return keys[i]
	}
	return keys[0]
}
