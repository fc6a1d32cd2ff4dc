package coverage_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// checkLabel fails unless clean, the result for raw, is a valid label value.
func checkLabel(t *testing.T, raw, clean string) {
	t.Helper()
	switch {
	case len(clean) > coverage.MaxTextBytes:
		t.Errorf("%q became %q of %d bytes, want at most %d", raw, clean, len(clean), coverage.MaxTextBytes)
	case !utf8.ValidString(clean):
		t.Errorf("%q became %q, which is not UTF-8", raw, clean)
	case strings.TrimSpace(clean) != clean, strings.Contains(clean, "  "):
		t.Errorf("%q became %q, which has white space to spare", raw, clean)
	}
	for _, r := range clean {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || r != ' ' && unicode.IsSpace(r) {
			t.Errorf("%q became %q, which has %U", raw, clean, r)
		}
	}
}

func TestSanitize(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"empty", "", ""},
		{"plain", "Agent exited: ExitCode: 1", "Agent exited: ExitCode: 1"},
		{"other scripts", "Überwachung 監視 🙂", "Überwachung 監視 🙂"},
		{"control characters", "a\x01b\x1bc\x7fd\u0085e", "abcd e"},
		{"terminal sequence", "\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"NUL", "a\x00b", "ab"},
		{"line breaks and tabs", "a\r\nb\tc\u2028d\u2029e", "a b c d e"},
		{"runs of spaces", "  a \u00a0\u3000 b  ", "a b"},
		{"bidirectional characters", "a\u202eb\u2066c\u200fd\u061ce", "abcde"},
		{"zero width", "a\u200bb\u200dc\ufeffd\u2060e", "abcde"},
		{"soft hyphen and tags", "a\u00adb\U000e0041c", "abc"},
		{"private use", "a\ue000b\U000f0000c", "abc"},
		{"spaces round what is dropped", "a \u200b b", "a b"},
		{"nothing left", "\x00\u200b\u202e \t", ""},
		{"invalid UTF-8", "a\xffb", "a\ufffdb"},
		{"a run of invalid UTF-8", "a\xff\xfe\xfdb", "a\ufffdb"},
		{"a surrogate", "a\xed\xa0\x80b", "a\ufffdb"},
		{"a rune cut short", "a\xe2\x82", "a\ufffd"},
		{"200 bytes", strings.Repeat("x", 200), strings.Repeat("x", 200)},
		{"201 bytes", strings.Repeat("x", 201), strings.Repeat("x", 200)},
		{"a rune across the cut", strings.Repeat("x", 199) + "é", strings.Repeat("x", 199)},
		{"a rune up to the cut", strings.Repeat("x", 198) + "éx", strings.Repeat("x", 198) + "é"},
		{"four bytes across the cut", strings.Repeat("x", 197) + "🙂", strings.Repeat("x", 197)},
		{"a space at the cut", strings.Repeat("x", 199) + " y", strings.Repeat("x", 199)},
		{"long after cleaning only", strings.Repeat("\u200b", 300) + "x", "x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := coverage.Sanitize(tc.raw); got != tc.want {
				t.Errorf("Sanitize(%q) is %q, want %q", tc.raw, got, tc.want)
			}
		})
	}
}

func TestSanitizeNameKeepsValidNames(t *testing.T) {
	for _, name := range []string{"", "web", "web_1-a:3", "Überwachung", strings.Repeat("x", 200)} {
		if got := coverage.SanitizeName(name); got != name {
			t.Errorf("SanitizeName(%q) is %q", name, got)
		}
	}
}

// TestSanitizeNameIsInjective sanitizes many similar names. No two results are the same.
func TestSanitizeNameIsInjective(t *testing.T) {
	names := []string{
		"web", "web ", " web", "web\u200b", "\u200bweb", "w\u200beb", "web\x00", "web\xff", "web\xfe", "web\ufffd",
		"web\u202e", "\u200b", "\x00", "", " ", "a b", "a  b", "a\tb",
		strings.Repeat("é", 100), strings.Repeat("é", 101), strings.Repeat("é", 102),
	}
	long := strings.Repeat("x", 199)
	for i := range 500 {
		names = append(names, fmt.Sprintf("%s%d", long, 10+i), fmt.Sprintf("web\u200b%s", strings.Repeat("\u200b", i+1)))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		names = append(names, fmt.Sprintf("%s\x00%08x", strings.Repeat("y", 190), random.Uint32()))
	}
	origin := map[string]string{}
	for _, name := range names {
		clean := coverage.SanitizeName(name)
		if other, ok := origin[clean]; ok && other != name {
			t.Fatalf("%q and %q both became %q", other, name, clean)
		}
		origin[clean] = name
		checkLabel(t, name, clean)
		if again := coverage.SanitizeName(clean); again != clean {
			t.Errorf("SanitizeName(%q) is %q, not what it was", clean, again)
		}
	}
}

