package app

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// counters returns the values of a counter by service, operation and Region,
// summed over other labels, and the number of series of each.
func (e *exporter) counters(name string) (values map[string]float64, series map[string]int) {
	e.t.Helper()
	families, err := textParser().TextToMetricFamilies(strings.NewReader(e.metrics()))
	if err != nil {
		e.t.Fatal(err)
	}
	values, series = map[string]float64{}, map[string]int{}
	for _, m := range families[name].GetMetric() {
		label := map[string]string{}
		for _, l := range m.GetLabel() {
			label[l.GetName()] = l.GetValue()
		}
		key := label["aws_service"] + " " + label["operation"] + " " + label["region"]
		values[key] += counter(m)
		series[key]++
	}
	return values, series
}

func counter(m *dto.Metric) float64 { return m.GetCounter().GetValue() + m.GetUntyped().GetValue() }

// TestRequestCountersStartAtZero holds back all responses at first. A request
// must not create a series.
func TestRequestCountersStartAtZero(t *testing.T) {
	t.Parallel()
	w := everyResourceType()
	w.Accounts[0].Queues = []*simulator.Queue{{Region: "us-east-1", Name: "coverage", Events: simulator.Direct}}
	aws := simulator.New(w, simulator.Options{})
	release := make(chan struct{})
	aws.SetIntercept(func(_ simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return false
	})
	e := startWith(t, aws, everyPart+"    ecs: {scope: all}\n"+memberTarget+"  - {name: everywhere, regions: [all]}\n"+
		"events: [{queue_url: http://simulator/111122223333/coverage, region: us-east-1}]\n")
	values, series := e.counters("guardduty_exporter_aws_requests_total")
	for key, value := range values {
		if value != 0 {
			t.Errorf("%s starts at %v", key, value)
		}
	}
	want := []string{
		"Account ListRegions us-east-1",
		"ECS DescribeClusters us-east-1", "ECS DescribeContainerInstances us-east-1", "ECS DescribeServices us-east-1",
		"ECS DescribeTaskDefinition us-east-1", "ECS DescribeTasks us-east-1", "ECS ListAccountSettings us-east-1",
		"ECS ListClusters us-east-1", "ECS ListTasks us-east-1",
		"GuardDuty GetCoverageStatistics us-east-1", "GuardDuty GetDetector us-east-1", "GuardDuty GetMemberDetectors us-east-1",
		"GuardDuty ListCoverage us-east-1", "GuardDuty ListDetectors us-east-1", "GuardDuty ListMembers us-east-1",
		"Organizations ListAccounts us-east-1",
		"SQS ChangeMessageVisibilityBatch us-east-1", "SQS DeleteMessageBatch us-east-1", "SQS ReceiveMessage us-east-1",
		"STS AssumeRole us-east-1", "STS GetCallerIdentity us-east-1",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(series))); diff != "" {
		t.Errorf("before the first response (-want +got):\n%s", diff)
	}
	_, failures := e.counters("guardduty_exporter_aws_request_failures_total")
	for _, key := range want {
		if failures[key] != len(coverage.States())-1 {
			t.Errorf("%s has %d series of failures, want one for each reason", key, failures[key])
		}
	}

	close(release)
	e.untilReady()
	e.until("a Region that was listed", func() bool {
		values, _ := e.counters("guardduty_exporter_aws_requests_total")
		return values["GuardDuty ListDetectors eu-west-1"] > 0
	})
	_, series = e.counters("guardduty_exporter_aws_requests_total")
	perRegion := map[string]int{}
	for key := range series {
		if service, operation, _ := strings.Cut(key, " "); service == "GuardDuty" && !strings.HasSuffix(operation, "us-east-1") {
			perRegion[strings.Fields(operation)[1]]++
			delete(series, key)
		}
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(series))); diff != "" {
		t.Errorf("after all responses (-want +got):\n%s", diff)
	}
	if perRegion["eu-west-1"] != 3 {
		t.Errorf("%d operations of a Region that was listed, want 3", perRegion["eu-west-1"])
	}
}
