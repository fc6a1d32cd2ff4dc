package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzRoleARN uses any text as role_arn. An accepted one has an account, which is the default name of the target; any
// other is rejected with one message.
func FuzzRoleARN(f *testing.F) {
	for _, seed := range []string{
		"arn:aws:iam::111122223333:role/r", "arn:aws-cn:iam::111122223333:role/path/to/r", "arn:aws:iam::111122223333:role/", "arn:aws:iam::1:role/r",
		"arn:aws:iam:us-east-1:111122223333:role/r", "arn:aws:sts::111122223333:assumed-role/a/b", "arn:aws:iam::111122223333:user/u",
		"arn", "arn:::::", "111122223333", "\u202e", "\x00", "arn:aws:iam::111122223333:role/r\n", " arn:aws:iam::111122223333:role/r", "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:role/r",
	} {
		f.Add(seed)
	}
	account := regexp.MustCompile(`^[0-9]{12}$`)
	f.Fuzz(func(t *testing.T, arn string) {
		text, err := json.Marshal(arn) // JSON is valid YAML
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := Parse("config.yaml", fmt.Appendf(nil, "targets:\n- role_arn: %s\n", text))
		if err != nil {
			checkErrors(t, err, 2)
			return
		}
		target := cfg.Targets[0]
		if target.RoleARN == "" { // empty
			return
		}
		if target.RoleARN != arn && utf8.ValidString(arn) || !account.MatchString(target.RoleAccountID()) || target.Name != target.RoleAccountID() {
			t.Errorf("%q is the role %q of the account %q, and the target %q", arn, target.RoleARN, target.RoleAccountID(), target.Name)
		}
		if strings.ContainsFunc(target.RoleARN, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) || unicode.IsSpace(r) }) {
			t.Errorf("the role %q is accepted", target.RoleARN)
		}
	})
}
