package web

import (
	"path/filepath"
	"strings"
	"testing"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// TestCheckConfig has web configuration files that a start rejects, and one that it accepts.
func TestCheckConfig(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"nothing":        {"{}\n", ""},
		"users":          {"basic_auth_users:\n  prometheus: " + hashOfRight + "\n", ""},
		"empty":          {"", "the file is empty"},
		"unknown key":    {"basic_auth: {}\n", "basic_auth not found"},
		"no hash":        {"basic_auth_users: {prometheus: s3cret}\n", "is not a bcrypt hash"},
		"no certificate": {"tls_server_config: {cert_file: none.pem, key_file: none.key}\n", "none.pem"},
		"bad header":     {"http_server_config: {headers: {Server: x}}\n", "HTTP header"},
	} {
		file := filepath.Join(t.TempDir(), "web.yaml")
		write(t, file, tc.content)
		err := CheckConfig(&toolkit.FlagConfig{WebConfigFile: &file})
		if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
	none, missing := "", filepath.Join(t.TempDir(), "missing.yaml")
	if err := CheckConfig(&toolkit.FlagConfig{WebConfigFile: &none}); err != nil {
		t.Errorf("without a file: %v", err)
	}
	if err := CheckConfig(&toolkit.FlagConfig{WebConfigFile: &missing}); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("missing file: %v", err)
	}
}
