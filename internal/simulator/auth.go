package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// maxSkew is the maximum difference between the clocks of client and server.
const maxSkew = 5 * time.Minute

// session is the content of temporary credentials. Their session token is the
// encoded session.
type session struct {
	AccessKeyID, SecretAccessKey string
	Partition                    string
	AccountID, Role, Name        string
	Expiration                   time.Time
}

// sessionScope is the scope of session tokens.
const sessionScope = "session"

// arn returns the ARN of the assumed role, which does not include the role's path.
func (s session) arn() string {
	role := s.Role[strings.LastIndexByte(s.Role, '/')+1:]
	return fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", s.Partition, s.AccountID, role, s.Name)
}

// authenticate verifies the signature and sets the caller of the request. The
// checks are in the order of AWS: key, clock, token, signature, Region.
func (s *Server) authenticate(req *request) error {
	if req.http.Header.Get("Authorization") == "" {
		return &awswire.APIError{
			Status: http.StatusForbidden, Code: "MissingAuthenticationTokenException",
			QueryCode: "MissingAuthenticationToken", Message: "Missing Authentication Token",
		}
	}
	if req.sigErr != nil {
		return &awswire.APIError{
			Status: http.StatusBadRequest, Code: "IncompleteSignatureException",
			QueryCode: "IncompleteSignature", Message: req.sigErr.Error(),
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sess, err := s.session(req)
	if err != nil {
		return err
	}
	if err := checkClock(req.sig.Time, s.now()); err != nil {
		return err
	}
	if !sess.Expiration.IsZero() && !s.now().Before(sess.Expiration) {
		return &awswire.APIError{
			Status: http.StatusForbidden, Code: "ExpiredTokenException", QueryCode: "ExpiredToken",
			Message: "The security token included in the request is expired",
		}
	}
	if !req.sig.Matches(req.http, req.body, sess.SecretAccessKey) {
		return invalidSignature("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	if req.protocol == nil {
		return invalidSignature("Credential should be scoped to correct service.")
	}
	if s.world.regionStatus(s.index.accounts[sess.AccountID], req.sig.Region) == regionDisabled {
		return unknownClient()
	}
	req.session = sess
	req.call.AccountID, req.call.Role = sess.AccountID, sess.Role
	return nil
}

// session returns the session in the request's session token, or that of an
// account's long-term key.
func (s *Server) session(req *request) (session, error) {
	token := req.http.Header.Get("X-Amz-Security-Token")
	if token == "" {
		a := s.index.keys[req.sig.AccessKeyID]
		if a == nil {
			return session{}, unknownClient()
		}
		return session{
			AccessKeyID: a.Keys.AccessKeyID, SecretAccessKey: a.Keys.SecretAccessKey, Partition: s.world.partition(), AccountID: a.ID,
		}, nil
	}
	var sess session
	if !s.tokens.Decode(sessionScope, token, &sess) || sess.AccessKeyID != req.sig.AccessKeyID {
		return session{}, unknownClient()
	}
	if a := s.index.accounts[sess.AccountID]; a == nil || a.Role(sess.Role) == nil {
		return session{}, unknownClient()
	}
	return sess, nil
}

// checkClock returns an error for a signature that is too old or too new.
func checkClock(signed, now time.Time) error {
	const layout = awswire.SignatureTimeLayout
	now = now.UTC()
	switch skew := now.Sub(signed); {
	case skew > maxSkew:
		return invalidSignature(fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			signed.Format(layout), now.Add(-maxSkew).Format(layout), now.Format(layout)))
	case skew < -maxSkew:
		return invalidSignature(fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			signed.Format(layout), now.Add(maxSkew).Format(layout), now.Format(layout)))
	default:
		return nil
	}
}

// authorize returns an error if the caller's role denies the action.
func (s *Server) authorize(req *request) error {
	if req.session.Role == "" {
		return nil
	}
	action := req.action()
	role := s.index.accounts[req.session.AccountID].Role(req.session.Role)
	if role == nil || !slices.Contains(role.Deny, action) {
		return nil
	}
	return req.denied("identity")
}

// denied returns the error for an action that no policy of the kind, identity or
// resource, allows. SQS returns actions in lower case.
func (req *request) denied(policy string) error {
	action := req.action()
	if req.call.Service == "sqs" {
		action = strings.ToLower(action)
	}
	return &awswire.APIError{
		Status: http.StatusForbidden, Code: "AccessDeniedException", QueryCode: "AccessDenied",
		Message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no %s-based policy allows the %s action",
			req.session.callerARN(), action, req.resource(), policy, action),
	}
}

// unknownClient returns the error for a key that is unknown in the Region.
func unknownClient() error {
	return &awswire.APIError{
		Status: http.StatusForbidden, Code: "UnrecognizedClientException", QueryCode: "InvalidClientTokenId",
		Message: "The security token included in the request is invalid.",
	}
}

func invalidSignature(message string) error {
	return &awswire.APIError{
		Status: http.StatusForbidden, Code: "InvalidSignatureException", QueryCode: "SignatureDoesNotMatch",
		Message: message,
	}
}
