package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// Requests of the parts that are made once for each target and Region.
const (
	memberPages  = 4  // of [guardduty.MaxProbeMembers]
	ecsCalls     = 8  // of [ecs.Client.Probe]
	maxDeepCalls = 20 // of reading.test and examination.judgeTags
)

// plan returns the highest number of requests, retries not included.
func (e *examination) plan() int {
	n := 0
	services := map[string]bool{} // endpoints, before they are known: one for each service and Region
	for _, i := range e.identities() {
		services["sts "+i.session.CredentialsOperation().Region] = true
		n++ // GetCallerIdentity
		if i.role.ARN != "" {
			n++
		}
	}
	for _, t := range e.Config.Targets {
		regions := e.plannedRegions(t)
		if t.AllRegions() {
			services["account"] = true
			n += 2 // pages of ListRegions
		}
		if t.AccountNames {
			services["organizations"] = true
			n++
		}
		for _, region := range regions {
			services["guardduty "+region] = true
			if t.ECS != nil {
				services["ecs "+region] = true
			}
		}
		n += len(regions) * e.plannedCalls(t)
	}
	n += e.plannedECSCalls()
	for _, q := range e.Config.Events {
		services["sqs "+q.Region+q.Endpoint()] = true
		n++
	}
	return n + len(services)
}

// plannedRegions returns the Regions of a target; of all enabled ones, those that
// exist.
func (e *examination) plannedRegions(t config.Target) []string {
	switch {
	case t.AllRegions():
		return awsregion.Known()
	case len(t.Regions) == 0:
		return []string{e.factory.Region()}
	}
	return t.Regions
}

// plannedCalls returns the calls of a target in one Region.
func (e *examination) plannedCalls(t config.Target) int {
	n := 0
	if t.RoleARN == "" {
		n++ // GetCallerIdentity, if the first one failed
	}
	if t.DetectorID == "" {
		n++
	}
	if t.Detector {
		n++
	}
	if t.Members {
		n += memberPages + 1
	}
	for _, resourceType := range t.ResourceTypes {
		n += 2
		if resourceType == coverage.EC2 && e.Config.EC2.OnlyECS {
			n-- // no statistics
		}
	}
	if e.Deep {
		n += maxDeepCalls
	}
	return n
}

// plannedECSCalls returns the calls with the roles of ecs.
func (e *examination) plannedECSCalls() int {
	templates, n := map[session.Role]bool{}, 0
	for _, t := range e.Config.Targets {
		if t.ECS == nil {
			continue
		}
		role := session.Role{ARN: t.ECS.RoleARN, ExternalID: t.ECS.ExternalID.Reveal()}
		if role.ARN != "" && templates[role] {
			continue
		}
		templates[role] = true
		n += ecsCalls
		if role.ARN != "" {
			n += 1 + maxOtherAccounts
		}
	}
	return n
}

// countRequests returns the requests that were sent, and how many of them AWS
// throttled.
func countRequests(registry prometheus.Gatherer) (requests, throttled int) {
	families, err := registry.Gather()
	if err != nil {
		return 0, 0 // impossible: all are counters and histograms of one registry
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "guardduty_exporter_aws_requests_total":
				requests += int(m.GetCounter().GetValue())
			case "guardduty_exporter_aws_request_failures_total":
				for _, l := range m.GetLabel() {
					if l.GetName() == "reason" && l.GetValue() == string(coverage.Throttled) {
						throttled += int(m.GetCounter().GetValue())
					}
				}
			}
		}
	}
	return requests, throttled
}
