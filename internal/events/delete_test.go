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

// The queue is down if every entry of a batch fails.
func TestDeleteFailsForEveryMessage(t *testing.T) {
	withHarness(t, func(t *testing.T, h *harness) {
		h.intercept("DeleteMessageBatch", "", func(w http.ResponseWriter, r *http.Request) {
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
		h.set(h.queue(mainQueue))
		h.send(mainQueue, event("shop"))
		h.advance(10 * time.Minute)
		if up := h.values()["event_queue_up coverage"]; up != 0 {
			t.Errorf("the queue is up although nothing could be deleted in ten minutes; log: %+v", h.logged())
		}
	})
}
