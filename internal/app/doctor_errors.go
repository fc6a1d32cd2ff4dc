package app

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
)

// failure returns the check of a call that failed with an error. action is the IAM
// action that it needs, "" if it needs none.
func (e *examination) failure(c doctor.Check, region string, err error, action string) doctor.Check {
	c.Status, c.Code, c.Message = doctor.Error, string(awserr.State(region, err)), brief(err)
	c.Hint = hintOf(c, awserr.CauseOf(err).Code, action)
	if isExpired(awserr.CauseOf(err).Code) {
		c.Code = "expired"
	}
	return c
}

func isExpired(code string) bool {
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "RequestExpired"}, code)
}

// isRejected reports whether a code means that AWS does not accept the credentials,
// for any call.
func isRejected(code string) bool {
	return isExpired(code) || slices.Contains([]string{
		"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"IncompleteSignature", "MissingAuthenticationToken",
	}, code)
}

// hintOf returns the section of the documents that a failed check is about.
func hintOf(c doctor.Check, code, action string) string {
	switch {
	case isExpired(code), c.Category == doctor.Credentials && c.Check != "AssumeRole":
		return "docs/doctor.md#credentials"
	case c.Check == "AssumeRole":
		return "docs/iam.md#external-id-and-trust"
	case c.Code == string(coverage.NoDetector):
		return "docs/alerts.md#guarddutycoveragenodetector"
	case c.Code == string(coverage.Denied) && strings.HasPrefix(action, "ecs:"):
		return "docs/iam.md#ecs"
	case c.Code == string(coverage.Denied) && action != "":
		return "docs/iam.md#what-each-call-needs"
	}
	return "docs/metrics.md#targets"
}

// policy returns the statement that the principal's policy lacks, nil if the check's
// call was not denied.
func (e *examination) policy(roleARN string, c doctor.Check, action string) *doctor.Policy {
	if c.Code != string(coverage.Denied) {
		return nil
	}
	principal := roleARN
	if principal == "" {
		principal = iampolicy.Exporter
	}
	policy, err := iampolicy.For(e.Config, principal)
	if err != nil {
		return nil // impossible: the principal is one of the configuration
	}
	for _, s := range policy.Statement {
		if slices.Contains(s.Action, action) {
			return &doctor.Policy{
				Principal: nameOf(principal),
				Statement: doctor.Statement{Effect: s.Effect, Action: []string{action}, Resource: s.Resource},
			}
		}
	}
	return nil
}

// nameOf returns the principal in words.
func nameOf(principal string) string {
	if principal == iampolicy.Exporter {
		return "the exporter's own identity"
	}
	return principal
}

// queueError returns the check of a queue whose attributes cannot be read. The
// exporter itself does not need them.
func (e *examination) queueError(c doctor.Check, q config.EventQueue, err error) doctor.Check {
	const action = "sqs:GetQueueAttributes"
	c = e.failure(c, q.Region, err, action)
	switch {
	case c.Code == string(coverage.Denied):
		principal := q.RoleARN
		if principal == "" {
			principal = iampolicy.Exporter
		}
		c.Status, c.Hint = doctor.Warning, "docs/doctor.md#permissions"
		c.Message = "the queue is not checked; only doctor needs this action: " + c.Message
		c.Policy = &doctor.Policy{
			Principal: nameOf(principal),
			Statement: doctor.Statement{Effect: "Allow", Action: []string{action}, Resource: []string{q.ARN()}},
		}
	case isNoQueue(awserr.CauseOf(err).Code):
		c.Code, c.Hint = "no_queue", "docs/events.md#set-it-up"
	}
	return c
}

func isNoQueue(code string) bool {
	return code == "QueueDoesNotExist" || strings.HasSuffix(code, "NonExistentQueue")
}

// requestID matches what the SDK writes before the code and message of AWS.
var requestID = regexp.MustCompile(`^.*RequestID: [^,]*, (?:api error )?|^.*\bGet "[^"]*": `)

// maxBrief limits the text of an error in bytes.
const maxBrief = 400

// brief returns the text of an error of a call to AWS without what the SDK adds, and
// without secrets.
func brief(err error) string {
	text := awserr.Redact(strings.Join(strings.Fields(err.Error()), " "))
	text = requestID.ReplaceAllString(text, "")
	if len(text) > maxBrief {
		text = strings.ToValidUTF8(text[:maxBrief], "") + "…"
	}
	return text
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
