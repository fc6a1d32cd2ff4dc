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
)

const (
	// maxBody bounds the bytes of a request body. The longest message of SQS,
	// with every byte of it escaped, needs most of it.
	maxBody = 8 << 20
	// maxCalls bounds how many calls are remembered.
	maxCalls = 20_000
)

// Options configures a Server. The zero value is usable.
type Options struct {
	// Now is the clock of the server: of signatures, expiring credentials, the
	// rows that are put through the control endpoint, events and the visibility
	// of messages. It may be called while the world cannot be updated, and must
	// not wait for who updates it. nil means time.Now.
	Now func() time.Time
	// Latency is how long every call takes at least. Zero means 500 µs and a
	// negative value means none: against a server that answers at once, the
	// AWS SDK for Go closes some request bodies early and drops their
	// connections, which no real network shows.
	Latency time.Duration
	// Intercept is as in SetIntercept; nil means none.
	Intercept Intercept
	// Logger receives one debug line for each call. nil means silence.
	Logger *slog.Logger
}

// Call describes one API call.
type Call struct {
	Time      time.Time // when it arrived, by the server's clock
	Service   string    // guardduty, sts, account, organizations, sqs; what the caller signed for, "" when unsigned
	Operation string    // as in the API's model, "" when there is none such
	Region    string    // what the caller signed for
	AccountID string    // the caller's account, "" when not authenticated
	Role      string    // the caller's role with its path, "" for long-term keys
	Status    int       // HTTP status of the answer; 0 while intercepting, or when nothing was answered
	Error     string    // AWS's error code of the answer, "" when it succeeded or was intercepted
}

// Intercept sees an authenticated call before it is answered. It may answer in
// the server's stead and return true; after false it must not have written.
// The request's body is unread. It runs outside of the server's locks and may
// call any method of the Server; calls are intercepted concurrently.
type Intercept func(Call, http.ResponseWriter, *http.Request) bool

// Server serves a World. It is safe for concurrent use. The zero value is not
// usable; see New.
type Server struct {
	now     func() time.Time
	latency time.Duration
	logger  *slog.Logger
	sealer  sealer
	mail    *mailboxes // of the queues of world; its lock is taken after mu

	mu    sync.RWMutex // guards world and index
	world *World
	index index

	callsMu   sync.Mutex // guards calls and intercept
	calls     []Call
	intercept Intercept
}

var _ http.Handler = (*Server)(nil)

// New returns a server of w, which belongs to the server from then on: it is
// changed through Update alone.
func New(w *World, o Options) *Server {
	s := &Server{
		now:       o.Now,
		latency:   o.Latency,
		logger:    o.Logger,
		sealer:    newSealer(),
		mail:      newMailboxes(),
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

// Update calls f with the served world and no call in progress reading it. f
// must neither keep the world nor call the server. The queues that want events
// get one of each coverage status that f has changed, and a queue that is gone
// loses its messages.
func (s *Server) Update(f func(*World)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.world.statuses()
	f(s.world)
	s.index = newIndex(s.world)
	s.mail.keep(s.world.queues())
	s.emit(before)
}

// SetIntercept replaces the function that may answer calls in the server's
// stead. nil removes it.
func (s *Server) SetIntercept(f Intercept) {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	s.intercept = f
}

// Calls returns the calls answered since the start or the last ResetCalls, in
// the order of their answers. Only the latest are kept, 10,000 at least.
func (s *Server) Calls() []Call {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	return append([]Call(nil), s.calls...)
}

// ResetCalls forgets the calls answered so far.
func (s *Server) ResetCalls() {
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	s.calls = nil
}

// ServeHTTP answers one API or control request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, nil)
}

// serve answers one request, without waiting for a message once ending is
// closed.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, ending <-chan struct{}) {
	// AWS dates its answers, and SDKs correct their clock by it.
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	// The body is read to its end before anything is answered, so that the
	// connection can be used again.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the request body cannot be read: "+err.Error(), status)
		return
	}
	if r.URL.Path == controlPath {
		s.serveControl(w, r, body)
		return
	}
	if !s.wait(r) {
		return
	}
	req := newRequest(r, body)
	req.ending = ending
	s.serveCall(w, req)
}

// wait passes the latency and reports whether the client is still there.
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

// serveCall answers one API call: authenticate, intercept, perform.
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
		s.refuse(sw, req, err)
		return
	}
	s.callsMu.Lock()
	intercept := s.intercept
	s.callsMu.Unlock()
	if intercept != nil && intercept(req.call, sw, req.unread()) {
		return
	}
	answer, err := s.perform(req)
	if req.http.Context().Err() != nil { // nobody is there any more, as may be after a long poll
		return
	}
	if err != nil {
		s.refuse(sw, req, err)
		return
	}
	req.protocol.write(sw, http.StatusOK, answer)
}

// refuse writes err in the protocol of the call and notes it on the call.
func (s *Server) refuse(w http.ResponseWriter, req *request, err error) {
	p := req.protocol
	if p == nil {
		p = restJSON{}
	}
	req.call.Error = p.refuse(w, asFault(err), req.id)
}

// record remembers an answered call.
func (s *Server) record(c Call) {
	s.logger.Debug("call answered", "service", c.Service, "operation", c.Operation, "region", c.Region,
		"account_id", c.AccountID, "status", strconv.Itoa(c.Status), "error_code", c.Error)
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if len(s.calls) == maxCalls {
		s.calls = append(make([]Call, 0, maxCalls), s.calls[maxCalls/2:]...)
	}
	s.calls = append(s.calls, c)
}

// statusWriter notes the status of an answer.
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
