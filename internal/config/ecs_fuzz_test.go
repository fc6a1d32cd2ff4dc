package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// FuzzECSRole uses any text as ecs.role_arn. An accepted one is the ARN of a role in each account and has no brace left;
// any other is rejected with one message.
func FuzzECSRole(f *testing.F) {
	for _, seed := range []string{
		"arn:aws:iam::{account_id}:role/r", "arn:{partition}:iam::{account_id}:role/path/{account_id}/r-{partition}",
		"arn:aws:iam::{account_id}:role/{account_id}", "arn:aws:iam::{account_id}:role/{r}/r", "arn:aws:iam::{{account_id}}:role/r",
		"arn:aws:iam::{account_{account_id}id}:role/r", "arn:aws:iam::111122223333:role/r", "{partition}", "{", "}{", "",
		"arn:aws:iam:{partition}:{account_id}:role/r", "arn:aws:iam::{account_id}:user/u", "arn:aws:iam::{account_id}:role/r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, template string) {
		text, err := json.Marshal(template) // JSON is valid YAML
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := Parse("config.yaml", fmt.Appendf(nil, "targets:\n- ecs: {external_id: abc, role_arn: %s}\n", text))
		if template == "" {
			if err == nil || !strings.Contains(err.Error(), "external_id: requires role_arn") {
				t.Errorf("no role: got %v", err)
			}
			return
		}
		if err != nil {
			checkErrors(t, err, 2)
			return
		}
		for _, account := range []string{"000000000000", "444455556666"} {
			role := cfg.Targets[0].ECS.RoleIn("aws", account)
			if !isRoleARN(role) || roleAccountID(role) != account || strings.ContainsAny(role, "{}") {
				t.Errorf("%q is %q in the account %s", template, role, account)
			}
		}
	})
}
