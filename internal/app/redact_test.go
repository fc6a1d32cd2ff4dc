package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestLogRedactsSecrets(t *testing.T) {
	for text, secret := range map[string]string{
		"no such key AKIAIOSFODNN7EXAMPLE":                                            "AKIAIOSFODNN7EXAMPLE",
		`{"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`:              "wJalrXUtn",
		"<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>": "wJalrXUtn",
		"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY":            "wJalrXUtn",
		"X-Amz-Security-Token=" + strings.Repeat("IQoJb3Jp%2F", 20):                   "IQoJ",
		"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2ln-bmF0_dXJl is expired": "eyJzdWIi",
		"Failed to parse uri: http://user:hunter2@proxy:port":                         "hunter2",
		"no account of security.team@example.com":                                     "team@",
	} {
		var log bytes.Buffer
		logger := slog.New(redactHandler{slog.NewTextHandler(&log, nil)})
		logger.With("a", text).WithGroup("g").Info(text, "b", text, "err", errors.New(text), slog.Group("c", "d", text)) //nolint:sloglint // a message may contain an error
		if strings.Contains(log.String(), secret) || strings.Count(log.String(), "<secret>") != 5 {
			t.Errorf("%s", log.String())
		}
	}
}

func TestLogKeepsNames(t *testing.T) {
	for _, text := range []string{
		"arn:aws:ecs:eu-west-1:123456789012:cluster/" + strings.Repeat("payments-prod_", 18),
		"arn:aws:iam::123456789012:role/team/very-long-path-of-the-organization/platform-observability/eu-west-1/AWSReservedSSO_MonitoringReadOnlyAccess_abcdef0123456789",
		"open /srv/monitoring/exporters/guardduty_coverage_exporter/environments/production/eu-west-1/current/config/web.yaml: no such file",
		"RequestID: 3f0c2d5e-6d2a-4f6e-9d59-6c0a5a0f3e1b",
		"config.yaml:3: targets[0].external_id: must be of 2 to 1224 letters",
		"User: arn:aws:sts::111122223333:assumed-role/guardduty-coverage/guardduty-coverage-exporter is not authorized to perform: guardduty:ListCoverage",
		"detector 12abc34d567e8fa901bc2d34e56789f0, sha256:" + strings.Repeat("0a", 32),
	} {
		if got := redact(text); got != text {
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
		if got := redact(c.text); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}

// TestErrorsAreRedactedBeforeTheyAreCut has secrets of which the cut would leave
// a part that is not recognized.
func TestErrorsAreRedactedBeforeTheyAreCut(t *testing.T) {
	token := "IQoJ" + strings.Repeat("b3JpZ2luX2VjE", 100)
	for name, secret := range map[string]string{"token": token, "e-mail address": "first.last@accounts.example.com", "access key": "AKIAIOSFODNN7EXAMPLE"} {
		for keep := 3; keep < min(len(secret), 110); keep++ {
			text := strings.Repeat("- ", (maxErrorBytes-keep)/2) + strings.Repeat(" ", (maxErrorBytes-keep)%2) + secret + " end"
			var log bytes.Buffer
			slog.New(redactHandler{slog.NewTextHandler(&log, nil)}).Error("failed", "err", errors.New(text))
			if strings.Contains(log.String(), secret[:3]) {
				t.Fatalf("%s: %d bytes are in the log: %s", name, keep, log.String()[maxErrorBytes:])
			}
		}
	}
}

func TestLongErrorsAreCut(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(redactHandler{slog.NewJSONHandler(&log, nil)})
	logger.Error("failed", "err", errors.New(strings.Repeat("€", maxErrorBytes)))
	if n := strings.Count(log.String(), "€"); n != maxErrorBytes/len("€") || strings.Contains(log.String(), "\ufffd") {
		t.Errorf("%d characters: %s", n, log.String())
	}
}
