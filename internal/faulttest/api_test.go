package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const api = "AWS API"

func apiRows() []row {
	return slices.Concat(statuses(), denials(), detectors(), clocks(), bodies(), []row{oneType()}, odd())
}

// statuses are answers of every call of near's detector, and the state that
// they come to.
func statuses() []row {
	every := of(near())
	fault := func(name string, state coverage.State, a answer) row {
		return fails(api, name, state, answered(every, a))
	}
	return []row{
		fault("500", coverage.Failed, refusal(500, "InternalServerErrorException", "Try again.")).stands(),
		fault("503 with HTML", coverage.Failed, body(503, "text/html", "<html><body>Service Unavailable "+canaryMail+"</body></html>")),
		fault("400 ThrottlingException", coverage.Throttled, refusal(400, "ThrottlingException", "Rate exceeded")).stands(),
		fault("429 with a code", coverage.Throttled, refusal(429, "TooManyRequestsException", "Too many requests")),
		fault("429 without a code", coverage.Throttled, body(429, "text/plain", "slow down")),
		fault("ExpiredToken", coverage.Denied, refusal(403, "ExpiredTokenException", "The security token included in the request is expired")),
		fault("a hang", coverage.Timeout, hang).stands(),
		fault("a byte a second", coverage.Timeout, trickle),
		fault("a connection cut in the middle of a body", coverage.InvalidResponse, cut).stands(),
		fault("truncated JSON", coverage.InvalidResponse, ok(`{"resources":[{"resourceId":"`)),
		fault("an empty 200", coverage.InvalidResponse, ok("")).stands(),
	}
}

// bodies are answers of near's ListCoverage that are no answer.
func bodies() []row {
	list := of(near(), "ListCoverage")
	fault := func(name string, a answer) row { return fails(api, name, coverage.InvalidResponse, answered(list, a)) }
	return []row{
		fault("`resources: null`", ok(`{"resources":null}`)),
		fault("wrong types", ok(`{"resources":{"mail":"`+canaryMail+`"}}`)),
		fails(api, "wrong types where members belong", coverage.InvalidResponse,
			answered(of(near(), "ListMembers"), ok(`{"members":{"email":"`+canaryMail+`"}}`))).stands(),
		fault("JSON nested 200,000 deep", ok(`{"resources":`+strings.Repeat("[", 200_000))),
		fault("a string of 64 MiB", endless).with(func(r *row) {
			r.pace, r.heavy = ample(), true
			r.also = func(r *rig) {
				if !strings.Contains(r.journal.String(), "the answer is larger than") {
					r.Error("the whole answer was read")
				}
			}
		}),
		fault("the same token for ever", tokens(func(int64) string { return "again" })).stands(),
		fault("two tokens in turn", tokens(func(n int64) string { return []string{"a", "b"}[n%2] })),
		fails(api, "fresh tokens without end", coverage.Timeout,
			answered(list, tokens(func(n int64) string { return fmt.Sprint("page", n) }))),
	}
}

// oneType garbles the answers about one of near's three types of resources.
func oneType() row {
	garbled := answeredWhere(func(c simulator.Call, req *http.Request) bool {
		return of(near(), "ListCoverage")(c) && slices.Contains(criterion(req, "RESOURCE_TYPE"), "EKS")
	}, ok(`{"resources":[{"resourceId":"`))
	return fails(api, "truncated JSON about EKS clusters, of a target with ECS clusters and EC2 instances, too", coverage.InvalidResponse, func(r *rig) func() {
		for _, name := range []string{"guardduty_ecs_cluster_healthy", "guardduty_ec2_instance_healthy", "guardduty_eks_cluster_healthy"} {
			if r.pages[len(r.pages)-1].count(name) == 0 {
				r.Errorf("no %s before the fault", name)
			}
		}
		return garbled(r)
	}).with(func(r *row) {
		r.config = strings.Replace(targets(), "members: true}", "members: true, resource_types: [ECS, EC2, EKS]}", 1)
		r.arrange = func(r *rig) {
			r.aws.Update(func(w *simulator.World) {
				a := w.Account(nearAccount)
				a.Instances = []*simulator.Instance{{
					Region: faulty, ID: "i-0123456789abcdef0", UpdatedAt: then,
					ClusterARN: "arn:aws:ecs:" + faulty + ":" + nearAccount + ":cluster/cluster-00000",
				}}
				a.EKSClusters = []*simulator.EKSCluster{{Region: faulty, Name: "pods", UpdatedAt: then}}
			})
		}
	})
}

