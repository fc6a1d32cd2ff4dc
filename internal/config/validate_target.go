package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
)

// maxNameBytes is the length at which label values are cut.
const maxNameBytes = 200

// maxExternalID is the length of the longest external ID that STS takes.
const maxExternalID = 1224

// The patterns are those of the models of IAM, STS, GuardDuty and ECS.
var (
	accountIDPattern       = regexp.MustCompile(`^\d{12}$`)
	clusterNamePattern     = regexp.MustCompile(`^[\w-]{1,255}$`)
	detectorIDPattern      = regexp.MustCompile(`^[A-Za-z0-9-]{1,300}$`)
	externalIDPattern      = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
	roleSessionNamePattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	rolePartitionPattern   = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	roleNamePattern        = regexp.MustCompile(`^role/([!-~]{1,510}/)?[\w+=,.@-]{1,64}$`)
)

func validateTarget(r *report, key string, t Target) {
	if role := join(key, "role_arn"); r.sound(role) {
		validateRole(r, key, t.RoleARN, t.ExternalID, t.RoleSessionName)
	}
	if name := join(key, "name"); r.sound(name) && !visible(t.Name) {
		r.addf(name, "must not have spaces round it or characters that cannot be printed")
	} else if len(t.Name) > maxNameBytes {
		r.addf(name, "must have at most %d bytes, not %d", maxNameBytes, len(t.Name))
	}
	validateRegions(r, key, t)
	validateDetector(r, key, t)
	validateResourceTypes(r, key, t)
	validateCondition(r, join(key, "filter.account_id"), t.Filter.AccountID, func(value string) string {
		return match(accountIDPattern, value, "an account ID of 12 digits")
	})
	validateCondition(r, join(key, "filter.ecs_cluster_name"), t.Filter.ECSClusterName, func(value string) string {
		return match(clusterNamePattern, value, "a cluster name: at most 255 letters, digits, hyphens and underscores")
	})
	validateCondition(r, join(key, "filter.coverage_status"), t.Filter.CoverageStatus, oneOf("HEALTHY", "UNHEALTHY"))
	validateCondition(r, join(key, "filter.management_type"), t.Filter.ManagementType,
		oneOf("AUTO_MANAGED", "MANUAL", "DISABLED"))
}

// validateRole checks the role of the mapping at key and the keys that go with it.
func validateRole(r *report, key, roleARN string, externalID Secret, sessionName string) {
	role, secret, session := join(key, "role_arn"), join(key, "external_id"), join(key, "role_session_name")
	if roleARN != "" && !isRoleARN(roleARN) {
		r.addf(role, "%s is not the ARN of an IAM role (arn:aws:iam::111122223333:role/NAME)", quote(roleARN))
	}
	switch n := len(externalID); {
	case n == 0:
	case roleARN == "":
		r.addf(secret, "is of use only with role_arn")
	case n > maxExternalID || !externalIDPattern.MatchString(externalID.Reveal()):
		r.addf(secret, "must have 2 to 1224 letters, digits and _+=,.@:/-")
	}
	switch {
	case sessionName == "":
	case roleARN == "":
		r.addf(session, "is of use only with role_arn")
	case !roleSessionNamePattern.MatchString(sessionName):
		r.addf(session, "%s must have 2 to 64 letters, digits and _+=,.@-", quote(sessionName))
	}
}

func isRoleARN(text string) bool {
	role, err := arn.Parse(text)
	return err == nil && rolePartitionPattern.MatchString(role.Partition) && role.Service == "iam" && role.Region == "" &&
		accountIDPattern.MatchString(role.AccountID) && roleNamePattern.MatchString(role.Resource)
}

func validateRegions(r *report, key string, t Target) {
	regions := join(key, "regions")
	if t.Regions != nil && len(t.Regions) == 0 {
		r.addf(regions, "must have at least one entry; leave the key out for the Region of the environment")
	}
	validateList(r, regions, t.Regions, checkRegionOrAll)
	if !r.sound(regions) {
		return
	}
	if len(t.Regions) > 1 && slices.Contains(t.Regions, allRegions) {
		r.addf(regions, "all must be the only entry, for it takes in every other Region")
		return
	}
	if t.AllRegions() {
		return
	}
	validatePartitions(r, key, t)
}

// validatePartitions checks that one set of credentials can serve all Regions of the target.
func validatePartitions(r *report, key string, t Target) {
	role := join(key, "role_arn")
	if parsed, err := arn.Parse(t.RoleARN); err == nil && r.sound(role) {
		for i, region := range t.Regions {
			if p := awsregion.Partition(region); p != parsed.Partition {
				r.addf(fmt.Sprintf("%s[%d]", join(key, "regions"), i),
					"%s is in the partition %s, but role_arn is in %s", region, p, parsed.Partition)
			}
		}
		return
	}
	for i, region := range t.Regions {
		if p, first := awsregion.Partition(region), awsregion.Partition(t.Regions[0]); p != first {
			r.addf(fmt.Sprintf("%s[%d]", join(key, "regions"), i),
				"%s is in the partition %s, but %s is in %s; give each partition a target of its own",
				region, p, t.Regions[0], first)
		}
	}
}

func validateDetector(r *report, key string, t Target) {
	detector := join(key, "detector_id")
	if t.DetectorID == "" || !r.sound(detector) {
		return
	}
	if why := match(detectorIDPattern, t.DetectorID, "a detector ID: at most 300 letters, digits and hyphens"); why != "" {
		r.addf(detector, "%s", why)
	} else if r.sound(join(key, "regions")) && (len(t.Regions) > 1 || t.AllRegions()) {
		r.addf(detector, "a detector belongs to one Region, but regions names more than one")
	}
}

func validateResourceTypes(r *report, key string, t Target) {
	types := join(key, "resource_types")
	if len(t.ResourceTypes) == 0 {
		r.addf(types, "must have at least one entry; leave the key out for ECS")
	}
	validateList(r, types, t.ResourceTypes, oneOf(ecs, "EC2", "EKS"))
	names := t.Filter.ECSClusterName
	if cluster := join(key, "filter.ecs_cluster_name"); r.sound(types, cluster) && !slices.Contains(t.ResourceTypes, ecs) &&
		(len(names.Equals) > 0 || len(names.NotEquals) > 0) {
		r.addf(cluster, "is of use only where resource_types has ECS")
	}
}

// validateCondition checks the values of both lists; check returns what is wrong with a value, or "".
func validateCondition(r *report, key string, c Condition, check func(string) string) {
	equals, notEquals := join(key, "equals"), join(key, "not_equals")
	validateList(r, equals, c.Equals, check)
	validateList(r, notEquals, c.NotEquals, check)
	wanted := map[string]bool{}
	for _, value := range c.Equals {
		wanted[value] = true
	}
	for i, value := range c.NotEquals {
		if item := fmt.Sprintf("%s[%d]", notEquals, i); wanted[value] && r.sound(item) {
			r.addf(item, "%s also stands in equals, so nothing could match", quote(value))
		}
	}
}

// validateList checks each value by itself and refuses empty ones and repetitions.
func validateList(r *report, key string, values []string, check func(string) string) {
	first := map[string]string{}
	for i, value := range values {
		item := fmt.Sprintf("%s[%d]", key, i)
		if !r.sound(item) {
			continue
		}
		if value == "" {
			r.addf(item, "the entry is empty; remove it or give it a value")
		} else if why := check(value); why != "" {
			r.addf(item, "%s", why)
		} else if earlier, twice := first[value]; twice {
			r.addf(item, "%s is given twice, first as %s", quote(value), earlier)
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
