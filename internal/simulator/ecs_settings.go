package simulator

import (
	"cmp"
	"slices"
)

// ecsSetting is an element of ListAccountSettings' settings.
type ecsSetting struct {
	Name         string `json:"name"`
	Value        string `json:"value"`
	PrincipalARN string `json:"principalArn"`
	Type         string `json:"type"`
}

// guardDutyActivate is the name of the account setting that shows whether GuardDuty
// monitors the account.
const guardDutyActivate = "guardDutyActivate"

// listAccountSettings lists account settings by name. All are managed by AWS or have
// their default, so only effective settings are listed.
func (s *Server) listAccountSettings(req *request) (any, error) {
	var in struct {
		ecsPage
		Name              string `json:"name"`
		Value             string `json:"value"`
		PrincipalARN      string `json:"principalArn"`
		EffectiveSettings bool   `json:"effectiveSettings"`
	}
	err := decodeECS(req, &in, "name", "value", "principalArn", "effectiveSettings", "maxResults", "nextToken")
	if err != nil {
		return nil, err
	}
	a := s.index.accounts[req.session.AccountID]
	values := map[string]string{
		"awsvpcTrunking": "disabled", "containerInsights": "disabled", "containerInstanceLongArnFormat": "enabled",
		"serviceLongArnFormat": "enabled", "taskLongArnFormat": "enabled", guardDutyActivate: a.ecsSetting(req.call.Region),
	}
	var names []string
	for name := range values {
		names = append(names, name)
	}
	if in.Name != "" && !slices.Contains(names, in.Name) {
		return nil, ecsInvalid("%s is not a setting", in.Name)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !in.EffectiveSettings || in.Name != "" && in.Name != name || in.Value != "" && in.Value != values[name]
	})
	page, token, err := s.ecsPageOf(names, in.ecsPage, ecsLimits{10, 10}, req.call.Operation, a.ID, req.call.Region, in.Name, in.Value)
	if err != nil {
		return nil, err
	}
	out := struct {
		Settings  []ecsSetting `json:"settings"`
		NextToken string       `json:"nextToken,omitempty"`
	}{[]ecsSetting{}, token}
	for _, name := range page {
		setting := ecsSetting{name, values[name], "arn:" + req.session.Partition + ":iam::" + a.ID + ":root", "user"}
		if name == guardDutyActivate {
			setting.Type = "aws_managed"
		}
		out.Settings = append(out.Settings, setting)
	}
	return out, nil
}

// ecsSetting returns ECSSetting, or its default in the Region.
func (a *Account) ecsSetting(region string) string {
	value := "off"
	if d := a.Detector(region); d != nil && d.monitors() {
		value = "on"
	}
	return cmp.Or(a.ECSSetting, value)
}
