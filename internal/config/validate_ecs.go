package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

const (
	// minECSInterval keeps repeated reads of unchanged clusters from using up the request rate, which ECS shares with
	// deployments.
	minECSInterval = time.Minute
	// maxECSTags limits the labels of guardduty_ecs_cluster_tags_info.
	maxECSTags      = 16
	maxTagKeyLength = 128 // characters
)

var (
	placeholderPattern = regexp.MustCompile(`[{][^{}]*[}]|[{}]`)
	// tagKeyPattern is from the API model of ECS. Keys that begin with aws: can be read.
	tagKeyPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]+$`)
)

func ecsKey(i int) string { return join(targetKey(i), "ecs") }

// validateECS checks the ecs block of the target at key.
func validateECS(errs *errorList, key string, t Target) {
	block := join(key, "ecs")
	if t.ECS == nil || errs.invalid(block) {
		return
	}
	if errs.valid(join(key, "resource_types")) && !slices.Contains(t.ResourceTypes, coverage.ECS) {
		errs.addf(block, "requires ECS in resource_types")
	}
	if errs.valid(join(block, "role_arn")) {
		validateECSRole(errs, block, t.ECS)
	}
	validateScope(errs, key, t)
	if interval := join(block, "interval"); errs.valid(interval) {
		checkDuration(errs, interval, t.ECS.Interval, minECSInterval)
	}
	validateList(errs, join(block, "tags"), t.ECS.Tags, checkTagKey)
}

// validateECSRole checks role_arn, external_id and role_session_name of the block.
func validateECSRole(errs *errorList, block string, e *ECS) {
	role := join(block, "role_arn")
	placeholders := placeholderPattern.FindAllString(e.RoleARN, -1)
	for _, p := range placeholders {
		if p != partitionPlaceholder && p != accountPlaceholder {
			errs.addf(role, "%s is not a placeholder; %s and %s are%s", quote(p), partitionPlaceholder, accountPlaceholder,
				didYouMean(nearest(p, []string{partitionPlaceholder, accountPlaceholder})))
			break
		}
	}
	sample := *e
	sample.RoleARN = e.RoleIn("aws", "111122223333")
	if errs.valid(role) && e.RoleARN != "" {
		checkECSRole(errs, role, e.RoleARN, sample.RoleARN)
	}
	if !errs.valid(role) {
		sample.RoleARN = accountPlaceholder // a role is set, and its mistake is reported
	}
	validateSession(errs, block, sample.role())
}

// checkECSRole checks a template by its sample, in which the placeholders are replaced.
func checkECSRole(errs *errorList, key, template, sample string) {
	parsed, err := arn.Parse(template)
	switch {
	case !isRoleARN(sample):
		errs.addf(key, "%s is not the ARN of an IAM role (arn:aws:iam::%s:role/NAME)", quote(template), accountPlaceholder)
	case err != nil || parsed.AccountID != accountPlaceholder:
		errs.addf(key, "%s must have %s as its account, because ECS is read in the account of each cluster", quote(template), accountPlaceholder)
	}
}

// validateScope checks the scope, and that no filter hides clusters that GuardDuty lists, because they would count as
// not listed.
func validateScope(errs *errorList, key string, t Target) {
	scope := join(key, "ecs.scope")
	if !errs.valid(scope) {
		return
	}
	if reason := oneOf(ScopeUnhealthy, ScopeAll)(t.ECS.Scope); reason != "" {
		errs.addf(scope, "%s", reason)
	}
	if t.ECS.Scope != ScopeAll {
		return
	}
	for _, name := range t.hidingFilters() {
		errs.addf(scope, "\"all\" cannot be combined with filter.%s, because clusters that it excludes would count as not listed", name)
	}
}

// checkTagKey returns the reason why a tag key is wrong, or "".
func checkTagKey(key string) string {
	if n := utf8.RuneCountInString(key); n > maxTagKeyLength {
		return fmt.Sprintf("must have at most %d characters, not %d", maxTagKeyLength, n)
	}
	return match(tagKeyPattern, key, "a tag key of letters, digits, spaces and _.:/=+@-")
}

// validateTagLabels rejects two keys with the same label and too many keys, in all targets, because every series of
// guardduty_ecs_cluster_tags_info has all labels.
func validateTagLabels(errs *errorList, targets []Target) {
	first := map[string]struct{ tag, item string }{}
	for i, t := range targets {
		if t.ECS == nil || errs.invalid(ecsKey(i)) {
			continue
		}
		for j, tag := range t.ECS.Tags {
			item := fmt.Sprintf("%s.tags[%d]", ecsKey(i), j)
			if !errs.valid(item) {
				continue
			}
			label := coverage.TagLabel(tag)
			earlier, taken := first[label]
			switch {
			case taken && earlier.tag != tag:
				errs.addf(item, "%s has the label %s, as %s has, which is %s (line %d)",
					quote(tag), label, quote(earlier.tag), earlier.item, errs.line(earlier.item))
			case !taken && len(first) == maxECSTags:
				errs.addf(item, "is more than the %d tag keys that the targets may have in total", maxECSTags)
				return
			case !taken:
				first[label] = struct{ tag, item string }{tag, item}
			}
		}
	}
}

// hasPlaceholder reports whether the text has a placeholder of ecs.role_arn.
func hasPlaceholder(text string) bool {
	return strings.Contains(text, partitionPlaceholder) || strings.Contains(text, accountPlaceholder)
}
