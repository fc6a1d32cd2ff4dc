package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Failure *junitResult `xml:"failure,omitempty"`
	Error   *junitResult `xml:"error,omitempty"`
}

type junitResult struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
}

// writeJUnit writes a test case for each finding. Warning and critical are failures,
// unknown is an error.
func (r *Result) writeJUnit(w io.Writer) error {
	report := junitSuites{Name: "GuardDuty coverage"}
	for _, name := range []string{"coverage", "fleet", "targets", "ecs"} {
		suite := junitSuite{Name: name}
		for _, f := range r.Findings {
			if f.Suite != name {
				continue
			}
			c := junitCase{Class: "guardduty." + name, Name: f.Name}
			result := &junitResult{Type: strings.ToLower(f.Level.String()), Message: f.Text}
			switch f.Level {
			case Warning, Critical:
				suite.Failures++
				c.Failure = result
			case Unknown:
				suite.Errors++
				c.Error = result
			case OK:
			}
			suite.Cases = append(suite.Cases, c)
		}
		suite.Tests = len(suite.Cases)
		if suite.Tests > 0 {
			report.Suites = append(report.Suites, suite)
		}
	}
	text, err := xml.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
