package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awsregion"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guardduty"
)

// pageSize is the highest number of rows of a page.
const pageSize = 50

func fullPage() guardduty.Page { return guardduty.Page{Size: pageSize} }

// absentName is the name of no cluster: names have no dots.
const absentName = "guardduty.coverage.exporter.doctor"

// test tests the assumptions with this target.
func (r *reading) test(ctx context.Context) {
	r.answers = append(r.answers, doctor.NoMemberEvents())
	r.testInvisible(ctx)
	page, err := r.client.ListPage(ctx, coverage.ECS, coverage.Filter{}, fullPage())
	if err != nil && !errors.Is(err, guardduty.ErrNoList) {
		return // the check of ListCoverage has the error
	}
	r.testPage(ctx, page)
	r.testFilters(ctx, page)
	r.testStatistics(ctx)
	r.testLag(ctx)
}

// testInvisible tests what is listed of accounts that are not monitored.
func (r *reading) testInvisible(ctx context.Context) {
	var off, suspended []string
	for _, id := range append([]string{r.probe.AccountID}, r.memberIDs(coverage.RelationshipEnabled)...) {
		if on, found := r.monitors(id); found && !on && id != "" {
			off = append(off, id)
		}
	}
	suspended = r.memberIDs("disabled")
	if r.called("GetDetector") && !r.probe.Enabled && r.probe.AccountID != "" {
		suspended, off = append(suspended, r.probe.AccountID), nil
	}
	for _, state := range []struct {
		assumption string
		ids        []string
	}{{doctor.FeatureOff, off}, {doctor.Suspended, suspended}} {
		ids := state.ids[:min(len(state.ids), pageSize)]
		var rows []guardduty.FoundRow
		var err error
		if len(ids) > 0 {
			rows, err = r.client.ListPage(ctx, coverage.ECS, inAccounts(ids), guardduty.Page{Size: 1})
		}
		noList := errors.Is(err, guardduty.ErrNoList)
		if err != nil && !noList {
			r.answers = append(r.answers, doctor.NotTold(state.assumption, failed(err)))
			continue
		}
		r.answers = append(r.answers, doctor.JudgeInvisible(state.assumption, len(ids), len(rows), noList))
	}
}

func inAccounts(ids []string) coverage.Filter {
	return coverage.Filter{AccountID: coverage.Condition{Equals: ids}}
}

func byNames(equals, notEquals []string) coverage.Filter {
	return coverage.Filter{ECSClusterName: coverage.Condition{Equals: equals, NotEquals: notEquals}}
}

// failed returns the reason of an answer after an error, without names and IDs.
func failed(err error) string {
	return "the call failed with " + cmp.Or(awserr.CauseOf(err).Code, "an error without a code")
}

func (r *reading) memberIDs(relationship string) []string {
	var ids []string
	for _, m := range r.probe.Members {
		if m.Relationship == relationship {
			ids = append(ids, m.AccountID)
		}
	}
	return ids
}

// testPage tests the rows of the first page by name.
func (r *reading) testPage(ctx context.Context, page []guardduty.FoundRow) {
	var ids []doctor.ClusterID
	var accounts []string
	names, keys := namesOf(page), keysOf(page)
	ties, count := 0, map[string]int{}
	for _, row := range page {
		ids = append(ids, doctor.ClusterID{
			ID: row.ResourceID, Partition: awsregion.Partition(row.Region), Region: row.Region, AccountID: row.AccountID, Name: row.Name,
		})
		accounts = append(accounts, row.AccountID)
		count[row.Name]++
	}
	for _, n := range count {
		if n > 1 {
			ties += n
		}
	}
	relationships := map[string]string{}
	for _, m := range r.probe.Members {
		relationships[m.AccountID] = m.Relationship
	}
	r.answers = append(r.answers,
		doctor.JudgeResourceIDs(ids), doctor.JudgeOrder(names),
		doctor.JudgeRelationships(relationships, accounts, r.probe.Relationships))
	second := page
	if ties > 0 {
		var err error
		if second, err = r.client.ListPage(ctx, coverage.ECS, coverage.Filter{}, fullPage()); err != nil {
			r.answers = append(r.answers, doctor.NotTold(doctor.SortTies, failed(err)))
			return
		}
	}
	r.answers = append(r.answers, doctor.JudgeTies(keys, keysOf(second), ties))
}

func keysOf(page []guardduty.FoundRow) []string {
	var keys []string
	for _, row := range page {
		keys = append(keys, row.AccountID+" "+row.Name)
	}
	return keys
}

// namesOf returns the names of rows.
func namesOf(page []guardduty.FoundRow) []string {
	var names []string
	for _, row := range page {
		names = append(names, row.Name)
	}
	return names
}

