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
