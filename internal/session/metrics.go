package session

import (
	"context"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// Metrics counts the requests to AWS, retries included.
type Metrics struct {
	requests *prometheus.CounterVec
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics with reg; nil registers them nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	factory, call := promauto.With(reg), []string{"aws_service", "operation", "region"}
	return &Metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_aws_requests_total",
			Help: "Number of requests sent to AWS, retries included.",
		}, call),
		failures: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_aws_request_failures_total",
			Help: "Number of requests to AWS that failed, retries included; reason is a state of guardduty_target_state.",
		}, append(call, "reason")),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "guardduty_exporter_aws_request_duration_seconds",
			Help:    "Duration of requests to AWS, from sending the request to reading the last byte of the response.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, call),
	}
}

// Operation is a kind of request to AWS. Its fields are labels of the metrics.
type Operation struct{ Service, Name, Region string }

// Init creates the counters of an operation with the value 0, so that
// increase() includes their first increment.
func (m *Metrics) Init(o Operation) {
	call := []string{o.Service, o.Name, o.Region}
	m.requests.WithLabelValues(call...)
	for _, state := range coverage.States() {
		if state != coverage.OK {
			m.failures.WithLabelValues(append(call, string(state))...)
		}
	}
}

// observe measures each attempt without the waits for retries and the rate limit.
func (m *Metrics) observe(stack *middleware.Stack) error {
	measure := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		start := time.Now()
		out, md, err := next.HandleDeserialize(ctx, in)
		region := awsmiddleware.GetRegion(ctx)
		call := []string{awsmiddleware.GetServiceID(ctx), awsmiddleware.GetOperationName(ctx), region}
		m.requests.WithLabelValues(call...).Inc()
		m.duration.WithLabelValues(call...).Observe(time.Since(start).Seconds())
		if err != nil {
			m.failures.WithLabelValues(append(call, string(awserr.State(region, err)))...).Inc()
		}
		return out, md, err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("RequestMetrics", measure), middleware.Before)
}
