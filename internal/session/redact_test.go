package session

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestSecretEncodings has an STS that repeats the external ID in the encodings of
// the request, of JSON and of XML, and in upper case.
func TestSecretEncodings(t *testing.T) {
	const secret = `open sesame/+=&"<é:1`
	for name, encoded := range map[string]string{
		"plain":             secret,
		"query":             url.QueryEscape(secret),
		"lower-case query":  strings.ToLower(url.QueryEscape(secret)),
		"path":              url.PathEscape(secret),
		"query, %20":        strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		"query of a query":  url.QueryEscape(url.QueryEscape(secret)),
		"upper case":        strings.ToUpper(secret),
		"lower case":        strings.ToLower(secret),
		"hex":               hex.EncodeToString([]byte(secret)),
		"twice, in a quote": fmt.Sprintf("'%s' and '%s'", secret, strings.ToUpper(secret)),
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, func(_ int, w http.ResponseWriter) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message><![CDATA[%s failed]]></Message></Error></ErrorResponse>`, encoded)
			})
			role := reader
			role.ExternalID = secret
			cfg := open(t, server, nil).Session(role, region).Config(other)
			_, err := stsClient(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err == nil || strings.Contains(err.Error(), encoded) || !strings.Contains(err.Error(), "<secret>") ||
				strings.Contains(strings.ToLower(err.Error()), "sesame") {
				t.Errorf("error %v", err)
			}
		})
	}
}
