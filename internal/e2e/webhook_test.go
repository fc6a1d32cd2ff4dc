package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// notified is one alert in a notification of Alertmanager's webhook.
type notified struct {
	Receiver    string            `json:"-"`
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func (n notified) has(labels map[string]string) bool {
	for name, value := range labels {
		if n.Labels[name] != value {
			return false
		}
	}
	return true
}

// webhook receives notifications. It is safe for concurrent use.
type webhook struct {
	url string

	mu       sync.Mutex
	received []notified
	slack    []string // text of each message
}

// slackPath is where the webhook receives messages to Slack.
const slackPath = "/slack"

// listen serves a webhook until the end of the test.
func listen(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{}
	server := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *webhook) serve(rw http.ResponseWriter, r *http.Request) {
	var body struct {
		Receiver string     `json:"receiver"`
		Alerts   []notified `json:"alerts"`

		Attachments []struct { // of a message to Slack
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"attachments"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, alert := range body.Alerts {
		alert.Receiver = body.Receiver
		w.received = append(w.received, alert)
	}
	for _, a := range body.Attachments {
		w.slack = append(w.slack, a.Title+"\n"+a.Text)
	}
}

// messages returns all messages to Slack in order.
func (w *webhook) messages() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.slack)
}

// all returns all received alerts in order.
func (w *webhook) all() []notified {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.received)
}

// last returns the last notification of the alerts with these labels.
func (w *webhook) last(labels map[string]string) (found notified) {
	for _, n := range w.all() {
		if n.has(labels) {
			found = n
		}
	}
	return found
}

// firing returns the alerts that were notified as firing from index from on,
// without duplicates.
func (w *webhook) firing(from int) []notified {
	var found []notified
	for _, n := range w.all()[from:] {
		known := slices.ContainsFunc(found, func(f notified) bool { return maps.Equal(f.Labels, n.Labels) })
		if n.Status == "firing" && !known {
			found = append(found, n)
		}
	}
	return found
}
