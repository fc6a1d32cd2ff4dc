package events_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A batch of which nothing is deleted is a queue from which nothing is deleted.
func TestDeleteFailsForEveryMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, r *http.Request) {
			var in struct {
				Entries []struct {
					ID string `json:"Id"`
				}
			}
			_ = json.NewDecoder(r.Body).Decode(&in)
			var failed []string
			for _, e := range in.Entries {
				failed = append(failed, fmt.Sprintf(`{"Id":%q,"Code":"InternalError","SenderFault":false,"Message":"m"}`, e.ID))
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = io.WriteString(w, `{"Successful":[],"Failed":[`+strings.Join(failed, ",")+`]}`)
		})
		b.set(b.queue(usual))
		b.send(usual, event("shop"))
		b.pass(10 * time.Minute)
		if up := b.values()["event_queue_up coverage"]; up != 0 {
			t.Errorf("in ten minutes nothing could be deleted, and the queue is up; the log says %+v", b.said())
		}
	})
}
