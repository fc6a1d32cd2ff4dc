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
	first := map[string]int{}
	for i, t := range targets {
		key := targetKey(i)
		if r.unusable(key) ||
			!r.sound(join(key, "role_arn"), join(key, "regions"), join(key, "detector_id"), join(key, "filter")) {
			continue
		}
		for region, question := range t.questions() {
			earlier, asked := first[question]
			if !asked {
				first[question] = i
				continue
			}
			if region == "" {
				region = "the Region of the environment"
			}
			r.addf(key, "asks for the same as %s (line %d) in %s: role, detector and filter are equal",
				targetKey(earlier), r.line(targetKey(earlier)), region)
			break // one message for one pair
		}
	}
}

// questions returns what the target asks of AWS, by Region: all that decides about the answer in one text.
func (t Target) questions() iter.Seq2[string, string] {
	f := t.Filter
	about := []string{t.RoleARN, t.DetectorID}
	for _, c := range []Condition{f.AccountID, f.ECSClusterName, f.CoverageStatus, f.ManagementType} {
		about = append(about, sortedText(c.Equals), sortedText(c.NotEquals))
	}
	text := strings.Join(about, "\n")
	return func(yield func(region, question string) bool) {
		if len(t.Regions) == 0 {
			yield("", text)
			return
		}
		for _, region := range t.Regions {
			if !yield(region, region+"\n"+text) {
				return
			}
		}
	}
}

func sortedText(values []string) string {
	return strings.Join(slices.Sorted(slices.Values(values)), " ")
}
