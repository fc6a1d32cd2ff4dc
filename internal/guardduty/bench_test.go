package guardduty

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// pages is an HTTP client that returns prepared pages of ListCoverage, without a network.
type pages struct {
	bodies [][]byte
	next   int
}

func newPages(n int) *pages {
	p := &pages{}
	for page := range n {
		var rows []any
		for i := range 50 {
			row := map[string]any{
				"resourceId": fmt.Sprintf("arn:aws:ecs:us-east-1:111122223333:cluster/production-%06d", page*50+i), "detectorId": "12abc34d567e8fa901bc2d34e56789f0",
				"accountId": account, "coverageStatus": "HEALTHY", "issue": "", "updatedAt": 1717401173.897,
			}
			issues := []string{}
			if i%10 == 0 {
				row["coverageStatus"] = "UNHEALTHY"
				issues = append(issues, fmt.Sprintf("Agent not reporting : Agent not reporting, for task(s) in TaskDefinition - 'web-%d:3'. Refer documentation", i))
			}
			row["resourceDetails"] = map[string]any{"resourceType": "ECS", "ecsClusterDetails": map[string]any{
				"clusterName":              fmt.Sprintf("production-%06d", page*50+i),
				"fargateDetails":           map[string]any{"managementType": "AUTO_MANAGED", "issues": issues},
				"containerInstanceDetails": map[string]any{"coveredContainerInstances": 3, "compatibleContainerInstances": 4},
			}}
			rows = append(rows, row)
		}
		answer := map[string]any{"resources": rows}
		if page < n-1 {
			answer["nextToken"] = fmt.Sprint("page-", page)
		}
		body, _ := json.Marshal(answer) // maps of plain values
		p.bodies = append(p.bodies, body)
	}
	return p
}

func (p *pages) Do(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	body := p.bodies[p.next%len(p.bodies)]
	p.next++
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

func (p *pages) config() aws.Config {
	return aws.Config{
		BaseEndpoint: aws.String("http://simulator.invalid"), Region: region, HTTPClient: p,
		Credentials: credentials.NewStaticCredentialsProvider("AKIATESTTESTTESTTEST", "the-secret-access-key-of-the-tests-000000", ""),
	}
}

// BenchmarkPageAgainstTheBareSDK reads the same pages with the Client and with the SDK alone. It reports the CPU time of
// both for each page, and their ratio.
func BenchmarkPageAgainstTheBareSDK(b *testing.B) {
	const n = 200
	p := newPages(n)
	c := NewClient(Options{
		Region: region, Types: []coverage.ResourceType{coverage.ECS}, DetectorID: "12abc34d567e8fa901bc2d34e56789f0",
		AccountID: func(context.Context) (string, error) { return account, nil },
		Config:    func(string) aws.Config { return p.config() },
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err := errors.Join(c.connect(b.Context()), c.findDetector(b.Context())); err != nil {
		b.Fatal(err)
	}
	bare := guardduty.NewFromConfig(p.config())
	var ours, theirs time.Duration
	var known *coverage.Snapshot // as at every refresh but the first
	for b.Loop() {
		theirs += cpu(b, func() { readBare(b, bare) })
		ours += cpu(b, func() {
			whole := c.listing(coverage.ECS, coverage.Filter{}, known)
			whole.expected = n * 50
			rows, err := c.listAll(b.Context(), []listing{whole})
			if err != nil || len(rows) != n*50 {
				b.Fatal(len(rows), err)
			}
			known = &coverage.Snapshot{Resources: rows}
		})
	}
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n*b.N) }
	b.ReportMetric(per(theirs), "bare-µs/page")
	b.ReportMetric(per(ours), "store-µs/page")
	b.ReportMetric(float64(ours)/float64(theirs), "x-bare")
}

func readBare(b *testing.B, api *guardduty.Client) {
	in := &guardduty.ListCoverageInput{
		DetectorId: aws.String("12abc34d567e8fa901bc2d34e56789f0"), MaxResults: aws.Int32(50), FilterCriteria: criteria(coverage.Filter{}, coverage.ECS),
		SortCriteria: &types.CoverageSortCriteria{AttributeName: types.CoverageSortKeyEcsClusterName, OrderBy: types.OrderByAsc},
	}
	for {
		out, err := api.ListCoverage(b.Context(), in)
		if err != nil {
			b.Fatal(err)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return
		}
	}
}

// cpu returns the CPU time that the process uses during f.
func cpu(b *testing.B, f func()) time.Duration {
	b.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}
