package doctor

import (
	"testing"
	"time"
)

func TestJudges(t *testing.T) {
	ab := []string{"a", "b"}
	id := func(id string) []ClusterID { return []ClusterID{{id, "aws", "us-east-1", "111122223333", "a"}} }
	for name, tc := range map[string]struct {
		got  Answer
		want Verdict
	}{
		"invisible: none":             {JudgeInvisible(FeatureOff, 0, 0, false), Unknown},
		"invisible: no rows":          {JudgeInvisible(FeatureOff, 2, 0, true), Holds},
		"invisible: rows":             {JudgeInvisible(Suspended, 2, 1, false), DoesNotHold},
		"relationships: none":         {JudgeRelationships(nil, ab, nil), Unknown},
		"relationships: known":        {JudgeRelationships(map[string]string{"a": "enabled", "b": "removed"}, []string{"a"}, nil), Holds},
		"relationships: other":        {JudgeRelationships(map[string]string{"a": "other"}, nil, nil), DoesNotHold},
		"relationships: visible":      {JudgeRelationships(map[string]string{"a": "disabled"}, []string{"a"}, nil), DoesNotHold},
		"resource ID: none":           {JudgeResourceIDs(nil), Unknown},
		"resource ID: ARN":            {JudgeResourceIDs(id("arn:aws:ecs:us-east-1:111122223333:cluster/a")), Holds},
		"resource ID: another":        {JudgeResourceIDs(id("a")), DoesNotHold},
		"criteria: no clusters":       {JudgeCriteria(0, 0), Unknown},
		"criteria: and":               {JudgeCriteria(5, 0), Holds},
		"criteria: or":                {JudgeCriteria(5, 5), DoesNotHold},
		"equals: one name":            {JudgeEquals(ab[:1], nil), Unknown},
		"equals: both":                {JudgeEquals(ab, []string{"a", "b", "b"}), Holds},
		"equals: last":                {JudgeEquals(ab, []string{"b"}), DoesNotHold},
		"not equals: one name":        {JudgeNotEquals(nil, nil), Unknown},
		"not equals: both apply":      {JudgeNotEquals(ab, []string{"b", "b"}), Holds},
		"not equals: ignored":         {JudgeNotEquals(ab, ab), DoesNotHold},
		"not equals: equals ignored":  {JudgeNotEquals(ab, []string{"b", "c"}), DoesNotHold},
		"not equals: nothing":         {JudgeNotEquals(ab, nil), DoesNotHold},
		"length: rejected":            {JudgeEqualsLength(100, 0, "BadRequestException"), DoesNotHold},
		"length: cut":                 {JudgeEqualsLength(100, 0, ""), DoesNotHold},
		"length: accepted":            {JudgeEqualsLength(100, 1, ""), Holds},
		"order: one name":             {JudgeOrder([]string{"a", "a"}), Unknown},
		"order: bytes":                {JudgeOrder([]string{"B", "a", "a"}), Holds},
		"order: letters":              {JudgeOrder([]string{"a", "B"}), Holds},
		"order: none":                 {JudgeOrder([]string{"b", "a"}), DoesNotHold},
		"ties: none":                  {JudgeTies(ab, ab, 0), Unknown},
		"ties: kept":                  {JudgeTies(ab, ab, 2), Holds},
		"ties: exchanged":             {JudgeTies(ab, []string{"b", "a"}, 2), DoesNotHold},
		"ties: changed":               {JudgeTies(ab, []string{"a"}, 2), Unknown},
		"ties: another row":           {JudgeTies(ab, []string{"a", "c"}, 2), Unknown},
		"absent counts: none":         {JudgeAbsentCounts(nil, 0), Unknown},
		"absent counts: no rows":      {JudgeAbsentCounts(ab, 0), Holds},
		"absent counts: rows":         {JudgeAbsentCounts(ab, 1), DoesNotHold},
		"statistics: too many":        {JudgeStatistics(51, 51, 50, 50), Unknown},
		"statistics: equal":           {JudgeStatistics(5, 5, 5, 50), Holds},
		"statistics: change":          {JudgeStatistics(5, 6, 6, 50), Holds},
		"statistics: different":       {JudgeStatistics(5, 5, 6, 50), DoesNotHold},
		"lag: no change":              {JudgeLag(time.Hour, true, true), Unknown},
		"lag: no row":                 {JudgeLag(-1, false, false), Unknown},
		"lag: the same":               {JudgeLag(time.Minute, true, true), Holds},
		"lag: older":                  {JudgeLag(time.Minute, false, true), DoesNotHold},
		"lag: not found":              {JudgeLag(time.Minute, false, false), DoesNotHold},
		"tags: none":                  {JudgeTags(false, false), Unknown},
		"tags: some":                  {JudgeTags(true, false), Holds},
		"tags: denied":                {JudgeTags(false, true), DoesNotHold},
		"excluded: none":              {JudgeExcluded(0, nil), Unknown},
		"excluded: not listed":        {JudgeExcluded(2, nil), Holds},
		"excluded: unhealthy":         {JudgeExcluded(2, map[string]int{"UNHEALTHY": 2}), Holds},
		"excluded: healthy":           {JudgeExcluded(2, map[string]int{"UNHEALTHY": 1, "HEALTHY": 1}), DoesNotHold},
		"request rate: none":          {JudgeRequestRate(10, 0), Unknown},
		"request rate: throttled":     {JudgeRequestRate(10, 1), DoesNotHold},
		"member events are not read":  {NoMemberEvents(), Unknown},
		"what could not be tested is": {NotTold(FeatureOff, "why"), Unknown},
	} {
		if tc.got.Verdict != tc.want || tc.got.Evidence == "" || tc.got.Assumption == "" {
			t.Errorf("%s: got %+v, want %s", name, tc.got, tc.want)
		}
	}
}

// TestForm checks that an ID of any form has no names in the evidence.
func TestForm(t *testing.T) {
	for id, want := range map[string]string{
		"arn:aws:ecs:eu-west-1:111122223333:cluster/shop": "1 arn:PARTITION:ecs:REGION:ACCOUNT:cluster/NAME",
		"111122223333/secret-shop/7f3a":                   "1 ACCOUNT/OTHER/OTHER",
		"":                                                "1 ",
	} {
		if got := JudgeResourceIDs([]ClusterID{{id, "aws", "eu-west-1", "111122223333", "shop"}}); got.Evidence != want {
			t.Errorf("%s: got %q, want %q", id, got.Evidence, want)
		}
	}
}

func TestJudge(t *testing.T) {
	all := Judge([]Answer{
		{SortOrder, Holds, "one"},
		{SortOrder, DoesNotHold, "two"},
		{SortOrder, Unknown, "three"},
		{SortTies, Unknown, "one"},
		{SortTies, Holds, "two"},
		{SortTies, Holds, "three"},
		{ResourceID, Unknown, "one"},
		{ResourceID, Unknown, "two"},
	})
	if len(all) != len(Assumptions()) {
		t.Fatalf("%d answers on %d assumptions", len(all), len(Assumptions()))
	}
	for _, a := range all {
		want := map[string]Answer{
			SortOrder: {SortOrder, DoesNotHold, "two"}, SortTies: {SortTies, Holds, "two"}, ResourceID: {ResourceID, Unknown, "one"},
		}[a.Assumption]
		if want == (Answer{}) {
			want = NotTold(a.Assumption, "no target could be read")
		}
		if a != want {
			t.Errorf("got %+v, want %+v", a, want)
		}
	}
}
