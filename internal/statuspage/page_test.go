package statuspage_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/guide"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/status"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/statuspage"
)

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// fleet returns a source of a fleet: in each account and Region 50 clusters, of which
// every nth is unhealthy, for longer the higher its number. Accounts have names and
// half of the unhealthy clusters a diagnosis.
func fleet(t testing.TB, accounts, nth int, regions ...string) statuspage.Source {
	t.Helper()
	g, err := guide.New()
	if err != nil {
		t.Fatal(err)
	}
	in := status.Input{Now: now, Ready: true, Guide: g, Tags: []string{"team"}, Next: map[coverage.TargetID]time.Time{}}
	var reports []coverage.Report
	names := &coverage.Snapshot{}
	for _, region := range regions {
		s := &coverage.Snapshot{ReadAt: now, Types: []coverage.ResourceType{coverage.ECS}}
		for a := range accounts {
			id := fmt.Sprintf("1%011d", a)
			s.Accounts = append(s.Accounts, id)
			if region == regions[0] {
				names.AccountNames = append(names.AccountNames, coverage.AccountName{AccountID: id, Name: fmt.Sprintf("account-%d", a)})
			}
			found := diagnosis.Report{Target: "organization", AccountID: id, Region: region, Up: true, LastSuccess: now}
			for c := range 50 {
				row := row(id, region, c, (a*50+c)%nth == 0)
				s.Resources = append(s.Resources, coverage.New(row))
				if row.Status == coverage.Unhealthy && c%2 == 0 {
					found.Clusters = append(found.Clusters, diagnosed(row.Key))
				}
			}
			in.ECS = append(in.ECS, found)
		}
		target := coverage.TargetID{Name: "organization", Region: region}
		s.Resources = coverage.Dedupe(s.Resources)
		reports = append(reports, coverage.Report{Target: target, AccountID: "100000000000", State: coverage.OK, LastSuccess: now, Snapshot: s})
	}
	reports = append(reports, coverage.Report{Target: coverage.TargetID{Name: "names", Kind: coverage.KindAccountNames}, State: coverage.OK, Snapshot: names})
	merge := func() status.Input {
		in := in
		in.View = coverage.Merge(reports)
		return in
	}
	return statuspage.Source{
		Status:   func(q status.Query) *status.Status { return status.New(merge(), q) },
		Clusters: func(q status.PageQuery) *status.Clusters { return status.NewClusters(merge(), q) },
	}
}

func row(account, region string, n int, unhealthy bool) coverage.Row {
	r := coverage.Row{
		Key:    coverage.Key{Type: coverage.ECS, AccountID: account, Region: region, Name: fmt.Sprintf("cluster-%02d", n)},
		Status: coverage.Healthy, ManagementType: "AUTO_MANAGED", UpdatedAt: now.Add(-time.Duration(n+1) * time.Hour),
	}
	if unhealthy {
		r.Status = coverage.Unhealthy
		r.Issues = []string{
			fmt.Sprintf("Agent exited: ExitCode: 137 for tasks in TaskDefinition - 'orders-%d:4'", n),
			fmt.Sprintf("TaskExecutionRole missing from TaskDefinition - 'orders-%d:5'", n),
		}
	}
	return r
}

func diagnosed(k coverage.Key) diagnosis.Diagnosis {
	return diagnosis.Diagnosis{
		Cluster: diagnosis.Cluster{AccountID: k.AccountID, Region: k.Region, Name: k.Name}, Listed: true, TasksRead: true,
		Tags:     map[string]string{"team": "team-" + k.Name},
		Services: []diagnosis.ServiceTasks{{Service: "orders", Tasks: map[diagnosis.Agent]int{diagnosis.AgentMissing: 2}}},
		Findings: []diagnosis.Finding{{
			Level: diagnosis.LevelService, Subject: "orders", Service: "orders", Cause: diagnosis.DeploymentTooOld, Certainty: diagnosis.Strong,
			Evidence: "The deployment is older.", Who: diagnosis.ServiceOwner, Tasks: 2,
		}},
	}
}

