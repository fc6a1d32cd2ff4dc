package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Senders returns the services that a queue's policy allows to send messages, out of
// EventBridge and SNS. A policy that cannot be read allows none.
func Senders(policy string) []string {
	var document struct {
		Statement oneOrMore[struct {
			Effect    string
			Principal json.RawMessage
			Action    oneOrMore[string]
		}]
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return nil
	}
	var senders []string
	for _, s := range document.Statement {
		if s.Effect != "Allow" || !slices.ContainsFunc(s.Action, sends) {
			continue
		}
		for _, service := range []string{"events.amazonaws.com", "sns.amazonaws.com"} {
			if isPrincipal(s.Principal, service) && !slices.Contains(senders, service) {
				senders = append(senders, service)
			}
		}
	}
	return senders
}

// sends reports whether an action of a policy includes sqs:SendMessage.
func sends(action string) bool {
	action = strings.ToLower(action)
	return slices.Contains([]string{"sqs:sendmessage", "sqs:send*", "sqs:*", "*"}, action)
}

// isPrincipal reports whether a Principal of a policy includes a service.
func isPrincipal(principal json.RawMessage, service string) bool {
	var all string
	if json.Unmarshal(principal, &all) == nil {
		return all == "*"
	}
	var byKind map[string]oneOrMore[string]
	if json.Unmarshal(principal, &byKind) != nil {
		return false
	}
	return slices.Contains(byKind["Service"], service) || slices.Contains(byKind["AWS"], "*")
}

// oneOrMore is an element or a list of them, as IAM allows both.
type oneOrMore[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (o *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	var list []T
	if json.Unmarshal(data, &list) == nil {
		*o = list
		return nil
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}

// QueueAttributes are the attributes of a queue that matter for events.
type QueueAttributes struct {
	Policy             string
	Redrive            bool
	KMSKey             string
	Messages, InFlight int
}

// awsManagedKey is the key of SQS that AWS manages. Its policy lets no other service
// use it (EventBridge user guide, read November 2026).
const awsManagedKey = "alias/aws/sqs"

// CheckQueue returns the checks of a queue's attributes, of the subject of read.
func CheckQueue(read Check, a QueueAttributes) []Check {
	check := func(what string, status Status, code, message string) Check {
		c := Check{Category: Queue, Subject: read.Subject, Region: read.Region, Check: what, Status: status, Code: code, Message: message}
		if status != OK {
			c.Hint = "docs/events.md#set-it-up"
		}
		return c
	}
	var checks []Check
	switch senders := Senders(a.Policy); {
	case len(senders) > 0:
		checks = append(checks, check("policy", OK, "", strings.Join(senders, " and ")+" may send messages"))
	case a.Policy == "":
		checks = append(checks, check("policy", Warning, "no_policy",
			"the queue has no policy: EventBridge and SNS cannot send to it, unless the rule has a role"))
	default:
		checks = append(checks, check("policy", Warning, "no_sender", "the policy of the queue lets neither EventBridge nor SNS send to it"))
	}
	if a.KMSKey == awsManagedKey || strings.HasSuffix(a.KMSKey, ":"+awsManagedKey) {
		checks = append(checks, check("encryption", Error, "aws_managed_key", "the queue has the key "+awsManagedKey+
			", which EventBridge and SNS cannot use: set SqsManagedSseEnabled, or a key of your own"))
	}
	if a.Redrive {
		checks = append(checks, check("dead_letter_queue", OK, "", ""))
	} else {
		checks = append(checks, check("dead_letter_queue", Warning, "no_dead_letter_queue",
			"the queue has no dead-letter queue: malformed messages are received again until they are too old"))
	}
	checks = append(checks, check("messages", OK, "", fmt.Sprintf("%d waiting, %d received and not deleted", a.Messages, a.InFlight)))
	age := check("oldest_message", Skipped, "", "SQS itself does not tell the age: see ApproximateAgeOfOldestMessage in CloudWatch")
	age.Hint = ""
	if a.Messages == 0 {
		age.Message = "no message waits"
		age.Status = OK
	}
	return append(checks, age)
}
