package config

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/exclusion"
)

const (
	maxExclusions = 1000
	// maxExclusionDays is how many days ahead the last day of an exclusion may be, so that each is reviewed once a year.
	maxExclusionDays   = 400
	minReasonLength    = 10 // characters
	maxExclusionReason = 1000
)

var (
	exclusionNamePattern  = regexp.MustCompile(`^[\w.-]{1,64}$`)
	clusterPatternPattern = regexp.MustCompile(`^[\w*?-]{1,255}$`)
	literalPattern        = regexp.MustCompile(`[A-Za-z0-9]`)
)

// exclusionsFile is the contents of [Config.ExclusionsFile].
type exclusionsFile struct {
	Exclusions []exclusion.Entry `yaml:"exclusions"`
}

func exclusionKey(i int) string { return fmt.Sprintf("exclusions[%d]", i) }

// readExclusions sets the exclusions that are in a file. Mistakes in it are of that file.
func (l *Loader) readExclusions(ctx context.Context, errs *errorList, cfg *Config) Errors {
	if cfg.ExclusionsFile == "" {
		return nil
	}
	path := l.resolve(cfg.ExclusionsFile)
	data, err := l.files.read(ctx, path)
	if err != nil {
		errs.addf("exclusions_file", "cannot read %s: %v", quote(cfg.ExclusionsFile), err)
		return nil
	}
	var file exclusionsFile
	inFile := newErrorList(path)
	root := parseDocument(inFile, data)
	switch {
	case root != nil && !isNull(root):
		if decode(inFile, root, &file) {
			validateExclusions(inFile, file.Exclusions, time.Now())
		}
	case len(inFile.errors) == 0: // as of a file that is being written
		inFile.add("", 1, "the file is empty; write exclusions: [] for none")
	}
	cfg.Exclusions = file.Exclusions
	return inFile.all()
}

func validateExclusionsFile(errs *errorList, c *Config) {
	switch {
	case c.ExclusionsFile == "" || !errs.valid("exclusions_file"):
	case len(c.Exclusions) > 0:
		errs.addf("exclusions_file", "cannot be combined with exclusions")
	case !isPrintable(c.ExclusionsFile):
		errs.addf("exclusions_file", "must not contain leading or trailing spaces or non-printable characters")
	}
}

func validateExclusions(errs *errorList, entries []exclusion.Entry, now time.Time) {
	if len(entries) > maxExclusions {
		errs.addf("exclusions", "must have at most %d entries, not %d", maxExclusions, len(entries))
	}
	first := map[string]int{}
	for i, e := range entries {
		key := exclusionKey(i)
		if errs.invalid(key) {
			continue
		}
		name := join(key, "name")
		validateExclusion(errs, key, e)
		validateLastDay(errs, join(key, "until"), e, now)
		earlier, taken := first[e.Name]
		switch {
		case !errs.valid(name):
		case taken:
			errs.addf(name, "%s is already the name of %s (line %d)", quote(e.Name), exclusionKey(earlier), errs.line(exclusionKey(earlier)))
		default:
			first[e.Name] = i
		}
	}
}

func validateExclusion(errs *errorList, key string, e exclusion.Entry) {
	check := func(name, value string, reason func(string) string) {
		if k := join(key, name); value != "" && errs.valid(k) {
			if text := reason(value); text != "" {
				errs.addf(k, "%s", text)
			}
		}
	}
	for _, required := range []struct{ name, value string }{{"name", e.Name}, {"reason", e.Reason}} {
		if k := join(key, required.name); required.value == "" && errs.valid(k) {
			errs.addf(k, "is required")
		}
	}
	check("name", e.Name, func(v string) string {
		return match(exclusionNamePattern, v, "a name of at most 64 letters, digits, hyphens, underscores and dots")
	})
	check("account_id", e.AccountID, func(v string) string { return match(accountIDPattern, v, "an account ID of 12 digits") })
	check("region", e.Region, func(v string) string { return checkRegion(v) })
	check("cluster_name", e.ClusterName, func(v string) string {
		return match(clusterPatternPattern, v, "a cluster name, in which * is any characters and ? is one")
	})
	check("issue_type", string(e.IssueType), oneOf(issueTypes()...))
	check("reason", e.Reason, checkReason)
	check("owner", e.Owner, checkLabel)
	check("ticket", e.Ticket, checkLabel)
	if account, cluster := join(key, "account_id"), join(key, "cluster_name"); e.AccountID == "" && !literalPattern.MatchString(e.ClusterName) &&
		errs.valid(account, cluster) {
		errs.addf(key, "matches the clusters of all accounts; set account_id, or a cluster_name with letters or digits")
	}
}

func issueTypes() []string {
	var names []string
	for _, t := range coverage.IssueTypes() {
		names = append(names, string(t))
	}
	return names
}

// checkReason returns the reason why a reason is wrong, or "".
func checkReason(reason string) string {
	switch n := utf8.RuneCountInString(strings.TrimSpace(reason)); {
	case n < minReasonLength || n > maxExclusionReason:
		return fmt.Sprintf("must have between %d and %d characters, not %d", minReasonLength, maxExclusionReason, n)
	case !isPrintable(reason):
		return "must be one line without leading or trailing spaces or non-printable characters"
	}
	return ""
}

// checkLabel returns the reason why the value of a label is wrong, or "".
func checkLabel(text string) string {
	switch {
	case !isPrintable(text):
		return "must not contain leading or trailing spaces or non-printable characters"
	case len(text) > coverage.MaxTextBytes:
		return fmt.Sprintf("must have at most %d bytes, not %d", coverage.MaxTextBytes, len(text))
	}
	return ""
}

func validateLastDay(errs *errorList, key string, e exclusion.Entry, now time.Time) {
	switch {
	case !errs.valid(key):
	case e.Until.IsZero():
		errs.addf(key, "is required, a date such as 2027-03-01")
	case e.Until.After(now.UTC().AddDate(0, 0, maxExclusionDays)):
		errs.addf(key, "%s is more than %d days ahead", e.LastDay(), maxExclusionDays)
	}
}

// Warnings returns what is valid but needs a change, one message for each.
func (c *Config) Warnings(now time.Time) []string {
	var warnings []string
	for _, e := range c.Exclusions {
		if e.Ended(now) {
			warnings = append(warnings, fmt.Sprintf("%s: the exclusion %s has ended, its last day was %s; remove it, or set a later until",
				c.name, e.Name, e.LastDay()))
		}
	}
	return warnings
}
