package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxSkew is how far a request's clock may be off.
const maxSkew = 5 * time.Minute

// session is what temporary credentials stand for. It travels, sealed, as
// their session token.
type session struct {
	AccessKeyID, SecretAccessKey string
	AccountID, Role, Name        string
	Expiration                   time.Time
}

// sessionPurpose is what session tokens are sealed for.
const sessionPurpose = "session"

// arn is the ARN of the assumed role; the role's path is not part of it.
func (s session) arn() string {
	role := s.Role[strings.LastIndexByte(s.Role, '/')+1:]
	return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", s.AccountID, role, s.Name)
}

// authenticate verifies the signature and notes the caller on the request.
// The order of the checks is that of AWS: key, clock, token, signature, Region.
func (s *Server) authenticate(req *request) error {
	if req.http.Header.Get("Authorization") == "" {
		return &fault{
			status: http.StatusForbidden, code: "MissingAuthenticationTokenException",
			queryCode: "MissingAuthenticationToken", message: "Missing Authentication Token",
		}
	}
	if req.sigErr != nil {
		return &fault{
			status: http.StatusBadRequest, code: "IncompleteSignatureException",
			queryCode: "IncompleteSignature", message: req.sigErr.Error(),
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sess, err := s.session(req)
	if err != nil {
		return err
	}
	if err := checkClock(req.sig.time, s.now()); err != nil {
		return err
	}
	if !sess.Expiration.IsZero() && !s.now().Before(sess.Expiration) {
		return &fault{
			status: http.StatusForbidden, code: "ExpiredTokenException", queryCode: "ExpiredToken",
			message: "The security token included in the request is expired",
		}
	}
	if !req.sig.matches(req.http, req.body, sess.SecretAccessKey) {
		return invalidSignature("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	if req.protocol == nil {
		return invalidSignature("Credential should be scoped to correct service.")
	}
	if regionStatus(s.index.accounts[sess.AccountID], req.sig.region) == regionDisabled {
		return unknownClient()
	}
	req.session = sess
	req.call.AccountID, req.call.Role = sess.AccountID, sess.Role
	return nil
}

// session finds the credentials of the request: those in its session token,
// or an account's long-term key.
func (s *Server) session(req *request) (session, error) {
	token := req.http.Header.Get("X-Amz-Security-Token")
	if token == "" {
		a := s.index.keys[req.sig.accessKeyID]
		if a == nil {
			return session{}, unknownClient()
		}
		return session{AccessKeyID: a.Keys.AccessKeyID, SecretAccessKey: a.Keys.SecretAccessKey, AccountID: a.ID}, nil
	}
	var sess session
	if !s.sealer.open(sessionPurpose, token, &sess) || sess.AccessKeyID != req.sig.accessKeyID {
		return session{}, unknownClient()
	}
	if a := s.index.accounts[sess.AccountID]; a == nil || a.Role(sess.Role) == nil {
		return session{}, unknownClient()
	}
	return sess, nil
}

// checkClock refuses a signature too old or too young.
func checkClock(signed, now time.Time) error {
	now = now.UTC()
	switch skew := now.Sub(signed); {
	case skew > maxSkew:
		return invalidSignature(fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
			signed.Format(sigTimeLayout), now.Add(-maxSkew).Format(sigTimeLayout), now.Format(sigTimeLayout)))
	case skew < -maxSkew:
		return invalidSignature(fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 5 min.)",
			signed.Format(sigTimeLayout), now.Add(maxSkew).Format(sigTimeLayout), now.Format(sigTimeLayout)))
	default:
		return nil
	}
}

// authorize refuses an action that the caller's role denies.
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

// denied is the refusal of an action that no policy of the kind allows. SQS
// writes actions in lower case.
func (req *request) denied(policy string) error {
	action := req.action()
	if req.call.Service == "sqs" {
		action = strings.ToLower(action)
	}
	return &fault{
		status: http.StatusForbidden, code: "AccessDeniedException", queryCode: "AccessDenied",
		message: fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no %s-based policy allows the %s action",
			req.session.callerARN(), action, req.resource(), policy, action),
	}
}

// unknownClient is the refusal of a key that is not known in the Region.
func unknownClient() error {
	return &fault{
		status: http.StatusForbidden, code: "UnrecognizedClientException", queryCode: "InvalidClientTokenId",
		message: "The security token included in the request is invalid.",
	}
}

func invalidSignature(message string) error {
	return &fault{
		status: http.StatusForbidden, code: "InvalidSignatureException", queryCode: "SignatureDoesNotMatch",
		message: message,
	}
}
