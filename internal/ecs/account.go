package ecs

import (
	"cmp"
	"slices"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// Account is what GuardDuty reports of one account and Region to a target.
type Account struct {
	ID     string
	Region string
	Rows   []coverage.Resource // of ECS clusters, sorted by name

	administrator     string              // "" if the target is that of the account itself
	instances         []coverage.Resource // rows of EC2 instances, sorted by name; nil if not all are known
	runtimeMonitoring diagnosis.Setting
	agentManagement   diagnosis.Setting
}

// Accounts returns the accounts that a report of a coverage target shows, sorted
// by ID: those with rows, and those without clusters. It shares memory with the
// report.
func Accounts(report coverage.Report) []Account {
	s := report.Snapshot
	if s == nil || s.OptionalOnly {
		return nil // which accounts there are is not known
	}
	byID := map[string]*Account{}
	account := func(id string) *Account {
		a, ok := byID[id]
		if !ok {
			a = &Account{ID: id, Region: report.Target.Region}
			if id != report.AccountID {
				a.administrator = report.AccountID // it shows the account as its member
			}
			byID[id] = a
		}
		return a
	}
	for _, id := range s.Accounts {
		account(id)
	}
	for rest := s.Resources; len(rest) > 0; {
		first := rest[0]
		n := slices.IndexFunc(rest, func(r coverage.Resource) bool { return r.Type != first.Type || r.AccountID != first.AccountID })
		if n < 0 {
			n = len(rest)
		}
		switch first.Type {
		case coverage.ECS:
			account(first.AccountID).Rows = rest[:n:n]
		case coverage.EC2:
			account(first.AccountID).instances = rest[:n:n]
		}
		rest = rest[n:]
	}
	for _, f := range s.Features {
		if a := byID[cmp.Or(f.AccountID, report.AccountID)]; a != nil {
			a.addFeature(f)
		}
	}
	var accounts []Account
	for _, a := range byID {
		switch {
		case s.NarrowedByStatus: // an instance without a row may be listed
			a.instances = nil
		case slices.Contains(s.Types, coverage.EC2) && a.instances == nil:
			a.instances = []coverage.Resource{}
		}
		if coverage.IsAccountID(a.ID) {
			accounts = append(accounts, *a)
		}
	}
	slices.SortFunc(accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	return accounts
}

func (a *Account) addFeature(f coverage.Feature) {
	setting := diagnosis.Setting{State: diagnosis.Off, ManagedBy: f.ManagedBy, UpdatedAt: f.UpdatedAt}
	if f.Enabled {
		setting.State = diagnosis.On
	}
	switch {
	case f.Name != "RUNTIME_MONITORING":
	case f.Additional == "":
		a.runtimeMonitoring = setting
	case f.Additional == "ECS_FARGATE_AGENT_MANAGEMENT":
		a.agentManagement = setting
	}
}

// Complete fills GuardDuty's part of an evidence, except for the row. Its
// Instances are nil if the target does not list all instances.
func (a *Account) Complete(e *diagnosis.Evidence) {
	e.RuntimeMonitoring, e.AgentManagement, e.Administrator = a.runtimeMonitoring, a.agentManagement, a.administrator
	if a.instances == nil {
		return
	}
	e.Instances = map[string]coverage.Resource{}
	for _, id := range e.InstanceIDs {
		key := coverage.Key{Type: coverage.EC2, AccountID: a.ID, Region: a.Region, Name: id}
		if row := coverage.Find(a.instances, key); row != nil {
			e.Instances[id] = *row
		}
	}
}
