package simulator_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

func TestCallsAreRecorded(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	if _, err := client.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{}); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: aws.String(otherDetector)})
	if code := errorCode(t, err); code != "BadRequestException" {
		t.Errorf("another account's detector: %s", code)
	}
	calls := s.Calls()
	if len(calls) != 2 {
		t.Fatalf("%d calls recorded, want 2", len(calls))
	}
	for i := range calls {
		calls[i].Time = time.Time{}
	}
	want := simulator.Call{
		Service: "guardduty", Operation: "ListDetectors", Region: region, AccountID: administrator, Status: http.StatusOK,
	}
	if calls[0] != want {
		t.Errorf("first call is %+v, want %+v", calls[0], want)
	}
	want.Operation, want.Status, want.Error = "GetDetector", http.StatusBadRequest, "BadRequestException"
	if calls[1] != want {
		t.Errorf("second call is %+v, want %+v", calls[1], want)
	}
	s.ResetCalls()
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls after ResetCalls", n)
	}
}

func TestIntercept(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	client := guarddutyClient(url, administrator)
	var bodies []string
	s.SetIntercept(func(c simulator.Call, w http.ResponseWriter, r *http.Request) bool {
		if c.Operation != "ListCoverage" {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies = append(bodies, string(body))
		// The world's lock is not held here.
		s.Update(func(w *simulator.World) { w.Accounts[0].Clusters = nil })
		awswire.WriteError(w, http.StatusTooManyRequests, "TooManyRequestsException", "slow down")
		return true
	})
	_, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID), MaxResults: aws.Int32(7)})
	if code := errorCode(t, err); code != "TooManyRequestsException" {
		t.Errorf("intercepted call failed with %s", code)
	}
	if len(bodies) != 1 || bodies[0] != `{"maxResults":7}` {
		t.Errorf("intercepted bodies are %q", bodies)
	}
	if calls := s.Calls(); len(calls) != 1 || calls[0].Status != http.StatusTooManyRequests || calls[0].Error != "" {
		t.Errorf("calls are %+v", calls)
	}
	s.SetIntercept(nil)
	out, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)})
	if err != nil || len(out.Resources) != 1 {
		t.Errorf("after the intercept: %+v, %v; want only the member's row", out, err)
	}
}

// Concurrent calls, updates and reads of the record, for the race detector. A call
// sees all changes of an update or none.
func TestConcurrentUse(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{Latency: -1})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			client := guarddutyClient(url, administrator)
			for i := range 30 {
				if worker == 0 {
					s.Update(func(w *simulator.World) {
						c := w.Account(memberID).Clusters[0]
						c.Issues[0], c.Issues[1] = strconv.Itoa(i), strconv.Itoa(i)
						c.Covered, c.Compatible = int64(i), int64(i)
					})
					s.Calls()
					continue
				}
				out, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)})
				if err != nil || len(out.Resources) != 3 {
					t.Errorf("call %d: %v, %v", i, out, err)
					return
				}
				details := out.Resources[2].ResourceDetails.EcsClusterDetails
				issues, counts := details.FargateDetails.Issues, details.ContainerInstanceDetails
				if *counts.CoveredContainerInstances != *counts.CompatibleContainerInstances ||
					issues[0] != issues[1] && issues[1] != "second" {
					t.Errorf("partial change: %v, %+v", issues, counts)
				}
			}
		})
	}
	wg.Wait()
	if n := len(s.Calls()); n != 90 {
		t.Errorf("%d calls recorded, want 90", n)
	}
}

// The cost of one page of a large account, which the server filters and sorts for
// every call.
func BenchmarkListCoverage(b *testing.B) {
	_, url := serve(b, manyClusters(10_000), simulator.Options{Latency: -1})
	client := guarddutyClient(url, administrator)
	in := &guardduty.ListCoverageInput{
		DetectorId:   aws.String(detectorID),
		SortCriteria: &types.CoverageSortCriteria{AttributeName: types.CoverageSortKeyEcsClusterName},
	}
	for b.Loop() {
		if _, err := client.ListCoverage(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// An intercept can truncate the response like a failing network.
func TestInterceptTruncates(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{
		Intercept: func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"detectorIds":[`)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			panic(http.ErrAbortHandler)
		},
	})
	_, err := guarddutyClient(url, administrator).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
	if err == nil {
		t.Error("a truncated response was accepted")
	}
	if calls := s.Calls(); len(calls) != 1 || calls[0].Operation != "ListDetectors" {
		t.Errorf("calls are %+v", calls)
	}
}

func TestLatencyAndDisconnect(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{Latency: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := guarddutyClient(url, administrator).ListDetectors(ctx, &guardduty.ListDetectorsInput{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls recorded", n)
	}
}

func TestOversizedBody(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	got := rawCall{method: http.MethodPost, path: "/detector/" + detectorID + "/coverage", body: strings.Repeat(" ", 8<<20+1)}.do(t, url)
	if got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

func TestStartAndStop(t *testing.T) {
	s := simulator.New(smallWorld(), simulator.Options{})
	listener, err := s.Start(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(t.Context(), strings.TrimPrefix(listener.URL, "http://")); err == nil {
		t.Error("a second server started on the same address")
	}
	if _, err := guarddutyClient(listener.URL, administrator).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{}); err != nil {
		t.Error(err)
	}
	if err := listener.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := guarddutyClient(listener.URL, administrator).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{}); err == nil {
		t.Error("the server responds after Stop")
	}
}