func TestNormalizeIssueReplacesVolatileParts(t *testing.T) {
	for _, tc := range []struct{ name, once, again, want string }{
		{
			"task ID",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
			"Impacted task ID(s): 'fedcba98765432100123456789abcdef'",
			"Impacted task ID(s): '…'",
		},
		{
			"task ID of the old form",
			"Impacted task ID(s): '01234567-89ab-cdef-0123-456789abcdef'",
			"Impacted task ID(s): 'FEDCBA98-7654-3210-0123-456789ABCDEF'",
			"Impacted task ID(s): '…'",
		},
		{
			"one task or three, each in quotation marks",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef', 'fedcba98765432100123456789abcdef','00000000000000000000000000000000'",
			"Impacted task ID(s): '…'",
		},
		{
			"one task or two, all in quotation marks",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef'",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef, fedcba98765432100123456789abcdef'",
			"Impacted task ID(s): '…'",
		},
		{
			"the closing mark is missing",
			"Impacted task ID(s): '0123456789abcdef0123456789abcdef",
			"Impacted task ID(s): 'fedcba98765432100123456789abcdef, 0123456789abcdef0123456789abcdef",
			"Impacted task ID(s): '…",
		},
		{
			"task's ARN",
			"arn:aws:ecs:eu-west-1:111122223333:task/web/0123456789abcdef0123456789abcdef stopped",
			"arn:aws:ecs:eu-west-1:111122223333:task/web/fedcba98765432100123456789abcdef stopped",
			"arn:aws:ecs:eu-west-1:111122223333:task/web/… stopped",
		},
		{
			"request ID",
			"failed (Service: EC2, Status Code:400, Request ID: 5f1c-77) for vpc-1",
			"failed (Service: EC2, Status Code:400, Request ID: 0a2b-91) for vpc-1",
			"failed (Service: EC2, Status Code:400, Request ID: …) for vpc-1",
		},
		{
			"request ID that is a UUID",
			"denied; RequestId:01234567-89ab-cdef-0123-456789abcdef; retry",
			"denied; RequestId:11234567-89ab-cdef-0123-456789abcdef; retry",
			"denied; RequestId:…; retry",
		},
		{"attempts", "has been retried 5 time(s): EOF", "has been retried 12 time(s): EOF", "has been retried … time(s): EOF"},
		{
			"nodes that lack something",
			"0/3 nodes are available: 3 Insufficient cpu. preemption: not eligible",
			"0/14 nodes are available: 11 Insufficient cpu. preemption: not eligible",
			"… nodes are available: … Insufficient cpu. preemption: not eligible",
		},
		{
			"nodes that are full",
			"0/3 nodes are available: 1 Insufficient memory, 2 Too many pods.",
			"1/9 nodes are available: 6 Insufficient memory, 2 Too many pods.",
			"… nodes are available: … Insufficient memory, … Too many pods.",
		},
		{
			"near end of a connection",
			"read tcp 10.0.1.7:52114->52.216.1.1:443: i/o timeout",
			"read tcp 10.0.3.99:33060->52.216.1.1:443: i/o timeout",
			"read tcp …->…:443: i/o timeout",
		},
		{
			"near end of a connection, IPv6",
			"read tcp [fd00::17]:52114->[2600:1f18::1]:443: i/o timeout",
			"read tcp [fd00::2:9]:33060->[2600:1f18::1]:443: i/o timeout",
			"read tcp […]:…->[…]:443: i/o timeout",
		},
		{
			"far end of a connection",
			"dial tcp 52.216.1.1:443: i/o timeout",
			"dial tcp 3.5.77.120:443: i/o timeout",
			"dial tcp …:443: i/o timeout",
		},
		{
			"digest",
			"image sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef not found",
			"image sha256:fedcba98765432100123456789abcdeffedcba98765432100123456789abcdef not found",
			"image sha256:… not found",
		},
		{
			"nodes of other numbers",
			"5 insufficiently sized nodes, 1/2 nodes",
			"12 insufficiently sized nodes, 10/12 nodes",
			"… insufficiently sized nodes, … nodes",
		},
		{
			"the IDs are long, the cut comes after them",
			strings.Repeat("0123456789abcdef0123456789abcdef, ", 20) + "0123456789abcdef0123456789abcdef: too many tasks",
			"fedcba98765432100123456789abcdef: too many tasks",
			"…: too many tasks",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, raw := range []string{tc.once, tc.again, tc.want} {
				if got := coverage.Classify(raw).Text(); got != tc.want {
					t.Errorf("the text of %q is %q, want %q", raw, got, tc.want)
				}
			}
		})
	}
}

func TestNormalizeIssueKeepsStableParts(t *testing.T) {
	for _, raw := range []string{
		"VPC attributes set to true for vpc-0123456789abcdef0 (Service: Ec2, Status Code:400)",
		"ExitCode: 137 for tasks in TaskDefinition - 'web:12'",
		"Others : Unidentified issue(s), for task(s) in TaskDefinition 'buildkite:17' . Refer documentation",
		"Insufficient memory in TaskDefinition - 'web:3', too many pods",
	} {
		if got := coverage.Classify(raw).Text(); got != raw {
			t.Errorf("the text of %q is %q", raw, got)
		}
	}
}

func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{
		"", " ", "web", "a\x00b", "\u202eevil\u2066", "a\u200bb", "\xff\xfe", strings.Repeat("é", 150), "a \u2028 b",
		strings.Repeat("x", 199) + "🙂", "Request ID: a1b2", "'0123456789abcdef0123456789abcdef'", "10.0.0.1:5->",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for name, clean := range map[string]func(string) string{"Sanitize": coverage.Sanitize, "SanitizeName": coverage.SanitizeName} {
			once := clean(raw)
			checkLabel(t, raw, once)
			if twice := clean(once); twice != once {
				t.Errorf("%s(%q) is %q, and of that %q", name, raw, once, twice)
			}
		}
		checkLabel(t, raw, coverage.Classify(raw).Text())
	})
}

func TestTagLabel(t *testing.T) {
	for key, want := range map[string]string{
		"team": "tag_team", "cost-center": "tag_cost_center", "Cost Center": "tag_Cost_Center", "aws:owner/1": "tag_aws_owner_1",
		"größe": "tag_gr__e", "\xff": "tag__", "": "tag_", "_x9": "tag__x9",
	} {
		if got := coverage.TagLabel(key); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}
