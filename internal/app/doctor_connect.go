package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/events"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/organizations"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// endpoint is an endpoint in use, or the error of finding it.
type endpoint struct {
	service string
	url     string
	err     error
}

// endpointCall makes one call with a configuration, see [session.Session.Endpoint].
type endpointCall func(context.Context, aws.Config) error

// queueEndpoint returns the call that shows the endpoint of a queue.
func queueEndpoint(q config.EventQueue) endpointCall {
	return func(ctx context.Context, cfg aws.Config) error {
		if url := q.Endpoint(); url != "" {
			cfg.BaseEndpoint = &url
		}
		_, err := events.ReadAttributes(ctx, events.Queue{URL: q.QueueURL, Config: cfg})
		return err
	}
}

// endpoints returns the endpoints that do not depend on a Region of a target.
func (e *examination) endpoints(ctx context.Context) []endpoint {
	var all []endpoint
	add := func(service string, find func(context.Context) (string, error)) {
		url, err := find(ctx)
		all = append(all, endpoint{service, url, err})
	}
	for _, i := range e.identities() {
		add("sts", i.session.STSEndpoint)
	}
	for _, t := range e.Config.Targets {
		s := e.targetSession(t)
		if t.AllRegions() {
			add("account", s.RegionsEndpoint)
		}
		if t.AccountNames {
			add("organizations", func(ctx context.Context) (string, error) { return s.Endpoint(ctx, organizations.Probe) })
		}
	}
	for _, q := range e.Config.Events {
		s := e.queueSession(q)
		add("sqs", func(ctx context.Context) (string, error) { return s.Endpoint(ctx, queueEndpoint(q)) })
	}
	return all
}

// contact sends one request to each endpoint that has had none.
func (e *examination) contact(ctx context.Context, endpoints []endpoint) {
	var added []*doctor.Contact
	for _, found := range endpoints {
		if found.err != nil {
			e.result.Add(doctor.Check{
				Category: doctor.Endpoints, Subject: found.service, Check: "find", Status: doctor.Error, Code: "endpoint", Message: brief(found.err),
			})
			continue
		}
		c := e.contacts[found.url]
		if c == nil {
			c = &doctor.Contact{Endpoint: found.url}
			e.contacts[found.url] = c
			added = append(added, c)
		}
		if !slices.Contains(c.Services, found.service) {
			c.Services = append(c.Services, found.service)
		}
	}
	inParallel(len(added), func(i int) {
		c := added[i]
		made, err := e.factory.Contact(ctx, c.Endpoint)
		c.Proxy, c.Addresses, c.TLS, c.NotAfter, c.Err = made.Proxy, made.Addresses, made.TLS, made.NotAfter, err
		c.Date, c.Local = made.Date, made.Local
		if err != nil {
			c.ErrText = brief(err)
		}
	})
}

// reportContacts adds the checks of the clock and of all endpoints.
func (e *examination) reportContacts() {
	var local, date time.Time
	for _, url := range slices.Sorted(maps.Keys(e.contacts)) {
		c := e.contacts[url]
		if date.IsZero() && !c.Date.IsZero() {
			local, date = c.Local, c.Date
		}
		slices.Sort(c.Services)
		e.result.Add(doctor.CheckEndpoint(*c, time.Now()))
	}
	e.result.Add(doctor.CheckClock(local, date))
}

// identity is a session of credentials that are in use.
type identity struct {
	role    session.Role
	name    string
	session *session.Session
}

// identities returns the ambient credentials and each role but those of ecs.
func (e *examination) identities() []identity {
	ambient := identity{name: "ambient", session: e.factory.Session(session.Role{}, e.firstRegion())}
	all := []identity{ambient}
	add := func(role session.Role, s *session.Session) {
		if !slices.ContainsFunc(all, func(known identity) bool { return known.role == role }) {
			all = append(all, identity{role, role.ARN, s})
		}
	}
	for _, t := range e.Config.Targets {
		add(roleOf(t), e.targetSession(t))
	}
	for _, q := range e.Config.Events {
		add(queueRole(q), e.queueSession(q))
	}
	return all
}

