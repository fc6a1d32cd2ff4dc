package ecs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

const (
	// callTimeout limits a call with its retries and its wait for the request rate.
	callTimeout = 2 * time.Minute
	// maxDenied is how many times an operation is denied, without ever being
	// allowed, before a read calls it no more: denied requests count against the
	// rate that deployments need.
	maxDenied = 3
)

// result is how the calls of one operation ended in one read.
type result struct {
	succeeded bool
	denied    int
	err       error // of the last denial
}

func (r *reader) succeeded() bool {
	for _, result := range r.results {
		if result.succeeded {
			return true
		}
	}
	return false
}

// invoke calls an operation, unless it is known to be denied.
func invoke[In, Out any](ctx context.Context, r *reader, operation string, do call[In, Out], in *In) (*Out, error) {
	known := r.results[operation]
	if known == nil {
		known = &result{}
		r.results[operation] = known
	}
	if !known.succeeded && known.denied >= maxDenied {
		return nil, known.err
	}
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := do(limited, in)
	switch {
	case err == nil:
		known.succeeded = true
	case awserr.IsActionDenied(err):
		known.denied++
		known.err = err
	}
	return out, err
}

// note appends the refusal of an operation. It returns err if the next call would
// fail too, and [errGone] if the cluster has been deleted.
func (r *reader) note(ctx context.Context, refusals *[]diagnosis.Refusal, operation string, err error) error {
	code := awserr.CauseOf(err).Code
	switch {
	case ctx.Err() != nil:
		return err
	case code == "ClusterNotFoundException":
		return errGone
	}
	state := awserr.State(r.client.o.Region, err)
	if !awserr.IsActionDenied(err) && state != coverage.Failed && state != coverage.InvalidResponse {
		return err
	}
	if r.Refusal == nil {
		r.Refusal = err
	}
	denied, reason := awserr.Refusal(r.client.o.Region, err)
	appendRefusal(refusals, diagnosis.Refusal{Action: action(operation), Denied: denied, Reason: reason})
	return nil
}

// appendRefusal appends a refusal unless there is one of its action.
func appendRefusal(refusals *[]diagnosis.Refusal, refusal diagnosis.Refusal) {
	if !slices.ContainsFunc(*refusals, func(r diagnosis.Refusal) bool { return r.Action == refusal.Action }) {
		*refusals = append(*refusals, refusal)
	}
}

var errGone = errors.New("the cluster does not exist any more")

// missing is the reason of a failure that means that a cluster or task has gone
// since it was listed.
const missing = "MISSING"

func action(operation string) string { return "ecs:" + operation }
