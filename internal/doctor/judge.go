package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// NotTold returns the answer on an assumption that could not be tested.
func NotTold(assumption, reason string) Answer { return Answer{assumption, Unknown, reason} }

// answer returns the answer on an assumption that was tested.
func answer(assumption string, holds bool, format string, args ...any) Answer {
	a := Answer{assumption, DoesNotHold, fmt.Sprintf(format, args...)}
	if holds {
		a.Verdict = Holds
	}
	return a
}

// Judge returns one answer on each assumption, in their order. Of several, those that
// an assumption does not hold count most, and those that tell nothing least.
func Judge(answers []Answer) []Answer {
	rank := []Verdict{Unknown, Holds, DoesNotHold}
	judged := []Answer{}
	for _, assumption := range Assumptions() {
		best := NotTold(assumption.ID, "no target could be read")
		found := false
		for _, a := range answers {
			better := slices.Index(rank, a.Verdict) > slices.Index(rank, best.Verdict)
			if a.Assumption == assumption.ID && (!found || better) {
				best, found = a, true
			}
		}
		judged = append(judged, best)
	}
	return judged
}

// JudgeInvisible judges that accounts with a property have no rows: n accounts have
// it, and a listing of them has rows.
func JudgeInvisible(assumption string, accounts, rows int, noList bool) Answer {
	form := "an empty list"
	if noList {
		form = "a response without a list"
	}
	switch {
	case accounts == 0:
		return NotTold(assumption, "no account that was read is in that state")
	case rows > 0:
		return answer(assumption, false, "a listing of %d such accounts has rows", accounts)
	}
	return answer(assumption, true, "a listing of %d such accounts is %s", accounts, form)
}

// JudgeRelationships judges the relationships of members, by account, and which
// accounts have rows. spelled counts the members by AWS's own words.
func JudgeRelationships(relationships map[string]string, withRows []string, spelled map[string]int) Answer {
	if len(relationships) == 0 {
		return NotTold(Relationships, "no members were read")
	}
	other, hidden := 0, 0
	for _, r := range relationships {
		if r == "other" {
			other++
		}
	}
	for _, id := range withRows {
		if r, member := relationships[id]; member && r != "enabled" {
			hidden++
		}
	}
	return answer(Relationships, other+hidden == 0,
		"members by status: %s; %d have an unknown status, %d are not enabled and have rows", enumerate(spelled), other, hidden)
}

// ClusterID is the resource ID of an ECS cluster, with what is in its ARN.
type ClusterID struct{ ID, Partition, Region, AccountID, Name string }

func (c ClusterID) arn() string {
	return fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", c.Partition, c.Region, c.AccountID, c.Name)
}

// words matches the words of an ID.
var words = regexp.MustCompile(`[^:/]+`)

// form returns the ID with placeholders.
func (c ClusterID) form() string {
	known := map[string]string{
		c.Name: "NAME", c.AccountID: "ACCOUNT", c.Region: "REGION", c.Partition: "PARTITION", "arn": "arn", "ecs": "ecs", "cluster": "cluster",
	}
	return words.ReplaceAllStringFunc(c.ID, func(word string) string { return cmp.Or(known[word], "OTHER") })
}

// JudgeResourceIDs judges the IDs of ECS clusters.
func JudgeResourceIDs(ids []ClusterID) Answer {
	if len(ids) == 0 {
		return NotTold(ResourceID, "no ECS cluster was read")
	}
	same, forms := 0, map[string]int{}
	for _, id := range ids {
		forms[id.form()]++
		if id.ID == id.arn() {
			same++
		}
	}
	return answer(ResourceID, same == len(ids), "%s", enumerate(forms))
}

// JudgeCriteria judges what a filter returns that has one criterion that all ECS
// clusters meet and one that none meets.
func JudgeCriteria(all, matched int64) Answer {
	if all == 0 {
		return NotTold(CriteriaAnd, "there are no ECS clusters")
	}
	return answer(CriteriaAnd, matched == 0, "%d of %d ECS clusters match a criterion that all meet and one that none meets", matched, all)
}

// JudgeEquals judges what a filter of two existing names returns.
func JudgeEquals(names, found []string) Answer {
	if len(names) < 2 {
		return NotTold(EqualsAny, "there are no two ECS clusters of different names")
	}
	n := len(distinct(found))
	return answer(EqualsAny, n == 2, "a filter of 2 names returns clusters of %d names", n)
}

// JudgeNotEquals judges what a filter returns that has both names in equals and the
// first in not_equals.
func JudgeNotEquals(names, found []string) Answer {
	if len(names) < 2 {
		return NotTold(EqualsNotEquals, "there are no two ECS clusters of different names")
	}
	only := distinct(found)
	return answer(EqualsNotEquals, len(only) == 1 && only[0] == names[1],
		"a filter of 2 names and without 1 of them returns clusters of %d names", len(only))
}

