package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
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

// respond returns a fault in which matching calls get other responses than the
// simulator's. When the fault ends, calls that still wait are aborted.
func respond(match callMatcher, response http.HandlerFunc) func(*harness) func() {
	return func(h *harness) func() {
		over := make(chan struct{})
		h.aws.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
			if !match(c, r) {
				return false
			}
			ctx, cancel := contextUntil(r.Context(), over)
			defer cancel()
			response(w, r.WithContext(ctx))
			return true
		})
		return func() {
			h.aws.SetIntercept(nil)
			close(over)
		}
	}
}

// contextUntil returns a copy of ctx that is also canceled when over is closed.
func contextUntil(ctx context.Context, over <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-over:
			cancel(errors.New("the fault is over"))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// withSecrets appends secrets of the request to an error message. The exporter
// must not show them.
func withSecrets(message string, r *http.Request) string {
	key, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	return fmt.Sprintf("%s (key %s, token x-amz-security-token:%s, account of %s)", message, key, r.Header.Get("X-Amz-Security-Token"), canaryEmail)
}

// errorResponse responds with an error of GuardDuty or Account.
func errorResponse(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		awswire.WriteError(w, status, code, withSecrets(message, r))
	}
}

func accessDenied(w http.ResponseWriter, r *http.Request) {
	errorResponse(403, "AccessDeniedException", "User is not authorized to perform this action")(w, r)
}

// expiredToken responds as if the credentials had expired.
func expiredToken(w http.ResponseWriter, r *http.Request) {
	errorResponse(403, "ExpiredTokenException", "The security token included in the request is expired")(w, r)
}

func accessDeniedByOrganizations(w http.ResponseWriter, r *http.Request) {
	text := fmt.Sprintf(`{"__type":"AccessDeniedException","Message":%q}`, withSecrets("You don't have permissions to access this resource.", r))
	body(400, "application/x-amz-json-1.1", text)(w, r)
}

func accessDeniedBySQS(w http.ResponseWriter, r *http.Request) {
	awswire.WriteSQSError(w, 403, "AccessDeniedException", withSecrets("Access to the resource is denied.", r))
}

// stsError responds with an error of STS.
func stsError(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var message strings.Builder
		_ = xml.EscapeText(&message, []byte(withSecrets("It does not work.", r))) // a strings.Builder does not fail
		body(status, "text/xml", `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>`+code+
			`</Code><Message>`+message.String()+`</Message></Error><RequestId>x</RequestId></ErrorResponse>`)(w, r)
	}
}

// body responds with a status, a content type and a body.
func body(status int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text) // the client may be gone
	}
}

// jsonBody responds with a status of 200 and a JSON body.
func jsonBody(text string) http.HandlerFunc { return body(http.StatusOK, "application/json", text) }

// truncatedJSON responds with JSON that ends early.
func truncatedJSON(w http.ResponseWriter, r *http.Request) {
	jsonBody(`{"resources":[{"resourceId":"`)(w, r)
}

// cutBody sends half of the body and closes the connection.
func cutBody(w http.ResponseWriter, _ *http.Request) {
	text := coveragePage("", coverageRow("cluster-00000", "HEALTHY"))
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text[:len(text)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// hugeString responds with a name of 64 MiB.
func hugeString(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"resources":[{"resourceId":"`)
	part := bytes.Repeat([]byte{'x'}, 1<<20)
	for range 64 {
		if _, err := w.Write(part); err != nil {
			return // the client stops reading at its limit
		}
	}
	_, _ = io.WriteString(w, `"}]}`)
}

// hang never responds.
func hang(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// trickle sends one byte per second.
func trickle(w http.ResponseWriter, r *http.Request) {
	for _, b := range []byte(coveragePage("", coverageRow("cluster-00000", "HEALTHY"))) {
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

// coveragePage is a response of ListCoverage.
func coveragePage(nextToken string, rows ...string) string {
	return fmt.Sprintf(`{"resources":[%s],"nextToken":%q}`, strings.Join(rows, ","), nextToken)
}

// coverageRow is a row of ListCoverage for a cluster of the subject.
func coverageRow(name, status string) string {
	return fmt.Sprintf(`{"accountId":%q,"resourceId":"x","coverageStatus":%q,"updatedAt":1793536200,`+
		`"resourceDetails":{"resourceType":"ECS","ecsClusterDetails":{"clusterName":%q,"fargateDetails":{"issues":[],"managementType":"AUTO_MANAGED"}}}}`,
		subjectAccount, status, name)
}

// coveragePages responds to ListCoverage with pages of rows, and to
// GetCoverageStatistics with the number of rows by status.
func coveragePages(byStatus string, pages ...[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/statistics") {
			jsonBody(`{"coverageStatistics":{"countByCoverageStatus":`+byStatus+`}}`)(w, r)
			return
		}
		n, _ := strconv.Atoi(requestToken(r)) // 0 for the first page
		next := ""
		if n+1 < len(pages) {
			next = strconv.Itoa(n + 1)
		}
		jsonBody(coveragePage(next, pages[n]...))(w, r)
	}
}

// endlessPages responds with a page and a next token to every call.
func endlessPages(next func(n int64) string) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		<-time.After(20 * time.Millisecond) // or the listing takes all CPU time
		jsonBody(coveragePage(next(n.Add(1)), coverageRow("cluster-00000", "HEALTHY")))(w, r)
	}
}

// requestToken returns the page token of a call of ListCoverage.
func requestToken(r *http.Request) string {
	var in struct {
		NextToken string `json:"nextToken"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // the simulator reports errors
	return in.NextToken
}

// filterValues returns the values that a call of ListCoverage filters a key for.
func filterValues(r *http.Request, key string) []string {
	var in struct {
		FilterCriteria struct {
			FilterCriterion []struct {
				CriterionKey    string
				FilterCondition struct{ Equals []string }
			}
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&in) // the simulator reports errors
	for _, c := range in.FilterCriteria.FilterCriterion {
		if c.CriterionKey == key {
			return c.FilterCondition.Equals
		}
	}
	return nil
}
