package session

import (
	"strings"
	"testing"
)

// FuzzRoleAccountID takes the account out of any text in the place of a role's
// ARN, and any text out of the account's place in one.
func FuzzRoleAccountID(f *testing.F) {
	for _, seed := range []string{
		"", ":", ":::::", "arn:", "nonsense", home, "arn:aws:iam::" + home + ":role/reader", "arn:aws-us-gov:iam::" + home + ":role/a/b",
		"arn:aws:iam::" + home, "arn:aws:iam:us-east-1:" + home + ":role/reader:x", "arn:aws:sts::" + home + ":assumed-role/a/b", "arn:aws:iam::\x00:role/\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id := (Role{ARN: text}).AccountID(); id != "" && (!strings.HasPrefix(text, "arn:") || !strings.Contains(text, ":"+id+":")) {
			t.Errorf("%q is of the account %q", text, id)
		}
		if strings.Contains(text, ":") {
			return
		}
		if id := (Role{ARN: "arn:aws:iam::" + text + ":role/reader"}).AccountID(); id != text {
			t.Errorf("the account %q was read as %q", text, id)
		}
	})
}
