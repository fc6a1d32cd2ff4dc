package doctor

import "slices"

// Verdict is the answer of AWS on an assumption.
type Verdict string

// The verdicts.
const (
	Holds       Verdict = "holds"
	DoesNotHold Verdict = "does not hold"
	Unknown     Verdict = "cannot be told here"
)

// Answer is the verdict on an assumption.
type Answer struct {
	Assumption string  `json:"assumption"` // the ID
	Verdict    Verdict `json:"verdict"`
	// Evidence has counts, but no names and IDs.
	Evidence string `json:"evidence"`
}

// Assumption is what the exporter takes for granted about AWS and nobody could
// verify without an account that has the data for it.
type Assumption struct {
	ID        string
	Statement string
	Dependent string // what depends on it
	Otherwise string // what happens if it is wrong
}

// The IDs of the assumptions.
const (
	FeatureOff      = "feature_off"
	Suspended       = "suspended"
	Relationships   = "relationships"
	ResourceID      = "resource_id"
	CriteriaAnd     = "criteria_and"
	EqualsAny       = "equals_any"
	EqualsNotEquals = "equals_not_equals"
	EqualsLength    = "equals_length"
	SortOrder       = "sort_order"
	SortTies        = "sort_ties"
	StatisticsZero  = "statistics_zero"
	StatisticsMatch = "statistics_match"
	FilteredLag     = "filtered_lag"
	TagsRight       = "tags_right"
	ExcludedByTag   = "excluded_by_tag"
	MemberEvents    = "member_events"
	RequestRate     = "request_rate"
)

// Assumptions returns all assumptions in the order of docs/verification.md.
func Assumptions() []Assumption {
	return slices.Concat(aboutRows(), aboutFilters(), aboutListings(), aboutOthers())
}

func aboutRows() []Assumption {
	return []Assumption{
		{
			FeatureOff, "ListCoverage returns no rows of an account in which Runtime Monitoring is off.",
			"An empty response, or one without its list, means that there are no resources if the detector reports that Runtime Monitoring is off.",
			"Clusters may look healthy: their last rows stay, beside `guardduty_detector_feature_enabled` 0, for which GuardDutyCoverageRuntimeMonitoringOff fires.",
		},
		{
			Suspended, "ListCoverage returns no rows of an account whose detector is suspended.",
			"The clusters of a suspended account vanish from counts and percent.",
			"Clusters may look healthy: their last rows stay, beside `guardduty_detector_enabled` or `guardduty_member_enabled` 0, for which GuardDutyCoverageDetectorSuspended or GuardDutyCoverageMemberLeft fires.",
		},
		{
			Relationships, "A member's relationship status is Enabled if the administrator sees its resources, and otherwise one of the values that AWS's guides name.",
			"`guardduty_member_enabled`, and which accounts are known to have no clusters.",
			"A member whose clusters are visible counts as not enabled, and GuardDutyCoverageMemberLeft fires for it.",
		},
		{
			ResourceID, "The resource ID of an ECS cluster is its ARN, with the account, Region and name of the row.",
			"The key of a cluster is account, Region and name; the resource ID is not used.",
			"Nothing, unless two clusters of one account and Region had the same name: then one of them would hide the other.",
		},
	}
}

func aboutFilters() []Assumption {
	return []Assumption{
		{
			CriteriaAnd, "A row has to match every criterion of a filter.",
			"Listings of one resource type with a `filter`, reads after events, and large listings divided by account.",
			"Listings have more rows than requested. Those of other types are skipped, but a `filter` has no effect.",
		},
		{
			EqualsAny, "A row has to match one of the values of `equals`.",
			"Reads after events, of up to 50 names at once, and large listings divided by account.",
			"Reads after events find nothing, so that refreshes export the changes; a listing that was divided is repeated as a whole.",
		},
		{
			EqualsNotEquals, "A criterion with `equals` and `not_equals` applies both.",
			"A `filter` with both for one key.",
			"One of the two has no effect, or the target's state is `error`.",
		},
		{
			EqualsLength, "`equals` may have 100 values.",
			"Large listings are divided into parts of up to 100 accounts; reads after events have up to 50 names.",
			"Refreshes that divide their listing fail: the target's state is `error`.",
		},
	}
}

func aboutListings() []Assumption {
	return []Assumption{
		{
			SortOrder, "Rows are in the ascending order of the attribute that they are sorted by.",
			"Pages that are read one after the other neither repeat nor omit a cluster.",
			"Rows may be missing. If there are fewer than the statistics count, the listing is repeated; if there still are, the target's state is `invalid_response`.",
		},
		{
			SortTies, "Rows that are equal in the attribute keep their order from one request to the next.",
			"Clusters of the same name in many accounts are read completely, page by page.",
			"As for `sort_order`.",
		},
		{
			StatisticsZero, "A status or resource type that is absent in the statistics has the count 0.",
			"`guardduty_coverage_statistics_resources` is 0, not absent, and the comparison with the rows counts it as 0.",
			"`guardduty_target_consistent` is 0 and GuardDutyCoverageStatisticsDisagree fires.",
		},
		{
			StatisticsMatch, "The statistics count the rows that a listing returns at the same time.",
			"A listing that has fewer rows than the statistics before and after it is repeated, because a change may have moved a row between two pages.",
			"If the statistics count more, the target's state is `invalid_response`; if they count less, `guardduty_target_consistent` is 0 and GuardDutyCoverageStatisticsDisagree fires.",
		},
		{
			FilteredLag, "A listing filtered by name shows a change as early as an unfiltered one.",
			"Reads after events.",
			"Events count as `behind` and are repeated; then the next refresh exports the change.",
		},
	}
}

func aboutOthers() []Assumption {
	return []Assumption{
		{
			TagsRight, "DescribeClusters with `include=TAGS` needs no right but ecs:DescribeClusters.",
			"The policy of `iam-policy` for `ecs`, which has no ecs:ListTagsForResource.",
			"`guardduty_ecs_cluster_tags_info` is absent, or `guardduty_ecs_account_up` is 0, until ecs:ListTagsForResource is allowed.",
		},
		{
			ExcludedByTag, "A cluster with the tag GuardDutyManaged=false is listed as unhealthy, or not at all.",
			"Counts and percent, and the cause `cluster_excluded`.",
			"A cluster may look healthy although it is excluded; its tag shows with `ecs`.",
		},
		{
			MemberEvents, "The events of member accounts also reach the bus of the administrator's account.",
			"One queue in the administrator's account is enough.",
			"Changes of member accounts are exported by refreshes only, until rules forward their events.",
		},
		{
			RequestRate, "GuardDuty allows five requests per second to an account and Region.",
			"The default of `aws.requests_per_second`.",
			"Requests are throttled and retried: `guardduty_exporter_aws_request_failures_total` with the reason `throttled` increases.",
		},
	}
}
