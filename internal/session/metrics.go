package session

import (
	"context"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count the requests to AWS: each attempt is one, retries included.
// They outlive the sessions that they observe.
type Metrics struct {
	requests *prometheus.CounterVec
	failures *prometheus.CounterVec
	duration *prometheus.HistogramVec
	reason   func(region string, err error) string
}

// NewMetrics returns metrics that name the reason of a failure by what reason
// returns, which has to be one of few.
func NewMetrics(reason func(region string, err error) string) *Metrics {
	call := []string{"service", "operation", "region"}
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_aws_requests_total",
			Help: "Number of requests sent to AWS, retries included.",
		}, call),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "guardduty_exporter_aws_request_failures_total",
			Help: "Number of requests to AWS that failed, retries included, by the states of guardduty_target_state.",
		}, append(call, "reason")),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "guardduty_exporter_aws_request_duration_seconds",
			Help:    "How long requests to AWS took, from sending to the last byte of the answer.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 20},
		}, call),
		reason: reason,
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	m.requests.Describe(ch)
	m.failures.Describe(ch)
	m.duration.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	m.failures.Collect(ch)
	m.duration.Collect(ch)
}

// observe stands next to the request itself, behind the retries and the wait
// for a turn.
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
			m.failures.WithLabelValues(append(call, m.reason(region, err))...).Inc()
		}
		return out, md, err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("RequestMetrics", measure), middleware.Before)
}
