package simulator

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// request is one API call on its way through the server.
type request struct {
	id       string
	http     *http.Request
	body     []byte
	form     url.Values // of a Query call
	call     Call
	protocol protocol // nil for a service that is not served
	sig      signature
	sigErr   error
	session  session // the caller, once authenticated
	// detectorID is the one in the path of a GuardDuty call, unescaped.
	detectorID string
	queue      QueueAddress // of an SQS call, zero where its URL tells of none
	operation  operation    // nil when there is none such
	// ending is closed when calls that wait are to be answered at once.
	ending <-chan struct{}
}

// operation performs a call under the server's read lock. Its answer must not
// share memory with the world that Update could change.
type operation func(*Server, *request) (any, error)

// later is an operation's answer that has to be waited for: it is called without
// the server's lock.
type later func() (any, error)

// newRequest reads from r what service and operation it is for.
func newRequest(r *http.Request, body []byte) *request {
	req := &request{http: r, body: body}
	req.sig, req.sigErr = parseSignature(r.Header)
	req.call.Service, req.call.Region = req.sig.service, req.sig.region
	service := req.sig.service
	if service == "" { // unsigned: the shape tells whose error to answer
		service = "guardduty"
		switch {
		case strings.HasPrefix(r.Header.Get("X-Amz-Target"), sqsTarget):
			service = "sqs"
		case r.URL.Path == "/":
			service = "sts"
		}
	}
	switch service {
	case "guardduty":
		req.protocol = restJSON{}
		req.routeGuardDuty()
	case "account":
		req.protocol = restJSON{}
		if r.Method == http.MethodPost && r.URL.Path == "/listRegions" {
			req.call.Operation, req.operation = "ListRegions", (*Server).listRegions
		}
	case "sts":
		req.protocol = queryXML{}
		req.routeSTS()
	case "organizations":
		req.protocol = awsJSON{}
		if r.Method == http.MethodPost && r.URL.Path == "/" &&
			r.Header.Get("X-Amz-Target") == "AWSOrganizationsV20161128.ListAccounts" {
			req.call.Operation, req.operation = "ListAccounts", (*Server).listAccounts
		}
	case "sqs":
		req.protocol = sqsJSON{}
		req.routeSQS()
	}
	return req
}

func (req *request) routeGuardDuty() {
	segments := strings.Split(strings.TrimPrefix(req.http.URL.EscapedPath(), "/"), "/")
	if segments[0] != "detector" {
		return
	}
	route := req.http.Method
	if len(segments) > 1 {
		id, err := url.PathUnescape(segments[1])
		if err != nil || id == "" {
			return
		}
		req.detectorID = id
		route += " " + strings.Join(append([]string{"{}"}, segments[2:]...), "/")
	}
	switch route {
	case "GET":
		req.call.Operation, req.operation = "ListDetectors", (*Server).listDetectors
	case "GET {}":
		req.call.Operation, req.operation = "GetDetector", (*Server).getDetector
	case "GET {}/member":
		req.call.Operation, req.operation = "ListMembers", (*Server).listMembers
	case "POST {}/member/detector/get":
		req.call.Operation, req.operation = "GetMemberDetectors", (*Server).getMemberDetectors
	case "POST {}/coverage":
		req.call.Operation, req.operation = "ListCoverage", (*Server).listCoverage
	case "POST {}/coverage/statistics":
		req.call.Operation, req.operation = "GetCoverageStatistics", (*Server).getCoverageStatistics
	}
}

func (req *request) routeSTS() {
	form, err := url.ParseQuery(string(req.body))
	if err != nil || req.http.Method != http.MethodPost || req.http.URL.Path != "/" {
		return
	}
	req.form = form
	switch form.Get("Action") {
	case "AssumeRole":
		req.call.Operation, req.operation = "AssumeRole", (*Server).assumeRole
	case "GetCallerIdentity":
		req.call.Operation, req.operation = "GetCallerIdentity", (*Server).getCallerIdentity
	}
}

// unread returns the HTTP request with its body still to be read.
func (req *request) unread() *http.Request {
	r := req.http.Clone(req.http.Context())
	r.Body = io.NopCloser(bytes.NewReader(req.body))
	return r
}

// resource is the ARN that a denial of the call names.
func (req *request) resource() string {
	switch {
	case req.call.Service == "sqs" && req.queue != QueueAddress{}:
		return req.queue.arn()
	case req.call.Service != "guardduty":
		return "*"
	}
	id := req.detectorID
	if id == "" {
		id = "*"
	}
	return "arn:aws:guardduty:" + req.call.Region + ":" + req.session.AccountID + ":detector/" + id
}

// action is the IAM action that the call needs. Those of SQS cover the batches
// as well.
func (req *request) action() string {
	operation := req.call.Operation
	if req.call.Service == "sqs" {
		operation = strings.TrimSuffix(operation, "Batch")
	}
	return req.call.Service + ":" + operation
}

// perform authorises the call and does it.
func (s *Server) perform(req *request) (any, error) {
	answer, err := s.begin(req)
	if wait, ok := answer.(later); ok && err == nil {
		return wait()
	}
	return answer, err
}

// begin does what of the call is done under the server's lock.
func (s *Server) begin(req *request) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if req.operation == nil {
		return nil, unknownOperation(req.http.Method, req.http.URL.Path)
	}
	account := s.index.accounts[req.session.AccountID]
	if account == nil { // gone since it was authenticated
		return nil, unknownClient()
	}
	if err := s.authorize(req); err != nil {
		return nil, err
	}
	return req.operation(s, req)
}
