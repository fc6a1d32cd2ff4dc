package repotest

import (
	"regexp"
	"testing"
	"time"
)

// readIn matches the month in which a fact about AWS was read.
var readIn = regexp.MustCompile(`\bread\s+(?:in\s+)?((?:January|February|March|April|May|June|July|August|September|October|November|December)\s+20\d\d)\b`)

var awsPage = regexp.MustCompile(`https://(?:docs\.)?aws\.amazon\.com/[^)\s]+`)

// readMonths returns the months in which the facts of a text were read.
func readMonths(t *testing.T, text string) []time.Time {
	t.Helper()
	var months []time.Time
	for _, match := range readIn.FindAllStringSubmatch(text, -1) {
		month, err := time.Parse("January 2006", regexp.MustCompile(`\s+`).ReplaceAllString(match[1], " "))
		if err != nil {
			t.Fatal(err)
		}
		months = append(months, month)
	}
	return months
}

// TestFactsAboutAWSHaveAMonth: a document that refers to pages of AWS names the
// month in which they were read. Months more than a year ago are logged.
func TestFactsAboutAWSHaveAMonth(t *testing.T) {
	dated := 0
	for _, name := range append(files(t, "docs", ".md"), "README.md") {
		text := read(t, name)
		months := readMonths(t, text)
		if len(months) == 0 && awsPage.MatchString(text) {
			t.Errorf("%s refers to %s and does not say when it was read, such as (read November 2026)", name, awsPage.FindString(text))
		}
		for _, month := range months {
			dated++
			if time.Since(month) > 366*24*time.Hour {
				t.Logf("%s: facts about AWS were read in %s: read them again", name, month.Format("January 2006"))
			}
		}
	}
	if dated == 0 {
		t.Error("no document has a month")
	}
}

func TestReadMonths(t *testing.T) {
	got := readMonths(t, "a fact (read November 2026), spread over January 2020, read in\nMarch 2025; ready May 2026")
	if len(got) != 2 || got[0].Month() != time.November || got[1] != time.Date(2025, time.March, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("%v", got)
	}
}
