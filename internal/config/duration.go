package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxDuration bounds every duration of a file, so that sums of them cannot overflow.
const maxDuration = 365 * 24 * time.Hour

// parseDuration reads what time.ParseDuration does, and days before it: 30s, 5m, 1h30m, 1d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, err
	}
	whole := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return whole, nil
	}
	part, err := time.ParseDuration(rest)
	if err != nil {
		return 0, err
	}
	if part < 0 || part > maxDuration {
		return 0, errors.New("hours, minutes and seconds out of range")
	}
	return whole + part, nil
}

// formatDuration writes d as a file would: 5m rather than 5m0s, 1d rather than 24h.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
