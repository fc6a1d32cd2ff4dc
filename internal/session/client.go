package session

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// maxAnswerBytes is far above any page of 50 rows with 50 issues each, and
// above ten messages of a queue of 1 MiB each, every byte of them escaped.
const maxAnswerBytes = 24 << 20

var errBodyTooLarge = errors.New("the answer is larger than 24 MiB")

// client refuses answers that are too large to be true, and follows no
// redirection, for no other host is to have what is signed for AWS.
type client struct{ *http.Client }

// newClients returns a client for most requests and one for those that AWS may
// leave without an answer for long. They share their connections.
func newClients(transport *http.Transport) (usual, patient client) {
	within := func(timeout time.Duration) client {
		return client{&http.Client{
			Transport: transport, Timeout: timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
	}
	return within(callTimeout), within(longCallTimeout)
}

// Do implements aws.HTTPClient. A request that is not answered in time may have
// met a connection that is dead, as all may be that were idle for as long: the
// next request opens a new one.
func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		// A body that is copied by Read alone is not closed early by the SDK
		// when the answer comes before its end was seen (aws-sdk-go-v2 issues 1825, 2737).
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	resp, err := c.Client.Do(r) //nolint:gosec // the URL is the SDK's
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		c.CloseIdleConnections()
	}
	if err != nil {
		return resp, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxAnswerBytes}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int // negative once there was more
}

func (b *boundedBody) Read(p []byte) (int, error) {
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
