package config

import (
	"fmt"
	"regexp"
	"strings"
)

// excluded returns a file with one exclusion, whose other keys are valid.
func excluded(keys string) string {
	file := "exclusions:\n- {" + strings.TrimSuffix(keys, ", ")
	for _, other := range []string{"name: a", "reason: not in use any more", "until: 2026-01-01"} {
		key, _, _ := strings.Cut(other, ":")
		if !regexp.MustCompile(`(^|[ ,])` + key + ":").MatchString(keys) {
			file += ", " + other
		}
	}
	return file + "}\n"
}

func mistakesInExclusions() []mistake {
	const everything = "2: exclusions[0]: matches the clusters of all accounts; set account_id, or a cluster_name with letters or digits"
	of := func(reason string) string { return "2: exclusions[0]." + reason }
	const cluster = "cluster_name: shop, "
	return []mistake{
		{"exclusion of nothing", "exclusions: [~]\n", "1: exclusions[0]: must not be empty"},
		{"exclusion without name", excluded(cluster + "name: "), of("name: is required")},
		{"exclusion without reason", excluded(cluster + "reason: "), of("reason: is required")},
		{"exclusion without last day", excluded(cluster + "until: "), of("until: is required, a date such as 2027-03-01")},
		{"exclusion with another date", excluded(cluster + "expires: 2027-01-01"), of("expires: unknown key")},
		{"exclusion with a mistyped date", excluded(cluster + "untill: 2027-01-01, until: 2026-01-01"), of("untill: unknown key")},
		{"exclusion for ever", excluded(cluster + "until: 9999-12-31"), of("until: 9999-12-31 is more than 400 days ahead")},
		{"exclusion until a word", excluded(cluster + "until: never"), of(`until: "never" is not a date such as 2027-03-01`)},
		{"exclusion until an hour", excluded(cluster + "until: 2027-03-01T12:00:00Z"), of(`until: "2027-03-01T12:00:00Z" is not a date such as 2027-03-01`)},
		{"exclusion until no day", excluded(cluster + "until: 2026-02-30"), of(`until: "2026-02-30" is not a date such as 2027-03-01`)},
		{"exclusion until a list", excluded(cluster + "until: [2026-01-01]"), of("until: must be a date such as 2027-03-01, not a list")},
		{"exclusion with a short reason", excluded(cluster + "reason: legacy"), of("reason: must have between 10 and 1000 characters, not 6")},
		{"exclusion with a long reason", excluded(cluster + "reason: " + strings.Repeat("x", 1001)), of("reason: must have between 10 and 1000 characters, not 1001")},
		{"exclusion with a blank reason", excluded(cluster + "reason: '            '"), of("reason: must have between 10 and 1000 characters, not 0")},
		{
			"exclusion with a reason of two lines", excluded(cluster + `reason: "not in use\nany more"`),
			of("reason: must be one line without leading or trailing spaces or non-printable characters"),
		},
		{"exclusion with a name of two words", excluded(cluster + "name: a b"), of(`name: "a b" is not a name of at most 64 letters, digits, hyphens, underscores and dots`)},
		{"exclusion in no account", excluded("account_id: '1234'"), of(`account_id: "1234" is not an account ID of 12 digits`)},
		{"exclusion in no Region", excluded(cluster + "region: us-esat-1"), of(`region: "us-esat-1" is not an AWS Region (did you mean us-east-1?)`)},
		{"exclusion of a set", excluded("cluster_name: 'shop-[ab]'"), of(`cluster_name: "shop-[ab]" is not a cluster name, in which * is any characters and ? is one`)},
		{
			"exclusion of no issue type", excluded(cluster + "issue_type: unsupported"),
			of(`issue_type: "unsupported" is not one of ` + strings.Join(issueTypes(), ", ") + " (did you mean unsupported_service?)"),
		},
		{"exclusion with a long owner", excluded(cluster + "owner: " + strings.Repeat("x", 201)), of("owner: must have at most 200 bytes, not 201")},
		{"exclusion with a blank ticket", excluded(cluster + "ticket: ' '"), of("ticket: must not contain leading or trailing spaces or non-printable characters")},
		{"exclusion of everything", excluded("owner: me"), everything},
		{"exclusion of any name", excluded("cluster_name: '*'"), everything},
		{"exclusion of any name with two characters", excluded("cluster_name: '?-*', region: us-east-1"), everything},
		{"exclusion of everything with an issue", excluded("issue_type: agent_exited"), everything},
		{
			"exclusions of one name", excluded(cluster) + "- {cluster_name: b, name: a, reason: not in use any more, until: 2026-01-01}\n",
			`3: exclusions[1].name: "a" is already the name of exclusions[0] (line 2)`,
		},
		{"exclusions and their file", "exclusions_file: f\n" + excluded(cluster), "1: exclusions_file: cannot be combined with exclusions"},
		{"file of exclusions with a tab", "exclusions_file: \"a\\tb\"\n", "1: exclusions_file: must not contain leading or trailing spaces or non-printable characters"},
		{"many exclusions", manyExclusions(), "1: exclusions: must have at most 1000 entries, not 1001"},
	}
}

func manyExclusions() string {
	var file strings.Builder
	file.WriteString("exclusions:\n")
	for i := range maxExclusions + 1 {
		fmt.Fprintf(&file, "- {name: e%d, cluster_name: shop, reason: not in use any more, until: 2026-01-01}\n", i)
	}
	return file.String()
}
