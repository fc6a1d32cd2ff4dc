package exposition

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/flate"
)

// handler sends a page and what another handler answers as one body.
type handler struct {
	page     func() *Page
	self     http.Handler
	deflates sync.Pool // of *flate.Writer, which are large
}

// Handler answers with the page that page returns when the answer begins,
// followed by what self answers. self decides on the status and the format,
// must not encode its answer, and ends it where the format asks for an end. An
// answer of self other than 200 goes out as it is, without the page. Of a
// request that names families, as in ?name[]=up, only these are answered.
// page must be safe for concurrent use and not return nil.
func Handler(page func() *Page, self http.Handler) http.Handler {
	return &handler{page: page, self: self, deflates: sync.Pool{New: func() any {
		deflate, err := flate.NewWriter(nil, flate.BestSpeed)
		must(err)
		return deflate
	}}}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Encoding")
	deflate, _ := h.deflates.Get().(*flate.Writer)
	defer h.deflates.Put(deflate)
	a := &answer{ResponseWriter: w, request: r, page: h.page, deflate: deflate}
	h.self.ServeHTTP(a, r)
	a.end()
}

// errNotSent says that the client does not take its answer.
var errNotSent = errors.New("the answer cannot be sent")

// answer puts the page before what is written to it.
type answer struct {
	http.ResponseWriter
	request *http.Request
	page    func() *Page
	deflate *flate.Writer // to use where the answer is compressed

	body io.Writer // where what follows the page goes; nil before the answer has begun
	gzip *member   // body, where it is compressed, else nil
	err  error     // of writing the page
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status == http.StatusOK || a.body != nil {
		a.begin()
		return
	}
	a.body = a.ResponseWriter // and no page
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(text []byte) (int, error) {
	a.begin()
	n, err := 0, a.err
	if err == nil {
		n, err = a.body.Write(text)
	}
	if err != nil {
		return n, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return n, nil
}

// begin sends the page, once.
func (a *answer) begin() {
	if a.body != nil {
		return
	}
	a.body = a.ResponseWriter
	names := a.request.URL.Query()["name[]"]
	compressed := len(names) == 0 && acceptsGzip(a.request.Header)
	if compressed {
		a.Header().Set("Content-Encoding", "gzip")
	}
	switch {
	case a.request.Method == http.MethodHead:
		a.body = io.Discard
	case len(names) > 0:
		a.err = a.page().writeFamilies(a.ResponseWriter, names)
	case compressed:
		a.gzip = &member{}
		a.body = a.gzip
		a.err = a.gzip.begin(a.ResponseWriter, a.page(), a.deflate)
	default:
		a.err = a.page().sendText(a.ResponseWriter)
	}
}

// end sends what is left to send.
func (a *answer) end() {
	a.begin()
	if a.gzip != nil && a.err == nil {
		_ = a.gzip.end() // the client may be gone
	}
}
