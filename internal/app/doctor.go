package app

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/web"
)

// DoctorOptions configures [Doctor].
type DoctorOptions struct {
	Config    *config.Config
	Targets   []string // names; all if empty
	Deep      bool     // also test assumptions about AWS
	Web       *toolkit.FlagConfig
	Logger    *slog.Logger
	Simulator *session.Simulator // nil for AWS
	// Announce is called before the first request, with the highest number of
	// requests, retries not included.
	Announce func(requests int)
}

// Doctor checks everything that a configuration depends on, with the clients of
// [Run]. It changes nothing in AWS. The error is that of the configuration or of ctx.
func Doctor(ctx context.Context, o DoctorOptions) (*doctor.Result, error) {
	cfg, err := selectTargets(o.Config, o.Targets)
	if err != nil {
		return nil, err
	}
	o.Config = cfg
	registry := prometheus.NewRegistry()
	logger := slog.New(redactHandler{o.Logger.Handler()})
	factory, err := session.Open(ctx, session.Options{
		Profile: cfg.AWS.Profile, RequestsPerSecond: cfg.AWS.RequestsPerSecond, Simulator: o.Simulator,
		Metrics: session.NewMetrics(registry), Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	e := &examination{
		DoctorOptions: o, factory: factory,
		result: doctor.New(time.Now(), version.Version, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH),
		builder: &targetBuilder{
			factory: factory, profile: cfg.AWS.Profile, onlyECS: cfg.EC2.OnlyECS,
			requestsPerSecond: cfg.AWS.RequestsPerSecond, logger: logger,
		},
		contacts: map[string]*doctor.Contact{}, failed: map[session.Role]bool{},
	}
	e.result.Simulated = o.Simulator != nil
	if _, err := e.builder.buildAll(cfg.Targets); err != nil {
		return nil, err
	}
	if o.Announce != nil {
		o.Announce(e.plan())
	}
	e.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	requests, throttled := countRequests(registry)
	e.result.Requests = requests + len(e.contacts)
	if o.Deep {
		e.result.Assumptions = doctor.Judge(append(e.answers, doctor.JudgeRequestRate(requests, throttled)))
	}
	makePrintable(e.result)
	return e.result, nil
}

// makePrintable removes from a result what controls a terminal. Messages repeat what
// endpoints answer.
func makePrintable(r *doctor.Result) {
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Subject, c.Message = coverage.Printable(c.Subject), coverage.Printable(c.Message)
	}
	for i := range r.Assumptions {
		r.Assumptions[i].Evidence = coverage.Printable(r.Assumptions[i].Evidence)
	}
}

// selectTargets returns the configuration with the targets of these names only. The
// queues stay: they belong to no target.
func selectTargets(cfg *config.Config, names []string) (*config.Config, error) {
	if len(names) == 0 {
		return cfg, nil
	}
	selected := *cfg
	selected.Targets = nil
	var known []string
	for _, t := range cfg.Targets {
		known = append(known, t.Name)
		if slices.Contains(names, t.Name) {
			selected.Targets = append(selected.Targets, t)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("--target: no target %q; the targets are %s", name, strings.Join(known, ", "))
		}
	}
	return &selected, nil
}

// examination is one run of the command doctor.
type examination struct {
	DoctorOptions
	factory *session.Factory
	builder *targetBuilder
	result  *doctor.Result
	answers []doctor.Answer

	contacts map[string]*doctor.Contact // by endpoint; set before the targets are read
	failed   map[session.Role]bool      // credentials that cannot be used; likewise
}

// run makes the checks in the order of their dependencies.
func (e *examination) run(ctx context.Context) {
	e.checkConfiguration()
	e.contact(ctx, e.endpoints(ctx))
	e.checkCredentials(ctx)
	readings := e.openTargets(ctx)
	e.contact(ctx, endpointsOf(ctx, readings))
	e.reportContacts()
	inParallel(len(readings), func(i int) { readings[i].read(ctx) })
	for _, r := range readings {
		e.result.Add(r.checks...)
		e.answers = append(e.answers, r.answers...)
	}
	e.checkAccountNames(ctx)
	e.checkECS(ctx, readings)
	e.checkQueues(ctx)
	e.checkWeb()
}

// maxParallel limits the checks that are made concurrently. The request rate of an
// account and Region applies too.
const maxParallel = 8

// inParallel calls do with 0 to n-1.
func inParallel(n int, do func(int)) {
	slots := make(chan struct{}, maxParallel)
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	wait.Wait()
}

func (e *examination) checkConfiguration() {
	e.result.Add(doctor.Check{
		Category: doctor.Configuration, Check: "file", Status: doctor.OK, Message: e.Config.Summary(),
	})
	for _, warning := range e.Config.Warnings(time.Now()) {
		e.result.Add(doctor.Check{
			Category: doctor.Configuration, Check: "exclusions", Status: doctor.Warning, Code: "ended", Message: warning,
			Hint: "docs/exclusions.md#the-end",
		})
	}
	for _, t := range e.Config.Targets {
		if t.Partition() == "aws-cn" {
			e.result.Add(doctor.Check{
				Category: doctor.Configuration, Subject: t.Name, Check: "partition", Status: doctor.Warning, Code: "not_supported",
				Message: fmt.Sprintf("target %s: GuardDuty has no Runtime Monitoring in the Regions of China", t.Name),
			})
		}
	}
}

func (e *examination) checkWeb() {
	file := *e.Web.WebConfigFile
	c := doctor.Check{Category: doctor.Web, Check: "file", Status: doctor.OK, Message: "TLS and authentication as in " + file}
	if file == "" {
		c.Status, c.Message = doctor.Skipped, "no --web.config.file: the metrics are served without TLS and authentication"
	} else if err := web.CheckConfig(e.Web); err != nil {
		c.Status, c.Code, c.Message, c.Hint = doctor.Error, "invalid", brief(err), "docs/configuration.md#tls-and-authentication"
	}
	e.result.Add(c)
}

// checkQueues reads the attributes of each queue. It receives no messages.
func (e *examination) checkQueues(ctx context.Context) {
	queues := e.builder.queues(e.Config.Events)
	checks := make([][]doctor.Check, len(queues))
	inParallel(len(queues), func(i int) { checks[i] = e.checkQueue(ctx, e.Config.Events[i], queues[i]) })
	for _, c := range checks {
		e.result.Add(c...)
	}
}

func (e *examination) checkQueue(ctx context.Context, q config.EventQueue, queue events.Queue) []doctor.Check {
	c := doctor.Check{Category: doctor.Queue, Subject: q.AccountID() + " " + q.Name(), Region: q.Region, Check: "GetQueueAttributes"}
	if reason := e.unusable(ctx, e.queueSession(q), queueRole(q), queueEndpoint(q)); reason != "" {
		c.Status, c.Message = doctor.Skipped, reason
		return []doctor.Check{c}
	}
	a, err := events.ReadAttributes(ctx, queue)
	if err != nil {
		return []doctor.Check{e.queueError(c, q, err)}
	}
	c.Status = doctor.OK
	return append([]doctor.Check{c}, doctor.CheckQueue(c, doctor.QueueAttributes{
		Policy: a.Policy, Redrive: a.Redrive, KMSKey: a.KMSKey, Messages: a.Messages, InFlight: a.InFlight,
	})...)
}
