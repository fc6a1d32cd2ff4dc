package config

import (
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// maxExternalID is the maximum length of an external ID in STS.
const maxExternalID = 1224

// role is the settings of a role to assume, which targets, queues and ecs have.
type role struct {
	arn            string
	externalID     *Secret // never nil
	externalIDFile string
	sessionName    string
}

func (t *Target) role() role {
	return role{t.RoleARN, &t.ExternalID, t.ExternalIDFile, t.RoleSessionName}
}

func (q *EventQueue) role() role {
	return role{q.RoleARN, &q.ExternalID, q.ExternalIDFile, q.RoleSessionName}
}

func (e *ECS) role() role {
	return role{e.RoleARN, &e.ExternalID, e.ExternalIDFile, e.RoleSessionName}
}

// roles returns the role settings of the configuration by the keys of their mappings, in the order of the file.
func (c *Config) roles() iter.Seq2[string, role] {
	return func(yield func(string, role) bool) {
		for i := range c.Targets {
			t := &c.Targets[i]
			if !yield(targetKey(i), t.role()) || t.ECS != nil && !yield(ecsKey(i), t.ECS.role()) {
				return
			}
		}
		for i := range c.Events {
			if !yield(queueKey(i), c.Events[i].role()) {
				return
			}
		}
	}
}

// validateRole checks the role settings of the mapping at key.
func validateRole(errs *errorList, key string, r role) {
	roleKey := join(key, "role_arn")
	switch {
	case r.arn == "":
	case hasPlaceholder(r.arn):
		errs.addf(roleKey, "%s has a placeholder, which only ecs.role_arn of a target may have", quote(r.arn))
	case !isRoleARN(r.arn):
		errs.addf(roleKey, "%s is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)", quote(r.arn))
	}
	validateSession(errs, key, r)
}

// validateSession checks the settings other than role_arn of the mapping at key.
func validateSession(errs *errorList, key string, r role) {
	secret, file, session := join(key, "external_id"), join(key, "external_id_file"), join(key, "role_session_name")
	switch {
	case *r.externalID == "":
	case r.arn == "":
		errs.addf(secret, "requires role_arn")
	default:
		if reason := checkExternalID(*r.externalID); reason != "" {
			errs.addf(secret, "%s", reason)
		}
	}
	switch {
	case r.externalIDFile == "":
	case r.arn == "":
		errs.addf(file, "requires role_arn")
	case *r.externalID != "" || errs.invalid(secret):
		errs.addf(file, "cannot be combined with external_id")
	case !isPrintable(r.externalIDFile):
		errs.addf(file, "must not contain leading or trailing spaces or non-printable characters")
	}
	switch {
	case r.sessionName == "":
	case r.arn == "":
		errs.addf(session, "requires role_arn")
	case !roleSessionNamePattern.MatchString(r.sessionName):
		errs.addf(session, "%s must have 2 to 64 letters, digits and _+=,.@-", quote(r.sessionName))
	}
}

// checkExternalID returns the reason why an external ID is wrong, without quoting it, or "".
func checkExternalID(id Secret) string {
	if len(id) > maxExternalID || !externalIDPattern.MatchString(id.Reveal()) {
		return "must have 2 to 1224 letters, digits and _+=,.@:/-"
	}
	return ""
}

func isRoleARN(text string) bool {
	role, err := arn.Parse(text)
	return err == nil && rolePartitionPattern.MatchString(role.Partition) && role.Service == "iam" && role.Region == "" &&
		accountIDPattern.MatchString(role.AccountID) && roleNamePattern.MatchString(role.Resource)
}
