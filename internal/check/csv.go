package check

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// writeCSV writes a row for each resource and each of its issues. The first six
// columns are those of the scripts that call ListCoverage; ResourceId is the name of
// the cluster or the ID of the instance.
func (r *Result) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{
		"Account", "Region", "ResourceId", "ResourceType", "CoverageStatus", "Issue",
		"AccountName", "IssueType", "TaskDefinition", "ManagementType", "Covered", "Compatible", "UpdatedAt", "Exclusion", "ExcludedUntil",
	}) // Error returns the first error
	names := map[string]string{}
	for _, c := range r.Status.Coverage {
		names[c.AccountID] = c.AccountName
	}
	for i := range r.Resources {
		resource := &r.Resources[i]
		row := []string{
			resource.AccountID, resource.Region, resource.Name, string(resource.Type), string(resource.Status), "",
			names[resource.AccountID], "", "", resource.ManagementType,
			"", "", timeText(&resource.UpdatedAt), "", "",
		}
		if e := r.Exclusions.Of(resource.Key); e != nil {
			row[13], row[14] = e.Name, e.LastDay()
		}
		if resource.Type != coverage.EC2 {
			row[10], row[11] = fmt.Sprint(resource.Covered), fmt.Sprint(resource.Compatible)
		}
		for _, issue := range resource.Issues {
			row[5], row[7], row[8] = issue.Text(), string(issue.Type()), issue.TaskDefinition()
			_ = out.Write(cells(row))
		}
		if len(resource.Issues) == 0 {
			_ = out.Write(cells(row))
		}
	}
	out.Flush()
	return out.Error()
}

// cells returns the row so that spreadsheets do not read a cell as a formula.
func cells(row []string) []string {
	for i, cell := range row {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			row[i] = "'" + cell
		}
	}
	return row
}
