package exposition

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/flate"
)

// handler serves a page and the response of another handler as one body.
type handler struct {
	page     func() *Page
	self     http.Handler
	deflates sync.Pool // of *flate.Writer, which are large
}

// Handler serves the page that page returns, followed by the response of self.
// page must be safe for concurrent use and not return nil. self chooses the
// status and the format and must not compress; a response of self other than
// 200 is sent without the page. If the request names families (?name[]=up),
// only these are sent, uncompressed.
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
	pw := &pageWriter{ResponseWriter: w, request: r, page: h.page, deflate: deflate}
	h.self.ServeHTTP(pw, r)
	pw.close()
}

// errClientGone wraps errors of writing the response.
var errClientGone = errors.New("write response")

// pageWriter is an http.ResponseWriter that writes the page before the body.
type pageWriter struct {
	http.ResponseWriter
	request *http.Request
	page    func() *Page
	deflate *flate.Writer // for the gzip stream

	body io.Writer   // receives the text after the page; nil until the body starts
	gzip *gzipStream // equals body if the response is compressed, otherwise nil
	err  error       // from writing the page
}

// WriteHeader implements http.ResponseWriter.
func (w *pageWriter) WriteHeader(status int) {
	if status == http.StatusOK || w.body != nil {
		w.writePage()
		return
	}
	w.body = w.ResponseWriter // without the page
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *pageWriter) Write(text []byte) (int, error) {
	w.writePage()
	n, err := 0, w.err
	if err == nil {
		n, err = w.body.Write(text)
	}
	if err != nil {
		return n, fmt.Errorf("%w: %w", errClientGone, err)
	}
	return n, nil
}

// writePage writes the page unless the body has started.
func (w *pageWriter) writePage() {
	if w.body != nil {
		return
	}
	w.body = w.ResponseWriter
	names := w.request.URL.Query()["name[]"]
	compressed := len(names) == 0 && AcceptsGzip(w.request.Header)
	if compressed {
		w.Header().Set("Content-Encoding", "gzip")
	}
	switch {
	case w.request.Method == http.MethodHead:
		w.body = io.Discard
	case len(names) > 0:
		w.err = w.page().writeFamilies(w.ResponseWriter, names)
	case compressed:
		w.gzip = &gzipStream{}
		w.body = w.gzip
		w.err = w.gzip.writeHeader(w.ResponseWriter, w.page(), w.deflate)
	default:
		w.err = w.page().WriteText(w.ResponseWriter)
	}
}

// close completes the response.
func (w *pageWriter) close() {
	w.writePage()
	if w.gzip != nil && w.err == nil {
		_ = w.gzip.close() // the client may have disconnected
	}
}