// JudgeEqualsLength judges a filter of n values of which one exists. code is AWS's
// error code, "" for none.
func JudgeEqualsLength(n, found int, code string) Answer {
	if code != "" {
		return answer(EqualsLength, false, "a filter of %d values fails with %s", n, code)
	}
	return answer(EqualsLength, found > 0, "a filter of %d values, of which 1 exists, returns %d clusters", n, found)
}

// JudgeOrder judges the names of a page in its order.
func JudgeOrder(names []string) Answer {
	if len(distinct(names)) < 2 {
		return NotTold(SortOrder, "there are no two ECS clusters of different names")
	}
	if slices.IsSorted(names) {
		return answer(SortOrder, true, "%d rows are in the order of their bytes", len(names))
	}
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	return answer(SortOrder, slices.IsSorted(lower), "%d rows, in the order of their letters without case: %t", len(names), slices.IsSorted(lower))
}

// JudgeTies judges two listings of the same page; ties are rows with the name of
// another row. Both have the rows by account and name.
func JudgeTies(first, second []string, ties int) Answer {
	switch {
	case ties == 0:
		return NotTold(SortTies, "no two ECS clusters have the same name")
	case !slices.Equal(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(second))):
		return NotTold(SortTies, "the rows changed between two requests")
	}
	return answer(SortTies, slices.Equal(first, second), "%d rows of the same names, listed twice", ties)
}

// JudgeAbsentCounts judges how many rows there are of statuses that the statistics
// do not name.
func JudgeAbsentCounts(absent []string, rows int) Answer {
	if len(absent) == 0 {
		return NotTold(StatisticsZero, "the statistics name every status")
	}
	return answer(StatisticsZero, rows == 0, "%d statuses are absent, and %d rows have one", len(absent), rows)
}

// JudgeStatistics judges the sum of the statistics before and after a listing of
// rows, which is complete if it has fewer than limit.
func JudgeStatistics(before, after int64, rows, limit int) Answer {
	if rows >= limit || before > int64(limit) {
		return NotTold(StatisticsMatch, fmt.Sprintf("there are more than %d clusters", limit))
	}
	n := int64(rows)
	return answer(StatisticsMatch, n == before || n == after, "%d rows; %d counted before, %d after", rows, before, after)
}

// recently is how old a change may be to show whether an index lags.
const recently = 15 * time.Minute

// JudgeLag judges a row that a listing without and one with its name have. age is
// that of its change.
func JudgeLag(age time.Duration, same, found bool) Answer {
	switch {
	case age < 0 || age > recently:
		return NotTold(FilteredLag, fmt.Sprintf("no ECS cluster changed in the last %v", recently))
	case !found:
		return answer(FilteredLag, false, "a cluster that changed %v ago is not found by its name", age.Round(time.Second))
	}
	return answer(FilteredLag, same, "a cluster that changed %v ago has the same time by its name: %t", age.Round(time.Second), same)
}

// JudgeTags judges whether DescribeClusters returned tags, or was denied for the sake
// of another action.
func JudgeTags(tagged, needsMore bool) Answer {
	switch {
	case needsMore:
		return answer(TagsRight, false, "AWS names ecs:ListTagsForResource")
	case tagged:
		return answer(TagsRight, true, "tags were returned; that proves nothing if the role has more rights than iam-policy prints")
	}
	return NotTold(TagsRight, "no cluster that was read has tags")
}

// JudgeExcluded judges the statuses of the rows of n clusters that are excluded.
func JudgeExcluded(n int, statuses map[string]int) Answer {
	if n == 0 {
		return NotTold(ExcludedByTag, "no cluster that was read is excluded by its tag")
	}
	return answer(ExcludedByTag, statuses["HEALTHY"] == 0, "of %d clusters, the rows are: %s", n, enumerate(statuses))
}

// enumerate returns "2 Enabled, 1 Removed".
func enumerate(counts map[string]int) string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[what], what))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// NoMemberEvents returns the answer on the events of members: doctor receives no
// messages.
func NoMemberEvents() Answer {
	return NotTold(MemberEvents, "messages are not received, which would hide them from the exporter: see docs/events.md#several-accounts-and-regions")
}

// JudgeRequestRate judges how many requests AWS throttled. Too few are sent to show
// that none would be.
func JudgeRequestRate(requests, throttled int) Answer {
	if throttled == 0 {
		return NotTold(RequestRate, fmt.Sprintf("none of %d requests was throttled, which are too few", requests))
	}
	return answer(RequestRate, false, "%d of %d requests were throttled", throttled, requests)
}

func distinct(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
