// Package docs has the documents that are part of the exporter.
package docs

import _ "embed"

// Issues returns docs/issues.md, from which the exporter takes what to do about
// each issue type.
func Issues() string { return issues }

// URL returns the address of an entry of a document, such as "issues.md" and
// "agent_exited". A fork or an internal mirror changes it here.
func URL(document, anchor string) string {
	return "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/" + document + "#" + anchor
}

//go:embed issues.md
var issues string
