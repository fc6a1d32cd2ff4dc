package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// The patterns are from the API models of IAM, STS, GuardDuty and ECS.
var (
	accountIDPattern       = regexp.MustCompile(`^\d{12}$`)
	clusterNamePattern     = regexp.MustCompile(`^[\w-]{1,255}$`)
	detectorIDPattern      = regexp.MustCompile(`^[A-Za-z0-9-]{1,300}$`)
	externalIDPattern      = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	roleSessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	rolePartitionPattern   = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	roleNamePattern        = regexp.MustCompile(`^role/([!-~]{1,510}/)?[\w+=,.@-]{1,64}$`)
)

func validateTarget(errs *errorList, key string, t Target) {
	if role := join(key, "role_arn"); errs.valid(role) {
		validateRole(errs, key, t.role())
	}
	if name := join(key, "name"); errs.valid(name) && !isPrintable(t.Name) {
		errs.addf(name, "must not contain leading or trailing spaces or non-printable characters")
	} else if len(t.Name) > coverage.MaxTextBytes {
		errs.addf(name, "must have at most %d bytes, not %d", coverage.MaxTextBytes, len(t.Name))
	}
	validateRegions(errs, key, t)
	validateDetector(errs, key, t)
	validateResourceTypes(errs, key, t)
	validateECS(errs, key, t)
	validateCondition(errs, join(key, "filter.account_id"), t.Filter.AccountID, func(value string) string {
		return match(accountIDPattern, value, "an account ID of 12 digits")
	})
	validateCondition(errs, join(key, "filter.ecs_cluster_name"), t.Filter.ECSClusterName, func(value string) string {
		return match(clusterNamePattern, value, "a cluster name: at most 255 letters, digits, hyphens and underscores")
	})
	validateCondition(errs, join(key, "filter.coverage_status"), t.Filter.CoverageStatus, oneOf("HEALTHY", "UNHEALTHY"))
	validateCondition(errs, join(key, "filter.management_type"), t.Filter.ManagementType,
		oneOf("AUTO_MANAGED", "MANUAL", "DISABLED"))
}

func validateRegions(errs *errorList, key string, t Target) {
	regions := join(key, "regions")
	if t.Regions != nil && len(t.Regions) == 0 {
		errs.addf(regions, "must not be empty; omit the key to use the Region of the environment")
	}
	validateList(errs, regions, t.Regions, checkRegionOrAll)
	if !errs.valid(regions) {
		return
	}
	if len(t.Regions) > 1 && slices.Contains(t.Regions, allRegions) {
		errs.addf(regions, "\"all\" cannot be combined with other Regions")
		return
	}
	if t.AllRegions() {
		return
	}
	validatePartitions(errs, key, t)
}

// validatePartitions checks that all Regions of the target are in one partition, because credentials are.
func validatePartitions(errs *errorList, key string, t Target) {
	role := join(key, "role_arn")
	if parsed, err := arn.Parse(t.RoleARN); err == nil && errs.valid(role) {
		for i, region := range t.Regions {
			if p := awsregion.Partition(region); p != parsed.Partition {
				errs.addf(fmt.Sprintf("%s[%d]", join(key, "regions"), i),
					"%s is in the partition %s, but role_arn is in %s", region, p, parsed.Partition)
			}
		}
		return
	}
	for i, region := range t.Regions {
		if p, first := awsregion.Partition(region), awsregion.Partition(t.Regions[0]); p != first {
			errs.addf(fmt.Sprintf("%s[%d]", join(key, "regions"), i),
				"%s is in the partition %s, but %s is in %s; use one exporter for each partition",
				region, p, t.Regions[0], first)
		}
	}
}

func validateDetector(errs *errorList, key string, t Target) {
	detector := join(key, "detector_id")
	if t.DetectorID == "" || !errs.valid(detector) {
		return
	}
	if reason := match(detectorIDPattern, t.DetectorID, "a detector ID: at most 300 letters, digits and hyphens"); reason != "" {
		errs.addf(detector, "%s", reason)
	} else if errs.valid(join(key, "regions")) && (len(t.Regions) > 1 || t.AllRegions()) {
		errs.addf(detector, "requires a single Region, because a detector belongs to one")
	}
}

func validateResourceTypes(errs *errorList, key string, t Target) {
	types := join(key, "resource_types")
	if len(t.ResourceTypes) == 0 {
		errs.addf(types, "must not be empty; omit the key to list ECS")
	}
	validateList(errs, types, t.ResourceTypes, oneOf(string(coverage.ECS), string(coverage.EC2), string(coverage.EKS)))
	names := t.Filter.ECSClusterName
	if cluster := join(key, "filter.ecs_cluster_name"); errs.valid(types, cluster) && !slices.Contains(t.ResourceTypes, coverage.ECS) &&
		(len(names.Equals) > 0 || len(names.NotEquals) > 0) {
		errs.addf(cluster, "requires ECS in resource_types")
	}
}

// validateCondition checks the values in both lists; check returns the reason why a value is wrong, or "".
func validateCondition(errs *errorList, key string, c coverage.Condition, check func(string) string) {
	equals, notEquals := join(key, "equals"), join(key, "not_equals")
	validateList(errs, equals, c.Equals, check)
	validateList(errs, notEquals, c.NotEquals, check)
	equal := map[string]bool{}
	for _, value := range c.Equals {
		equal[value] = true
	}
	for i, value := range c.NotEquals {
		if item := fmt.Sprintf("%s[%d]", notEquals, i); equal[value] && errs.valid(item) {
			errs.addf(item, "%s is in both equals and not_equals", quote(value))
		}
	}
}

// validateList checks each value and rejects empty values and duplicates.
func validateList[S ~string](errs *errorList, key string, values []S, check func(string) string) {
	first := map[string]string{}
	for i, value := range values {
		value := string(value)
		item := fmt.Sprintf("%s[%d]", key, i)
		if !errs.valid(item) {
			continue
		}
		if value == "" {
			errs.addf(item, "must not be empty")
		} else if reason := check(value); reason != "" {
			errs.addf(item, "%s", reason)
		} else if earlier, duplicate := first[value]; duplicate {
			errs.addf(item, "%s is a duplicate of %s", quote(value), earlier)
		} else {
			first[value] = item
		}
	}
}

func match(pattern *regexp.Regexp, value, want string) string {
	if pattern.MatchString(value) {
		return ""
	}
	return fmt.Sprintf("%s is not %s", quote(value), want)
}

func oneOf(allowed ...string) func(string) string {
	return func(value string) string {
		if slices.Contains(allowed, value) {
			return ""
		}
		return fmt.Sprintf("%s is not one of %s%s", quote(value), strings.Join(allowed, ", "), didYouMean(nearest(value, allowed)))
	}
}
