package repotest

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	awsSource = regexp.MustCompile(`https://(?:docs\.)?aws\.amazon\.com/`)
	readIn    = regexp.MustCompile(`\bread\s+(?:in\s+)?([A-Z][a-z]+\s+20\d\d)\b`)
)

// undatedSections returns the headings of the sections that have a source of
// AWS without the month in which it was read. A month before the first section
// applies to the whole document.
func undatedSections(document string) []string {
	intro, _, _ := strings.Cut(document, "\n## ")
	if readIn.MatchString(intro) {
		return nil
	}
	var undated []string
	for section := range strings.SplitSeq(document, "\n## ") {
		if heading, _, _ := strings.Cut(section, "\n"); awsSource.MatchString(section) && !readIn.MatchString(section) {
			undated = append(undated, heading)
		}
	}
	return undated
}

// outdated returns the months in a document that ended more than a year ago.
func outdated(document string, now time.Time) (months []string, err error) {
	for _, m := range readIn.FindAllStringSubmatch(document, -1) {
		month, err := time.Parse("January 2006", strings.Join(strings.Fields(m[1]), " "))
		if err != nil {
			return nil, err
		}
		if month.AddDate(1, 1, 0).Before(now) {
			months = append(months, m[1])
		}
	}
	return months, nil
}

// TestAWSFactsAreDated lists facts about AWS that were read more than a year
// ago. With CI set they are errors.
func TestAWSFactsAreDated(t *testing.T) {
	for _, file := range append(files(t, "docs", ".md"), "README.md", "SECURITY.md") {
		for _, heading := range undatedSections(read(t, file)) {
			t.Errorf("%s: %q has a source of AWS, but no month such as (read November 2026)", file, heading)
		}
	}
	report := t.Logf
	if os.Getenv("CI") != "" {
		report = t.Errorf
	}
	for _, file := range append(files(t, ".", ".md", ".go"), "config.example.yaml") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		months, err := outdated(read(t, file), time.Now())
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, month := range months {
			report("%s: read %s, more than a year ago: read the source again", file, month)
		}
	}
}

func TestUndatedSections(t *testing.T) {
	const source = "https://docs.aws.amazon.com/guardduty/a.html"
	for document, want := range map[string]int{
		"# A\n\n## B\n" + source + " (read November 2026)\n":              0,
		"# A\nFacts about AWS were read in May 2026.\n## B\n" + source:    0,
		"# A\n## B\n" + source + "\n## C\n(read November 2026)\n":         1,
		"# A\n" + source + "\n## B\nhttps://aws.amazon.com/sqs/pricing/":  2,
		"# A\n## B\nhttps://github.com/aws/aws-sdk-go-v2/issues/3550\n":   0,
		"# A\n## B\n" + source + ",\nread November\n2026)\n## C\nnothing": 0,
	} {
		if got := undatedSections(document); len(got) != want {
			t.Errorf("%q: undated sections %q, want %d", document, got, want)
		}
	}
}

func TestOutdated(t *testing.T) {
	now := time.Date(2027, 12, 2, 0, 0, 0, 0, time.UTC)
	months, err := outdated("(read November 2026), read in October\n2026, read December 2026", now)
	if err != nil || strings.Join(months, ", ") != "November 2026, October\n2026" {
		t.Errorf("got %q, %v", months, err)
	}
	if _, err := outdated("read Novembre 2026", now); err == nil {
		t.Error("a month that does not exist is accepted")
	}
}
