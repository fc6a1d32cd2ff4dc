package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

// request is one API call in progress.
type request struct {
	id       string
	http     *http.Request
	body     []byte
	form     url.Values // of a Query call
	call     Call
	protocol awswire.Protocol // nil for an unknown service
	sig      awswire.Signature
	sigErr   error
	session  session // the caller, once authenticated
	// detectorID is the one in the path of a GuardDuty call, unescaped.
	detectorID string
	queue      queue.Address // of an SQS call; zero if its URL is invalid
	operation  operation     // nil if unknown
	// stopping is closed when long polls must return.
	stopping <-chan struct{}
}

// operation performs a call with the server's read lock held. Its response must
// not share memory with the world, which Update may change.
type operation func(*Server, *request) (any, error)

// deferred is the response of an operation that blocks. It is called without the
// server's lock.
type deferred func() (any, error)

// route is an operation with its name in the API model.
type route struct {
	name string
	do   operation
}

// setRoute sets the request's operation, none if routes does not have the key.
func (req *request) setRoute(routes map[string]route, key string) {
	req.call.Operation, req.operation = routes[key].name, routes[key].do
}

// setOperation sets the request's operation, none if operations does not have the
// name.
func (req *request) setOperation(operations map[string]operation, name string) {
	if req.operation = operations[name]; req.operation != nil {
		req.call.Operation = name
	}
}

// readQuery reads the form of a Query call and reports whether it has one.
func (req *request) readQuery() bool {
	form, err := url.ParseQuery(string(req.body))
	if err != nil || req.http.Method != http.MethodPost || req.http.URL.Path != "/" {
		return false
	}
	req.form = form
	return true
}

// newRequest returns the request with its service and operation.
func newRequest(r *http.Request, body []byte) *request {
	req := &request{http: r, body: body}
	req.sig, req.sigErr = awswire.ParseSignature(r.Header)
	req.call.Service, req.call.Region = req.sig.Service, req.sig.Region
	service := req.sig.Service
	if service == "" { // unsigned: the form of the request determines the form of the error
		service = "guardduty"
		switch {
		case strings.HasPrefix(r.Header.Get("X-Amz-Target"), sqsTarget):
			service = "sqs"
		case strings.HasPrefix(r.Header.Get("X-Amz-Target"), ecsTarget):
			service = "ecs"
		case r.URL.Path == "/":
			service = "sts"
		}
	}
	switch service {
	case "guardduty":
		req.protocol = awswire.RESTJSON{}
		req.routeGuardDuty()
	case "account":
		req.protocol = awswire.RESTJSON{}
		if r.Method == http.MethodPost && r.URL.Path == "/listRegions" {
			req.call.Operation, req.operation = "ListRegions", (*Server).listRegions
		}
	case "sts":
		req.protocol = awswire.QueryXML{Namespace: stsNamespace}
		req.routeSTS()
	case "ec2":
		req.protocol = awswire.EC2XML{}
		req.routeEC2()
	case "iam":
		req.protocol = awswire.QueryXML{Namespace: iamNamespace}
		req.routeIAM()
	case "organizations":
		req.protocol = awswire.AWSJSON{}
		if r.Method == http.MethodPost && r.URL.Path == "/" &&
			r.Header.Get("X-Amz-Target") == "AWSOrganizationsV20161128.ListAccounts" {
			req.call.Operation, req.operation = "ListAccounts", (*Server).listAccounts
		}
	case "sqs":
		req.protocol = awswire.SQSJSON{}
		req.routeSQS()
	case "ecs":
		req.protocol = awswire.ECSJSON{}
		req.routeECS()
	}
	return req
}

func (req *request) routeGuardDuty() {
	segments := strings.Split(strings.TrimPrefix(req.http.URL.EscapedPath(), "/"), "/")
	if segments[0] != "detector" {
		return
	}
	key := req.http.Method
	if len(segments) > 1 {
		id, err := url.PathUnescape(segments[1])
		if err != nil || id == "" {
			return
		}
		req.detectorID = id
		key += " " + strings.Join(append([]string{"{}"}, segments[2:]...), "/")
	}
	req.setRoute(map[string]route{
		"GET":                         {"ListDetectors", (*Server).listDetectors},
		"GET {}":                      {"GetDetector", (*Server).getDetector},
		"GET {}/member":               {"ListMembers", (*Server).listMembers},
		"POST {}/member/get":          {"GetMembers", (*Server).getMembers},
		"POST {}/member/detector/get": {"GetMemberDetectors", (*Server).getMemberDetectors},
		"POST {}/coverage":            {"ListCoverage", (*Server).listCoverage},
		"POST {}/coverage/statistics": {"GetCoverageStatistics", (*Server).getCoverageStatistics},
	}, key)
}

func (req *request) routeSTS() {
	if !req.readQuery() {
		return
	}
	req.setOperation(map[string]operation{
		"AssumeRole":        (*Server).assumeRole,
		"GetCallerIdentity": (*Server).getCallerIdentity,
	}, req.form.Get("Action"))
}

// unread returns the HTTP request with an unread body.
func (req *request) unread() *http.Request {
	r := req.http.Clone(req.http.Context())
	r.Body = io.NopCloser(bytes.NewReader(req.body))
	return r
}

// resource returns the ARN of the call's resource, for the message of a denial.
func (req *request) resource() string {
	switch {
	case req.call.Service == "sqs" && req.queue != queue.Address{}:
		return req.queue.ARN()
	case req.call.Service != "guardduty":
		return "*"
	}
	id := req.detectorID
	if id == "" {
		id = "*"
	}
	return arn("guardduty", req.call.Region, req.session.AccountID, "detector/"+id)
}

// action returns the IAM action of the call. In SQS, a batch needs the action of
// the single call.
func (req *request) action() string {
	operation := req.call.Operation
	if req.call.Service == "sqs" {
		operation = strings.TrimSuffix(operation, "Batch")
	}
	return req.call.Service + ":" + operation
}

// perform authorizes and performs the call.
func (s *Server) perform(req *request) (any, error) {
	response, err := s.performLocked(req)
	if wait, ok := response.(deferred); ok && err == nil {
		return wait()
	}
	return response, err
}

// performLocked authorizes and performs the call with the server's lock held.
func (s *Server) performLocked(req *request) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if req.operation == nil {
		return nil, unknownOperation(req.http.Method, req.http.URL.Path)
	}
	account := s.index.accounts[req.session.AccountID]
	if account == nil { // removed since the authentication
		return nil, unknownClient()
	}
	if err := s.authorize(req); err != nil {
		return nil, err
	}
	return req.operation(s, req)
}

// unknownOperation returns the error for a path or action that does not exist.
func unknownOperation(method, path string) error {
	return &awswire.APIError{
		Status: http.StatusNotFound, Code: "UnknownOperationException",
		Message: fmt.Sprintf("The operation %s %s is not supported.", method, path),
	}
}