// odd are answers that are unusual and true.
func odd() []row {
	list := of(near(), "ListCoverage")
	return []row{
		bears(api, "one resource on two pages", answered(list, func(w http.ResponseWriter, r *http.Request) {
			if asksFor(r) == "" {
				ok(listing("2", resource("a", "HEALTHY"), resource("b", "HEALTHY")))(w, r)
				return
			}
			ok(listing("", resource("b", "HEALTHY"), resource("c", "HEALTHY")))(w, r)
		})).with(func(r *row) {
			r.shows = func(_, now page) error { return counts(now, map[string]string{"HEALTHY": "3", "UNHEALTHY": "0"}) }
		}),
		bears(api, "values that no enumeration has", answered(list, ok(listing("", resource("a", "HEALTHY"), resource("b", "QUARANTINED"))))).
			with(func(r *row) {
				r.shows = func(_, now page) error {
					if v := now.series[cluster("b")]; v != "0" {
						return fmt.Errorf("a cluster of an unknown status is %q", v)
					}
					return counts(now, map[string]string{"HEALTHY": "1", "UNHEALTHY": "0", "QUARANTINED": "1"})
				}
			}),
	}
}

// cluster is the series of one of near's clusters.
func cluster(name string) string {
	return series("guardduty_ecs_cluster_healthy", "account_id", nearAccount, "cluster_name", name, "region", faulty)
}

// counts says where near's clusters are not so many of each status.
func counts(p page, want map[string]string) error {
	for status, n := range want {
		at := series("guardduty_coverage_resources", "account_id", nearAccount, "region", faulty, "resource_type", "ECS", "coverage_status", status)
		if got := p.series[at]; got != n {
			return fmt.Errorf("%s resources are %q, want %s", status, got, n)
		}
	}
	return nil
}

// updated is a fault in the world, and the world put right.
func updated(fault, mend func(*simulator.World)) func(*rig) func() {
	return func(r *rig) func() {
		r.aws.Update(fault)
		return func() { r.aws.Update(mend) }
	}
}

// detectors are what becomes of near's detector.
func detectors() []row {
	detector := func(w *simulator.World) *simulator.Detector { return w.Account(nearAccount).Detector(faulty) }
	var removed *simulator.Detector
	return []row{
		fails(api, "no detector", coverage.NoDetector, updated(func(w *simulator.World) {
			removed = detector(w)
			a := w.Account(nearAccount)
			a.Detectors = slices.DeleteFunc(a.Detectors, func(d *simulator.Detector) bool { return d == removed })
		}, func(w *simulator.World) {
			a := w.Account(nearAccount)
			a.Detectors = append(a.Detectors, removed)
		})).stands(),
		bears(api, "a detector created anew: the old one is “not owned by the current account”", updated(
			func(w *simulator.World) { detector(w).ID = "0123456789abcdef0123456789abcdef" },
			func(w *simulator.World) { detector(w).ID = "fedcba9876543210fedcba9876543210" },
		)).stands(),
		fails(api, "UnrecognizedClient: the Region is off", coverage.RegionDisabled, updated(
			func(w *simulator.World) { w.Account(nearAccount).DisabledRegions = []string{faulty} },
			func(w *simulator.World) { w.Account(nearAccount).DisabledRegions = nil },
		)),
	}
}

// clocks put the exporter's clock wrong, by putting everyone else's wrong. It
// is one clock for all targets, so it concerns all.
func clocks() []row {
	off := func(name string, by time.Duration) row {
		return bears(api, name, func(r *rig) func() {
			r.clock.set(by)
			return func() { r.clock.set(0) }
		}).but(isolation, "the exporter has one clock, so the fault is about every target").with(func(r *row) {
			r.concerned = everyTarget()
			r.pace = patient() // the SDK waits up to two seconds before it signs anew
		})
	}
	return []row{off("the clock two hours ahead", -2*time.Hour), off("the clock two hours behind", 2*time.Hour)}
}

// contextUntil is ctx, ended by a channel, too.
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
