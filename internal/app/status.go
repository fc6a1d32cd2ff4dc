package app

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/iampolicy"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/statuspage"
)

// statusSource returns what the status page and its JSON forms show.
func (a *app) statusSource() statuspage.Source {
	return statuspage.Source{
		Status:   func(q status.Query) *status.Status { return status.New(a.statusInput(), q) },
		Clusters: func(q status.PageQuery) *status.Clusters { return status.NewClusters(a.statusInput(), q) },
	}
}

// statusInput returns the input of a status as of now.
func (a *app) statusInput() status.Input {
	a.refresher.ExpireSnapshots() // after a suspension of the process, timers are late
	in := status.Input{
		Now: time.Now(), Version: version.Version, Ready: a.refresher.Ready(), View: a.store.View(), ECS: a.store.ECS(),
		Guide: a.guide, Next: a.refresher.Next(),
	}
	if a.events != nil {
		for _, q := range a.events.Status() {
			in.Queues = append(in.Queues, status.NewQueue(q.URL, q.Up, q.LastSuccess, q.LastFailure))
		}
	}
	if o := a.pageOptions.Load(); o != nil {
		in.Exclusions = a.exclude(in.Now, o.exclusions, in.View, in.ECS)
		in.Tags, in.Statement = o.tags, o.statements.of
	}
	return in
}

// statements are the statements of IAM policies that allow operations, by target.
type statements map[string][]iampolicy.Statement

// newStatements returns the statements of all principals of a configuration that
// read for its targets. Those of a target allow no more than it needs, because the
// policy of an exporter with a role for each target has all of them.
func newStatements(cfg *config.Config) (statements, error) {
	all := statements{}
	only := *cfg
	only.Events = nil
	for _, t := range cfg.Targets {
		only.Targets = []config.Target{t}
		var principals []string
		if t.RoleARN != "" {
			principals = append(principals, t.RoleARN)
		}
		if t.ECS != nil && t.ECS.RoleARN != "" {
			principals = append(principals, t.ECS.RoleARN)
		}
		for _, principal := range append(principals, iampolicy.Exporter) {
			policy, err := iampolicy.For(&only, principal)
			if err != nil {
				return nil, err
			}
			all[t.Name] = append(all[t.Name], policy.Statement...)
		}
	}
	return all, nil
}

// of returns the statement that allows a target an operation, "" for none. It has no
// Sid, which the statement of all targets may have already.
func (s statements) of(target, operation string) string {
	for _, statement := range s[target] {
		for _, action := range statement.Action {
			if _, name, _ := strings.Cut(action, ":"); name != operation {
				continue
			}
			text, err := json.MarshalIndent(struct {
				Effect           string
				Action, Resource []string
			}{statement.Effect, statement.Action, statement.Resource}, "", "  ")
			if err != nil {
				panic(err) // impossible: a statement holds strings
			}
			return string(text)
		}
	}
	return ""
}
