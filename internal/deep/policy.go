package deep

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// telemetryAction is the action of the agent's requests.
const telemetryAction = "guardduty:SendSecurityTelemetry"

// list is a string or a list of strings of a policy.
type list []string

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = list{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// statement is a statement of a policy. Elements that are not known here restrict
// it in a way that is not evaluated.
type statement struct {
	Effect            string
	Action, NotAction list
	Resource          list
	NotResource       json.RawMessage
	Principal         json.RawMessage
	NotPrincipal      json.RawMessage
	Condition         map[string]map[string]list
}

// allows reports whether the policy of an endpoint allows the agents of an account
// to send telemetry. Unknown means that it may depend on what is not evaluated:
// conditions, resources and principals.
func allows(policy, accountID string) diagnosis.Switch {
	var document struct{ Statement json.RawMessage }
	if policy == "" || json.Unmarshal([]byte(policy), &document) != nil {
		return diagnosis.Unknown
	}
	var statements []statement
	if json.Unmarshal(document.Statement, &statements) != nil {
		statements = make([]statement, 1)
		if json.Unmarshal(document.Statement, &statements[0]) != nil {
			return diagnosis.Unknown
		}
	}
	allowed, denied := diagnosis.Off, diagnosis.Off
	for _, s := range statements {
		switch applies := s.applies(accountID); s.Effect {
		case "Allow":
			allowed = either(allowed, applies)
		case "Deny":
			denied = either(denied, applies)
		}
	}
	switch {
	case denied == diagnosis.On || allowed == diagnosis.Off:
		return diagnosis.Off
	case denied == diagnosis.Off && allowed == diagnosis.On:
		return diagnosis.On
	}
	return diagnosis.Unknown
}

// either returns On if one is On, otherwise Unknown if one is Unknown.
func either(a, b diagnosis.Switch) diagnosis.Switch {
	switch diagnosis.On {
	case a, b:
		return diagnosis.On
	}
	if a == diagnosis.Unknown || b == diagnosis.Unknown {
		return diagnosis.Unknown
	}
	return diagnosis.Off
}

// applies reports whether the statement is about the telemetry of an account.
func (s statement) applies(accountID string) diagnosis.Switch {
	switch {
	case len(s.Action) > 0 && !matches(s.Action), len(s.NotAction) > 0 && matches(s.NotAction), len(s.Action)+len(s.NotAction) == 0:
		return diagnosis.Off
	case s.exemptsAccount(accountID):
		return diagnosis.Off
	case len(s.Condition) > 0, s.NotPrincipal != nil, s.NotResource != nil, !slices.Contains(s.Resource, "*"), !isEveryone(s.Principal):
		return diagnosis.Unknown
	}
	return diagnosis.On
}

// exemptsAccount reports whether a condition excludes the account's principals.
// GuardDuty's own endpoints deny those of other accounts so.
func (s statement) exemptsAccount(accountID string) bool {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if strings.EqualFold(operator, "StringNotEquals") && strings.EqualFold(key, "aws:PrincipalAccount") && slices.Contains(values, accountID) {
				return true
			}
		}
	}
	return false
}

func isEveryone(principal json.RawMessage) bool {
	var everyone string
	if json.Unmarshal(principal, &everyone) == nil {
		return everyone == "*"
	}
	var by map[string]list
	return json.Unmarshal(principal, &by) == nil && slices.Contains(by["AWS"], "*")
}

// matches reports whether one of the patterns, which may have * and ?, matches the
// action. Case does not matter.
func matches(patterns list) bool {
	for _, p := range patterns {
		p = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(p))
		if regexp.MustCompile(`(?is)^` + p + `$`).MatchString(telemetryAction) {
			return true
		}
	}
	return false
}