// get returns the page for a query.
func get(t testing.TB, h http.Handler, query string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func page(t testing.TB, s statuspage.Source, query string) string {
	t.Helper()
	return get(t, statuspage.Page(s, statuspage.PageOptions{TelemetryPath: "/a&b"}), query).Body.String()
}

// names returns the clusters on a page, in order.
func names(page string) []string {
	var found []string
	for _, m := range regexp.MustCompile(`<div class="name"><h3>([^<]*)</h3><p>([^<]*) <code>(\d+)</code> ([^<]*)</p>`).FindAllStringSubmatch(page, -1) {
		found = append(found, strings.Join(m[1:], " "))
	}
	return found
}

func TestFilterAndSort(t *testing.T) {
	s := fleet(t, 3, 40, "eu-west-1", "us-east-1")
	all := []string{
		"cluster-40 account-0 100000000000 eu-west-1", "cluster-40 account-0 100000000000 us-east-1",
		"cluster-30 account-1 100000000001 eu-west-1", "cluster-30 account-1 100000000001 us-east-1",
		"cluster-20 account-2 100000000002 eu-west-1", "cluster-20 account-2 100000000002 us-east-1",
		"cluster-00 account-0 100000000000 eu-west-1", "cluster-00 account-0 100000000000 us-east-1",
	}
	for query, want := range map[string][]string{
		"":                                      all,
		"sort=newest":                           {all[6], all[7], all[4], all[5], all[2], all[3], all[0], all[1]},
		"sort=cluster_name":                     {all[6], all[7], all[4], all[5], all[2], all[3], all[0], all[1]},
		"sort=account_id":                       {all[6], all[0], all[7], all[1], all[2], all[3], all[4], all[5]},
		"sort=region":                           {all[6], all[0], all[2], all[4], all[7], all[1], all[3], all[5]},
		"sort=owner":                            {all[6], all[7], all[4], all[5], all[2], all[3], all[0], all[1]},
		"account_id=000001":                     {all[2], all[3]},
		"account_id=ACCOUNT-2&region=us-east-1": {all[5]},
		"cluster_name=er-4":                     {all[0], all[1]},
		"owner=team-cluster-2":                  {all[4], all[5]},
		"issue_type=agent_exited&region=eu-west-1&cluster_name=00":    {all[6]},
		"issue_type=unidentified":                                     nil,
		"cause=deployment_older_than_monitoring&account_id=account-1": {all[2], all[3]},
		"cause=windows": nil,
	} {
		text := page(t, s, query)
		if diff := cmp.Diff(want, names(text)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", query, diff)
		}
		if !strings.Contains(text, "292 of 300 clusters covered; 8 services need a new deployment") {
			t.Errorf("%q: the verdict depends on the filter", query)
		}
		if query != "" && strings.Contains(query, "_") && !strings.Contains(query, "sort") && !strings.Contains(text, "of 8 match") {
			t.Errorf("%q: no count of what matches", query)
		}
	}
}

// TestRowsAreLimited: the page shows how many rows it leaves out, and the JSON has
// them page by page.
func TestRowsAreLimited(t *testing.T) {
	s := fleet(t, 24, 2, "eu-west-1")
	text := page(t, s, "")
	if n := len(names(text)); n != status.MaxRows {
		t.Errorf("%d rows", n)
	}
	if !strings.Contains(text, "600 unhealthy clusters; the first 500 are shown, 100 more are") {
		t.Error("no count of the rest")
	}
	var document status.Status
	if err := json.Unmarshal(get(t, statuspage.StatusJSON(s), "").Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if u := document.UnhealthyClusters; len(u.Rows) != 500 || u.Matched != 600 || u.Omitted != 100 {
		t.Errorf("%d rows, %d matched, %d omitted", len(u.Rows), u.Matched, u.Omitted)
	}
	seen, next := map[string]bool{}, ""
	for {
		var clusters status.Clusters
		if err := json.Unmarshal(get(t, statuspage.ClustersJSON(s), "coverage_status=UNHEALTHY&limit=250&after="+next).Body.Bytes(), &clusters); err != nil {
			t.Fatal(err)
		}
		for _, c := range clusters.Clusters {
			seen[c.AccountID+c.ClusterName] = true
		}
		if next = clusters.Next; next == "" {
			break
		}
	}
	if len(seen) != 600 {
		t.Errorf("%d clusters page by page", len(seen))
	}
}

// TestLinksToTheRest: where a list is limited, the link to the rest leads to a document
// that has it, with the same filters.
func TestLinksToTheRest(t *testing.T) {
	s := fleet(t, 24, 2, "eu-west-1")
	text := page(t, s, "account_id=100000000&sort=newest&region=eu-west-1")
	link := regexp.MustCompile(`100 more are <a href="./api/v1/clusters\?([^"]*)">`).FindStringSubmatch(text)
	if link == nil {
		t.Fatal("no link")
	}
	query := strings.ReplaceAll(link[1], "&amp;", "&")
	if want := "account_id=100000000&coverage_status=UNHEALTHY&region=eu-west-1"; query != want {
		t.Errorf("%s, want %s", query, want)
	}
	if w := get(t, statuspage.ClustersJSON(s), query+"&limit=5000"); w.Code != http.StatusOK || strings.Count(w.Body.String(), "UNHEALTHY") != 600 {
		t.Errorf("status %d, %d clusters", w.Code, strings.Count(w.Body.String(), "UNHEALTHY"))
	}
}

// TestManyFailures: nothing on the page grows without limit, such as the errors of
// targets while AWS cannot be reached.
func TestManyFailures(t *testing.T) {
	var many status.Status
	for range status.MaxRows + 1 {
		many.Targets = append(many.Targets, status.Target{Target: "t", Kind: "coverage", State: "timeout"})
		many.Queues = append(many.Queues, status.Queue{Queue: "q", LastError: &status.Failure{}})
		many.ECSAccounts = append(many.ECSAccounts, status.ECSAccount{AccountID: "1"})
		many.Exclusions = append(many.Exclusions, status.Exclusion{Exclusion: "one-of-many"})
	}
	many.UnlistedClusters = status.List[status.Cluster]{Matched: 501, Omitted: 1, Rows: make([]status.Cluster, 500)}
	many.Summary.UnlistedClusters = 501
	text := page(t, statuspage.Source{Status: func(status.Query) *status.Status { return &many }}, "")
	if n := strings.Count(text, `<article class="failed">`); n != 3*status.MaxRows {
		t.Errorf("%d failures", n)
	}
	if n := strings.Count(text, `<th scope="row">one-of-many<`); n != status.MaxRows {
		t.Errorf("%d exclusions", n)
	}
	for _, want := range []string{
		"1 more targets that failed: see <a", "1 more event queues that failed: see <a", "1 more accounts whose ECS is not readable: see <a",
		`1 more are <a href="./api/v1/clusters">`, "1 more exclusions: see <a",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

// TestParametersAreStrict: what is not understood is an error, because without it the
// answer would be another one than was asked for, such as all clusters or none.
func TestParametersAreStrict(t *testing.T) {
	s := fleet(t, 2, 5, "eu-west-1")
	all := []string{
		"account_id=%zz", "account_id=1;region=x", "region=a&region=b", "regoin=a", "=", "%zz", "sort=%20x", "limit",
	}
	for name, c := range map[string]struct {
		handler http.Handler
		refused []string
	}{
		"page":   {statuspage.Page(s, statuspage.PageOptions{}), append(all, "limit=1", "after=a/b/c", "coverage_status=HEALTHY")},
		"status": {statuspage.StatusJSON(s), append(all, "limit=1", "after=a/b/c", "coverage_status=HEALTHY")},
		"clusters": {statuspage.ClustersJSON(s), append(all,
			"limit=1&limit=2", "after=&after=", "coverage_status=HEALTHY&coverage_status=UNHEALTHY", "sort=since",
			"after=x", "after=100000000000/eu-west-1", "limit=0", "limit=-1", "limit=5001", "limit=1e3", "limit=",
		)},
	} {
		for _, query := range c.refused {
			if w := get(t, c.handler, query); w.Code != http.StatusBadRequest {
				t.Errorf("%s?%s: status %d", name, query, w.Code)
			}
		}
		for _, query := range []string{"account_id=%00%FF%3Cscript%3E", "owner=&cause=", "cluster_name=%E2%80%AE"} {
			if w := get(t, c.handler, query); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<script>") && name == "page" {
				t.Errorf("%s?%s: status %d", name, query, w.Code)
			}
		}
	}
}

// TestLongFilters: a filter is prepared once, not for each cluster. Otherwise one
// request with a long filter takes seconds of processor time.
func TestLongFilters(t *testing.T) {
	s := fleet(t, 20, 5, "eu-west-1")
	for _, name := range []string{"account_id", "cluster_name", "owner"} {
		allocations := func(value string) float64 {
			return testing.AllocsPerRun(1, func() { get(t, statuspage.ClustersJSON(s), name+"="+value) })
		}
		if short, long := allocations("none"), allocations(strings.Repeat("NONE", 3000)); long > short+100 {
			t.Errorf("%s: %g allocations with a long filter, %g with a short one", name, long, short)
		}
	}
}

func TestHeaders(t *testing.T) {
	s := fleet(t, 1, 10, "eu-west-1")
	response := get(t, statuspage.Page(s, statuspage.PageOptions{TelemetryPath: "/metrics"}), "")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(response.Body.String())[1]
	sum := sha256.Sum256([]byte(style))
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "",
	}
	for name, value := range want {
		if got := response.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	for name, h := range map[string]http.Handler{
		"page": statuspage.Page(s, statuspage.PageOptions{}), "status": statuspage.StatusJSON(s), "clusters": statuspage.ClustersJSON(s),
	} {
		compressed := get(t, h, "", "Accept-Encoding", "gzip, br")
		for _, header := range []string{"Content-Security-Policy", "Cache-Control", "X-Content-Type-Options", "Referrer-Policy"} {
			if compressed.Header().Get(header) == "" {
				t.Errorf("%s: no %s", name, header)
			}
		}
		reader, err := gzip.NewReader(compressed.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if plain := get(t, h, "").Body.String(); err != nil || plain != string(text) {
			t.Errorf("%s: compressed and plain differ, %v", name, err)
		}
		if w := get(t, h, "", "Accept-Encoding", "gzip;q=0, identity"); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: compressed for a client that does not accept it", name)
		}
	}
}

// TestLinksAreRelative: they work behind a path prefix, and lead nowhere else but to
// the documentation.
func TestLinksAreRelative(t *testing.T) {
	text := page(t, fleet(t, 2, 5, "eu-west-1"), "region=eu-west-1")
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the ID %s", m[1])
		}
		ids[m[1]] = true
	}
	links := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`).FindAllStringSubmatch(text, -1)
	if len(links) < 20 {
		t.Fatalf("%d links", len(links))
	}
	for _, m := range links {
		link := m[1]
		anchor, isAnchor := strings.CutPrefix(link, "#")
		switch {
		case isAnchor && !ids[anchor]:
			t.Errorf("%s has no target", link)
		case isAnchor, strings.HasPrefix(link, "./"), strings.HasPrefix(link, "?"), strings.HasPrefix(link, "data:image/svg+xml,"):
		case strings.HasPrefix(link, "https://github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/blob/main/docs/"):
		default:
			t.Errorf("%s", link)
		}
	}
	if !strings.Contains(text, `href="./a&amp;b"`) {
		t.Error("no link to the metrics")
	}
}
