package session

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// standardTimeout limits one HTTP request from dialling to the last byte of
	// the response. The SDK itself sets no such limit.
	standardTimeout = 20 * time.Second
	// longPollTimeout is that of requests to which AWS may not respond for 20
	// seconds.
	longPollTimeout = 40 * time.Second
	// maxBodyBytes exceeds any page of 50 rows with 50 issues each, and ten
	// messages of a queue of 1 MiB each, every byte of them escaped.
	maxBodyBytes = 24 << 20
)

var errBodyTooLarge = errors.New("response larger than 24 MiB")

// httpClient limits the size of responses and follows no redirect, so that signed
// requests go to no other host.
type httpClient struct{ *http.Client }

// newClients returns the client of most requests and the one of long polls. They
// share their connections.
func newClients(transport *http.Transport) (standard, longPoll httpClient) {
	within := func(timeout time.Duration) httpClient {
		return httpClient{&http.Client{
			Transport: transport, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
	}
	return within(standardTimeout), within(longPollTimeout)
}

// http1Only restricts a transport to HTTP/1.1, which closes a connection after the
// first request without a response. HTTP/2 would keep using a dead connection.
func http1Only(t *http.Transport) {
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.TLSClientConfig.NextProtos = nil // the SDK's copy of the transport has HTTP/2
}

// Do implements aws.HTTPClient. After a timeout it closes the idle connections,
// because they may be dead too.
func (c httpClient) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		// The SDK closes a body early if the response arrives before its end was
		// read, unless it can only Read it (aws-sdk-go-v2 issues 1825, 2737).
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	resp, err := c.Client.Do(r) //nolint:gosec // the URL is the SDK's
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		c.CloseIdleConnections()
	}
	if err != nil {
		return resp, err
	}
	resp.Body = &limitedBody{ReadCloser: resp.Body, left: maxBodyBytes}
	return resp, nil
}

type limitedBody struct {
	io.ReadCloser
	left int // negative after an excess byte
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if n > b.left {
		n, b.left = b.left, -1
		return n, errBodyTooLarge
	}
	b.left -= n
	return n, err
}