// firstRegion returns the Region in which the ambient credentials are checked.
func (e *examination) firstRegion() string {
	if len(e.Config.Targets) > 0 {
		return e.builder.homeRegion(e.Config.Targets[0])
	}
	return e.factory.Region()
}

func (e *examination) targetSession(t config.Target) *session.Session {
	return e.factory.Session(roleOf(t), e.builder.homeRegion(t))
}

func (e *examination) queueSession(q config.EventQueue) *session.Session {
	return e.factory.Session(queueRole(q), q.Region)
}

// checkCredentials checks the ambient credentials, then each role.
func (e *examination) checkCredentials(ctx context.Context) {
	all := e.identities()
	checks := make([][]doctor.Check, len(all))
	checks[0] = e.checkIdentity(ctx, all[0])
	ambient := !hasError(checks[0])
	inParallel(len(all)-1, func(i int) {
		if role := all[i+1]; ambient {
			checks[i+1] = e.checkIdentity(ctx, role)
		} else {
			checks[i+1] = []doctor.Check{{
				Category: doctor.Credentials, Subject: role.name, Check: "AssumeRole", Status: doctor.Skipped,
				Message: "the ambient credentials cannot be used",
			}}
		}
	})
	for i, c := range checks {
		e.result.Add(c...)
		e.failed[all[i].role] = !ambient || c[0].Status != doctor.OK || hasError(c)
	}
}

func hasError(checks []doctor.Check) bool {
	return slices.ContainsFunc(checks, func(c doctor.Check) bool { return c.Status == doctor.Error })
}

func (e *examination) checkIdentity(ctx context.Context, i identity) []doctor.Check {
	region := i.session.CredentialsOperation().Region
	c := doctor.Check{Category: doctor.Credentials, Subject: i.name, Check: "credentials", Status: doctor.OK}
	identified := doctor.Check{Category: doctor.Credentials, Subject: i.name, Check: "GetCallerIdentity", Status: doctor.OK}
	endpoint, err := i.session.STSEndpoint(ctx)
	unreachable := err == nil && e.unreachable(endpoint)
	if i.role.ARN != "" {
		c.Check = "AssumeRole"
		if unreachable {
			c.Status, c.Message = doctor.Skipped, "the endpoint "+endpoint+" cannot be reached"
			return []doctor.Check{c}
		}
	}
	found, err := i.session.Credentials(ctx)
	if err != nil {
		return []doctor.Check{e.failure(c, region, err, "")}
	}
	c.Message = found.Source
	if found.Expires.IsZero() {
		c.Message += ", which do not expire"
	} else {
		c.Message += ", until " + found.Expires.UTC().Format(time.RFC3339)
	}
	if unreachable {
		identified.Status, identified.Message = doctor.Skipped, "the endpoint "+endpoint+" cannot be reached"
		return []doctor.Check{c, identified}
	}
	if identified.Message, err = i.session.CallerARN(ctx); err != nil {
		identified = e.failure(identified, region, err, "")
		if !isRejected(awserr.CauseOf(err).Code) { // the credentials may work for other calls
			identified.Status = doctor.Warning
		}
	}
	return []doctor.Check{c, identified}
}

// unreachable reports whether the request to an endpoint failed.
func (e *examination) unreachable(endpoint string) bool {
	c := e.contacts[endpoint]
	return c != nil && c.Err != nil
}

// unusable returns why calls with a role to an endpoint would fail, "" if they may
// succeed.
func (e *examination) unusable(ctx context.Context, s *session.Session, role session.Role, call endpointCall) string {
	if e.failed[role] {
		return fmt.Sprintf("the credentials %s cannot be used", cmp.Or(role.ARN, "of the environment"))
	}
	if endpoint, err := s.Endpoint(ctx, call); err == nil && e.unreachable(endpoint) {
		return "the endpoint " + endpoint + " cannot be reached"
	}
	return ""
}