// testFilters tests filters of the names of a page.
func (r *reading) testFilters(ctx context.Context, page []guardduty.FoundRow) {
	names := slices.Compact(slices.Sorted(slices.Values(namesOf(page))))
	all, err := r.count(ctx, coverage.Filter{})
	matched, errMatched := r.count(ctx, byNames([]string{absentName}, nil))
	if err := errors.Join(err, errMatched); err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.CriteriaAnd, failed(err)))
	} else {
		r.answers = append(r.answers, doctor.JudgeCriteria(all, matched))
	}
	names = names[:min(len(names), 2)]
	var found, without []guardduty.FoundRow
	err = nil
	if len(names) == 2 {
		if found, err = r.client.ListPage(ctx, coverage.ECS, byNames(names, nil), fullPage()); err == nil {
			without, err = r.client.ListPage(ctx, coverage.ECS, byNames(names, names[:1]), fullPage())
		}
	}
	if err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.EqualsAny, failed(err)), doctor.NotTold(doctor.EqualsNotEquals, failed(err)))
	} else {
		r.answers = append(r.answers, doctor.JudgeEquals(names, namesOf(found)), doctor.JudgeNotEquals(names, namesOf(without)))
	}
	if len(names) > 0 {
		r.testLength(ctx, names[0])
	}
}

// manyValues is how many values `equals` has at most, see guardduty's maxAccounts.
const manyValues = 100

func (r *reading) testLength(ctx context.Context, name string) {
	values := []string{name}
	for i := range manyValues - 1 {
		values = append(values, fmt.Sprintf("%s.%d", absentName, i))
	}
	found, err := r.client.ListPage(ctx, coverage.ECS, byNames(values, nil), fullPage())
	code := awserr.CauseOf(err).Code
	if err != nil && code != "BadRequestException" {
		r.answers = append(r.answers, doctor.NotTold(doctor.EqualsLength, failed(err)))
		return
	}
	r.answers = append(r.answers, doctor.JudgeEqualsLength(manyValues, len(found), code))
}

// list returns the first page of ECS clusters that match a filter, without that of
// the target.
func (r *reading) list(ctx context.Context, f coverage.Filter) ([]coverage.Row, error) {
	found, err := r.client.ListPage(ctx, coverage.ECS, f, fullPage())
	rows := make([]coverage.Row, len(found))
	for i := range found {
		rows[i] = found[i].Row
	}
	return rows, err
}

// count returns the number of ECS clusters that match a filter.
func (r *reading) count(ctx context.Context, f coverage.Filter) (int64, error) {
	n, _, err := r.client.Count(ctx, coverage.ECS, f)
	return sum(n), err
}

func sum(n map[string]int64) int64 {
	var all int64
	for _, n := range n {
		all += n
	}
	return all
}

// testStatistics compares the statistics with a listing between them.
func (r *reading) testStatistics(ctx context.Context) {
	before, _, err := r.client.Count(ctx, coverage.ECS, coverage.Filter{})
	if err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.StatisticsMatch, failed(err)), doctor.NotTold(doctor.StatisticsZero, failed(err)))
		return
	}
	rows, err := r.list(ctx, coverage.Filter{})
	after, countErr := r.count(ctx, coverage.Filter{})
	if err := errors.Join(err, countErr); err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.StatisticsMatch, failed(err)))
	} else {
		r.answers = append(r.answers, doctor.JudgeStatistics(sum(before), after, len(rows), pageSize))
	}
	var absent []string
	for _, s := range []coverage.Status{coverage.Healthy, coverage.Unhealthy} {
		if _, named := before[string(s)]; !named {
			absent = append(absent, string(s))
		}
	}
	var ofAbsent []coverage.Row
	if len(absent) > 0 {
		ofAbsent, err = r.list(ctx, coverage.Filter{CoverageStatus: coverage.Condition{Equals: absent}})
	}
	if err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.StatisticsZero, failed(err)))
		return
	}
	r.answers = append(r.answers, doctor.JudgeAbsentCounts(absent, len(ofAbsent)))
}

// testLag reads the cluster that changed last once more, by its name.
func (r *reading) testLag(ctx context.Context) {
	last, err := r.client.ListPage(ctx, coverage.ECS, coverage.Filter{}, guardduty.Page{Size: 1, ByUpdate: true})
	if err != nil || len(last) == 0 {
		r.answers = append(r.answers, doctor.JudgeLag(-1, false, false))
		return
	}
	row := last[0]
	f := byNames([]string{row.Name}, nil)
	f.AccountID.Equals = []string{row.AccountID}
	again, err := r.list(ctx, f)
	if err != nil {
		r.answers = append(r.answers, doctor.NotTold(doctor.FilteredLag, failed(err)))
		return
	}
	same := len(again) == 1 && again[0].UpdatedAt.Equal(row.UpdatedAt) && again[0].Status == row.Status
	r.answers = append(r.answers, doctor.JudgeLag(time.Since(row.UpdatedAt), same, len(again) > 0))
}
