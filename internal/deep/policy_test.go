package deep

import (
	"testing"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

func TestAllows(t *testing.T) {
	const (
		on, off, unknown = diagnosis.On, diagnosis.Off, diagnosis.Unknown
		everything       = `{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}`
	)
	deny := func(elements string) string {
		return `{"Version":"2012-10-17","Statement":[` + everything + `,{"Effect":"Deny","Resource":"*","Principal":"*",` + elements + `}]}`
	}
	for policy, want := range map[string]diagnosis.Switch{
		"": unknown, "{": unknown, `[]`: unknown, `{}`: unknown, `{"Statement":"x"}`: unknown, `{"Statement":[]}`: off,
		`{"Statement":` + everything + `}`: on, `{"Statement":[` + everything + `]}`: on,
		`{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}}`:                                               off,
		`{"Statement":{"Effect":"Allow","Action":["s3:*","guardduty:SendSecurityTelemetry"],"Resource":["*"],"Principal":{"AWS":"*"}}}`: on,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"AWS":["*"]}}}`:                                        on,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"AWS":"111122223333"}}}`:                               unknown,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:guardduty:*:*:*","Principal":"*"}}`:                            unknown,
		`{"Statement":{"Effect":"Allow","Action":"*","NotResource":"x","Principal":"*"}}`:                                               unknown,
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","NotPrincipal":"x"}}`:                                               unknown,
		`{"Statement":{"Effect":"Allow","NotAction":"s3:*","Resource":"*","Principal":"*"}}`:                                            on,
		deny(`"Action":"*"`): off, deny(`"Action":"guardduty:*"`): off, deny(`"Action":["GUARDDUTY:sendsecuritytelemetry"]`): off,
		deny(`"Action":"guardduty:Send?ecurity*"`): off, deny(`"Action":"guardduty:Get*"`): on, deny(`"Action":"guardduty.Send*"`): on,
		deny(`"NotAction":"s3:*"`): off, deny(`"NotAction":["s3:*","guardduty:*"]`): on, deny(`"Sid":"x"`): on,
		// GuardDuty's own policy
		deny(`"Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}`):                  on,
		deny(`"Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":["222233334444","111122223333"]}}`): on,
		deny(`"Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"222233334444"}}`):                  unknown,
		deny(`"Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}`):                             unknown,
		deny(`"Action":"*","Condition":{"Bool":{"aws:SecureTransport":false}}`):                                       unknown,
	} {
		if got := allows(policy, "111122223333"); got != want {
			t.Errorf("%s: got %v, want %v", policy, got, want)
		}
	}
}
