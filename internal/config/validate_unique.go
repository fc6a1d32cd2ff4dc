package config

import (
	"iter"
	"slices"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// validateNames rejects two targets with the same name.
func validateNames(errs *errorList, targets []Target) {
	first := map[string]int{}
	for i, t := range targets {
		key := targetKey(i)
		name := join(key, "name")
		explicit := errs.isSet(name)
		if errs.invalid(key) || !errs.valid(name) || !explicit && !errs.valid(join(key, "role_arn")) {
			continue
		}
		earlier, taken := first[t.Name]
		switch {
		case !taken:
			first[t.Name] = i
		case explicit:
			errs.addf(name, "%s is already the name of %s (line %d)", quote(t.Name), targetKey(earlier), errs.line(targetKey(earlier)))
		default:
			errs.addf(key, "its default name %s is already the name of %s (line %d); set name",
				quote(t.Name), targetKey(earlier), errs.line(targetKey(earlier)))
		}
	}
}

// validateListings rejects two targets that send the same listing to AWS.
func validateListings(errs *errorList, targets []Target) {
	first := map[listingKey]int{}
	for i, t := range targets {
		key := targetKey(i)
		if errs.invalid(key) || !errs.valid(join(key, "role_arn"), join(key, "regions"), join(key, "detector_id"),
			join(key, "resource_types"), join(key, "filter")) {
			continue
		}
		for listing := range t.listings() {
			earlier, duplicate := first[listing]
			if !duplicate {
				first[listing] = i
				continue
			}
			region := listing.region
			if region == "" {
				region = "the Region of the environment"
			}
			errs.addf(key, "duplicates %s (line %d) in %s: role, detector and filter are equal, and both list %s",
				targetKey(earlier), errs.line(targetKey(earlier)), region, listing.resourceType)
			break // one message for each pair
		}
	}
}

// listingKey identifies one listing of a target.
type listingKey struct {
	region       string // empty for that of the environment
	resourceType coverage.ResourceType
	rest         string // role, detector and filter
}

func (t Target) listings() iter.Seq[listingKey] {
	rest := []string{t.RoleARN, t.DetectorID}
	for _, c := range conditions(&t.Filter) {
		rest = append(rest, sortedText(c.Equals), sortedText(c.NotEquals))
	}
	regions := t.Regions
	if len(regions) == 0 {
		regions = []string{""}
	}
	return func(yield func(listingKey) bool) {
		for _, region := range regions {
			for _, resourceType := range t.ResourceTypes {
				if !yield(listingKey{region, resourceType, strings.Join(rest, "\n")}) {
					return
				}
			}
		}
	}
}

// validateAccountNames rejects a second target with account_names, because an organization has one list of accounts.
func validateAccountNames(errs *errorList, targets []Target) {
	first := -1
	for i, t := range targets {
		names := join(targetKey(i), "account_names")
		switch {
		case !t.AccountNames:
		case first < 0:
			first = i
		default:
			earlier := join(targetKey(first), "account_names")
			errs.addf(names, "%s (line %d) is already true; only one target can read the account names of the organization",
				earlier, errs.line(earlier))
		}
	}
}

func sortedText(values []string) string {
	return strings.Join(slices.Sorted(slices.Values(values)), " ")
}
