package simulator

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/queue"
)

const (
	// maxBody limits the bytes of a request body. A message of SQS of the maximum
	// length with every byte escaped needs most of it.
	maxBody = 8 << 20
	// maxCalls limits how many calls are recorded.
	maxCalls = 20_000
)

// Options configures a Server. The zero value is usable.
type Options struct {
	// Now is the clock for signatures, credentials, rows that are written through
	// the admin endpoint, events and the visibility of messages. It may be called
	// while the server's lock is held, so it must not call the server. nil means
	// time.Now.
	Now func() time.Time
	// Latency is the minimum duration of a call. Zero means 500 µs, a negative
	// value none: with a server that responds immediately, which no real network
	// has, the AWS SDK for Go closes some request bodies early and drops their
	// connections.
	Latency time.Duration
	// Intercept is as in SetIntercept; nil means none.
	Intercept Intercept
	// Logger receives one debug line for each call. nil means no logging.
	Logger *slog.Logger
}

// Call describes one API call.
type Call struct {
	Time      time.Time // when it arrived, by the server's clock
	Service   string    // guardduty, sts, account, organizations, sqs, ecs, ec2 or iam, as signed; "" when unsigned
	Operation string    // as in the API's model, "" when unknown
	Region    string    // as signed
	AccountID string    // the caller's account, "" when not authenticated
	Role      string    // the caller's role with its path, "" for long-term keys
	Status    int       // HTTP status; 0 while intercepted, or without a response
	Error     string    // AWS's error code, "" when the call succeeded or was intercepted
}

// Intercept is called with an authenticated call before it is processed. It may
// write a response itself and return true; if it returns false it must not have
// written. The request's body has not been read. It is called concurrently and
// without the server's locks, so it may call any method of the Server.
type Intercept func(Call, http.ResponseWriter, *http.Request) bool

// Server serves a World. It is safe for concurrent use. The zero value is not
// usable; see New.
type Server struct {
	now     func() time.Time
	latency time.Duration
	logger  *slog.Logger
	tokens  awswire.TokenCodec

	messages *queue.Store // of the world's queues; its lock is acquired after mu

	mu    sync.RWMutex // guards world and index
	world *World
	index index

	callsMu   sync.Mutex // guards calls and intercept
	calls     []Call
	intercept Intercept
}

var _ http.Handler = (*Server)(nil)

// New returns a server of w. The server owns w from then on: change it only
// through Update.
func New(w *World, o Options) *Server {
	s := &Server{
		now:       o.Now,
		latency:   o.Latency,
		logger:    o.Logger,
		tokens:    awswire.NewTokenCodec(),
		messages:  queue.NewStore(),
		world:     w,
		index:     newIndex(w),
		intercept: o.Intercept,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.latency == 0 {
		s.latency = 500 * time.Microsecond
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Update calls f with the world while no call reads it. f must neither keep the
// world nor call the server. The queues with Events receive an event for each
// coverage status that f changes; the messages of removed queues are deleted.
func (s *Server) Update(f func(*World)) {
	if err := s.update(f); err != nil {
		s.logger.Error("encoding events failed", "err", err)
	}
}

func (s *Server) update(f func(*World)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.world.statuses()
	f(s.world)
	s.index = newIndex(s.world)
	queues := s.world.queues()
	s.messages.Retain(func(at queue.Address) bool { return queues[at] != nil })
	return s.publishEvents(before)
}

// SetIntercept replaces the intercept. nil removes it.
func (s *Server) SetIntercept(f Intercept) {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	s.intercept = f
}

// Calls returns the calls since the start or the last ResetCalls, in the order of
// their responses. Only the latest are kept, at least 10,000.
func (s *Server) Calls() []Call {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	return append([]Call(nil), s.calls...)
}

// ResetCalls deletes the recorded calls.
func (s *Server) ResetCalls() {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	s.calls = nil
}

// ServeHTTP serves one API or admin request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, nil)
}

// serve serves one request. Long polls return when stopping is closed.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, stopping <-chan struct{}) {
	// SDKs correct their clock by the response's date.
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	// The body is read completely before the response, so that the connection can
	// be reused.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "reading the request body failed: "+err.Error(), status)
		return
	}
	if r.URL.Path == adminPath {
		s.serveAdmin(w, r, body)
		return
	}
	if !s.wait(r) {
		return
	}
	req := newRequest(r, body)
	req.stopping = stopping
	s.serveCall(w, req)
}

// wait waits for the latency and reports whether the client is still connected.
func (s *Server) wait(r *http.Request) bool {
	if s.latency < 0 {
		return true
	}
	timer := time.NewTimer(s.latency)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// serveCall serves one API call: authenticate, intercept, perform.
func (s *Server) serveCall(w http.ResponseWriter, req *request) {
	req.id = rand.Text()
	req.call.Time = s.now()
	w.Header().Set("X-Amzn-Requestid", req.id)
	sw := &statusWriter{ResponseWriter: w}
	defer func() {
		req.call.Status = sw.status
		s.record(req.call)
	}()

	if err := s.authenticate(req); err != nil {
		s.writeError(sw, req, err)
		return
	}
	s.callsMu.Lock()
	intercept := s.intercept
	s.callsMu.Unlock()
	if intercept != nil && intercept(req.call, sw, req.unread()) {
		return
	}
	response, err := s.perform(req)
	if req.http.Context().Err() != nil { // the client has disconnected, for example during a long poll
		return
	}
	if err != nil {
		s.writeError(sw, req, err)
		return
	}
	req.protocol.Write(sw, response)
}

// writeError writes err in the protocol of the call and records it in the call.
func (s *Server) writeError(w http.ResponseWriter, req *request, err error) {
	p := req.protocol
	if p == nil {
		p = awswire.RESTJSON{}
	}
	req.call.Error = p.WriteError(w, awswire.ToAPIError(err), req.id)
}

// record logs and records a finished call.
func (s *Server) record(c Call) {
	s.logger.Debug("call served", "service", c.Service, "operation", c.Operation, "region", c.Region,
		"account_id", c.AccountID, "status", strconv.Itoa(c.Status), "error_code", c.Error)
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if len(s.calls) == maxCalls {
		s.calls = append(make([]Call, 0, maxCalls), s.calls[maxCalls/2:]...)
	}
	s.calls = append(s.calls, c)
}

// statusWriter records the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
