package config

import (
	"iter"
	"slices"
	"strings"
)

// validateNames refuses two targets of one name.
func validateNames(r *report, targets []Target) {
	first := map[string]int{}
	for i, t := range targets {
		key := targetKey(i)
		name := join(key, "name")
		chosen := r.given(name)
		if r.unusable(key) || !r.sound(name) || !chosen && !r.sound(join(key, "role_arn")) {
			continue
		}
		earlier, taken := first[t.Name]
		switch {
		case !taken:
			first[t.Name] = i
		case chosen:
			r.addf(name, "%s is already the name of %s (line %d)", quote(t.Name), targetKey(earlier), r.line(targetKey(earlier)))
		default:
			r.addf(key, "its default name %s is already the name of %s (line %d); set name",
				quote(t.Name), targetKey(earlier), r.line(targetKey(earlier)))
		}
	}
}

// validateQuestions refuses two targets that would ask AWS the very same thing.
func validateQuestions(r *report, targets []Target) {
	first := map[question]int{}
	for i, t := range targets {
		key := targetKey(i)
		if r.unusable(key) || !r.sound(join(key, "role_arn"), join(key, "regions"), join(key, "detector_id"),
			join(key, "resource_types"), join(key, "filter")) {
			continue
		}
		for q := range t.questions() {
			earlier, asked := first[q]
			if !asked {
				first[q] = i
				continue
			}
			region := q.region
			if region == "" {
				region = "the Region of the environment"
			}
			r.addf(key, "asks for the same as %s (line %d) in %s: role, detector and filter are equal, and both list %s",
				targetKey(earlier), r.line(targetKey(earlier)), region, q.resourceType)
			break // one message for one pair
		}
	}
}

// question is one listing that a target asks AWS for.
type question struct {
	region       string // empty for that of the environment
	resourceType string
	about        string // all else that decides about the answer
}

func (t Target) questions() iter.Seq[question] {
	f := t.Filter
	about := []string{t.RoleARN, t.DetectorID}
	for _, c := range []Condition{f.AccountID, f.ECSClusterName, f.CoverageStatus, f.ManagementType} {
		about = append(about, sortedText(c.Equals), sortedText(c.NotEquals))
	}
	regions := t.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	return func(yield func(question) bool) {
		for _, region := range regions {
			for _, resourceType := range t.ResourceTypes {
				if !yield(question{region, resourceType, strings.Join(about, "\n")}) {
					return
				}
			}
		}
	}
}

// validateAccountNames refuses a second target that asks for the accounts' names: an organization has one list.
func validateAccountNames(r *report, targets []Target) {
	first := -1
	for i, t := range targets {
		names := join(targetKey(i), "account_names")
		switch {
		case !t.AccountNames:
		case first < 0:
			first = i
		default:
			earlier := join(targetKey(first), "account_names")
			r.addf(names, "%s (line %d) is true already; an organization has one list of accounts, so one target asks for it",
				earlier, r.line(earlier))
		}
	}
}

func sortedText(values []string) string {
	return strings.Join(slices.Sorted(slices.Values(values)), " ")
}
