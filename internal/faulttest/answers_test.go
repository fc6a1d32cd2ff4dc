package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// answer takes the place of what the simulator would have said. What it says
// repeats what it should not: an exporter must not pass it on.
type answer func(http.ResponseWriter, *http.Request)

// answered is a fault in which the calls are answered otherwise. Those that are
// held are let go with the fault, their connections cut.
func answered(which calls, a answer) func(*rig) func() {
	return answeredWhere(func(c simulator.Call, _ *http.Request) bool { return which(c) }, a)
}

// answeredWhere is answered for calls that their requests tell.
func answeredWhere(which func(simulator.Call, *http.Request) bool, a answer) func(*rig) func() {
	return func(r *rig) func() {
		over := make(chan struct{})
		r.aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, req *http.Request) bool {
			if !which(c, req) {
				return false
			}
			ctx, cancel := contextUntil(req.Context(), over)
			defer cancel()
			a(w, req.WithContext(ctx))
			return true
		})
		return func() {
			r.aws.SetIntercept(nil)
			close(over)
		}
	}
}

// indiscreet is a message that repeats who asked, and an address.
func indiscreet(message string, r *http.Request) string {
	key, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	return fmt.Sprintf("%s (key %s, token x-amz-security-token:%s, account of %s)", message, key, r.Header.Get("X-Amz-Security-Token"), canaryMail)
}

// refusal is an error of GuardDuty.
func refusal(status int, code, message string) answer {
	return func(w http.ResponseWriter, r *http.Request) {
		awswire.WriteError(w, status, code, indiscreet(message, r))
	}
}

// body is an answer of a status and content type with a body.
func body(status int, contentType, text string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the client may have gone
	}
}

// ok is a successful answer with a JSON body that is wrong.
func ok(text string) answer { return body(http.StatusOK, "application/json", text) }

// cut promises more than it sends and closes the connection.
func cut(w http.ResponseWriter, _ *http.Request) {
	text := listing("", resource("cluster-00000", "HEALTHY"))
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text[:len(text)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// endless is a string of 64 MiB where a name belongs.
func endless(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"resources":[{"resourceId":"`)
	part := bytes.Repeat([]byte{'x'}, 1<<20)
	for range 64 {
		if _, err := w.Write(part); err != nil {
			return // the client has seen enough
		}
	}
	_, _ = io.WriteString(w, `"}]}`)
}

// hang never answers.
func hang(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// trickle sends a byte a second.
func trickle(w http.ResponseWriter, r *http.Request) {
	for _, b := range []byte(listing("", resource("cluster-00000", "HEALTHY"))) {
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(time.Second):
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

// listing is an answer of ListCoverage.
func listing(token string, resources ...string) string {
	return fmt.Sprintf(`{"resources":[%s],"nextToken":%q}`, strings.Join(resources, ","), token)
}

// resource is a row of ListCoverage about a cluster of near's.
func resource(name, status string) string {
	return fmt.Sprintf(`{"accountId":%q,"resourceId":"x","coverageStatus":%q,"updatedAt":1793536200,`+
		`"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":%q,"fargateDetails":{"issues":[],"managementType":"AUTO_MANAGED"}}}}`,
		nearAccount, status, name)
}

// tokens answers every page with the next of some tokens, for ever.
func tokens(next func(n int64) string) answer {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		<-time.After(20 * time.Millisecond) // an endless listing is to be slow, or it takes the machine
		ok(listing(next(n.Add(1)), resource("cluster-00000", "HEALTHY")))(w, r)
	}
}

// asksFor is the page token of a call of ListCoverage.
func asksFor(r *http.Request) string {
	var in struct {
		NextToken string `json:"nextToken"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // the simulator's business
	return in.NextToken
}
