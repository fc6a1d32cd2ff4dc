package ecs_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/awserr"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/ecs"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

var then = time.Date(2026, 11, 1, 12, 30, 0, 0, time.UTC)

// world is a simulator whose accounts have the role "coverage".
type world struct {
	*simulator.Server
	sessions *session.Factory
}

var keys = simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}

func newWorld(t testing.TB, accounts ...*simulator.Account) world {
	t.Helper()
	accounts = append(accounts, &simulator.Account{ID: "000000000001", Keys: keys})
	for _, a := range accounts {
		if a.Roles == nil {
			a.Roles = []*simulator.Role{{Name: "coverage"}}
		}
	}
	server := simulator.New(&simulator.World{Accounts: accounts}, simulator.Options{})
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	sessions, err := session.Open(t.Context(), session.Options{
		RequestsPerSecond: 1e6, Metrics: session.NewMetrics(nil), Logger: slog.New(slog.DiscardHandler),
		Simulator: &session.Simulator{
			Endpoint: web.URL, Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return world{server, sessions}
}

func (w world) client(accountID string) *ecs.Client {
	role := session.Role{ARN: "arn:aws:iam::" + accountID + ":role/coverage", AccountID: accountID, SessionName: "test"}
	cfg := w.sessions.Session(role, region).ConfigForECS(accountID)
	cfg.RetryMaxAttempts = 1
	return ecs.NewClient(ecs.Options{AccountID: accountID, Region: region, Config: cfg})
}

// count returns how often operations of ECS were called since the last count.
func (w world) count() map[string]int {
	n := map[string]int{}
	for _, c := range w.Calls() {
		if c.Service == "ecs" {
			n[c.Operation]++
		}
	}
	w.ResetCalls()
	return n
}

// before calls do once, before the first call of an operation.
func (w world) before(operation string, do func()) {
	w.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, _ *http.Request) bool {
		if c.Operation == operation {
			w.SetIntercept(nil)
			do()
		}
		return false
	})
}

// respond sets the response to an operation.
func (w world) respond(operation string, status int, body string) {
	w.SetIntercept(func(c simulator.Call, out http.ResponseWriter, r *http.Request) bool {
		if c.Operation != operation {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		out.Header().Set("Content-Type", "application/x-amz-json-1.1")
		out.WriteHeader(status)
		_, _ = io.WriteString(out, body)
		return true
	})
}

// read reads the clusters of the queries.
func read(t testing.TB, c *ecs.Client, queries ...ecs.Query) (evidence map[string]diagnosis.Evidence, reading *ecs.Reading, err error) {
	t.Helper()
	evidence = map[string]diagnosis.Evidence{}
	reading, err = c.Read(t.Context(), queries, func(e diagnosis.Evidence) { evidence[e.Cluster.Name] = e })
	return evidence, reading, err
}

// shop is an account with a cluster of one service with n tasks.
func shop(n int) *simulator.Account {
	c := &simulator.Cluster{
		Region: region, Name: "shop", Tags: map[string]string{"GuardDutyManaged": "false"},
		Services: []*simulator.Service{{Name: "orders", TaskDefinition: "orders:42", CreatedAt: then, DeployedAt: then.Add(time.Hour)}},
	}
	for i := range n {
		c.Tasks = append(c.Tasks, &simulator.Task{ID: fmt.Sprintf("%032x", i), Service: "orders", CreatedAt: then.Add(time.Duration(i) * time.Second)})
	}
	return &simulator.Account{
		ID: home, ECSSetting: "enabled", Clusters: []*simulator.Cluster{c},
		TaskDefinitions: []*simulator.TaskDefinition{{
			Region: region, Family: "orders", Revision: 42, ExecutionRole: "arn:aws:iam::111122223333:role/execution", CPUArchitecture: "ARM64",
		}},
	}
}

func TestReadEverything(t *testing.T) {
	account := shop(1)
	cluster := account.Clusters[0]
	stopped := 137
	cluster.Tasks[0].Agent = &simulator.Container{
		LastStatus: "STOPPED", ExitCode: &stopped, Reason: "OutOfMemoryError: " + strings.Repeat("x", 300),
	}
	cluster.Tasks = append(cluster.Tasks,
		&simulator.Task{ID: strings.Repeat("a", 32), TaskDefinition: "batch:1", LaunchType: "EC2", Instance: "i-0123456789abcdef0", CreatedAt: then},
		&simulator.Task{ID: strings.Repeat("b", 32), TaskDefinition: "gone:7", CreatedAt: then, StoppedAt: then.Add(time.Minute)},
		&simulator.Task{ID: strings.Repeat("c", 32), TaskDefinition: "gone:8", CreatedAt: then, StoppedAt: then.Add(time.Minute)},
	)
	w := newWorld(t, account)
	client := w.client(home)
	row := coverage.New(coverage.Row{
		Key: coverage.Key{Type: coverage.ECS, AccountID: home, Region: region, Name: "shop"}, Status: coverage.Unhealthy,
		Issues: []string{
			"Agent not reporting for tasks in TaskDefinition - 'gone:7'", "Agent not reporting for tasks in TaskDefinition - 'orders:42'",
		},
	})
	evidence, reading, err := read(t, client, ecs.Query{Cluster: "shop", Row: &row})
	if err != nil || reading.Refusal != nil || reading.Gone != nil {
		t.Fatal(reading, err)
	}
	e := evidence["shop"]
	arn := "arn:aws:ecs:eu-central-1:111122223333:"
	want := diagnosis.Evidence{
		Cluster: diagnosis.Cluster{AccountID: home, Region: region, Name: "shop"}, Row: &row, AccountSetting: diagnosis.On,
		Tags:     map[string]string{"GuardDutyManaged": "false"},
		Services: []diagnosis.Service{{Name: "orders", Controller: "ECS", Deployed: then.Add(time.Hour), Subnets: diagnosis.On}},
		TaskDefinitions: map[string]diagnosis.TaskDefinition{
			arn + "task-definition/orders:42": {ExecutionRole: "arn:aws:iam::111122223333:role/execution", CPUArchitecture: "ARM64"},
		},
	}
	if diff := cmp.Diff(want, e, cmpopts.IgnoreFields(e, "ReadAt", "Tasks", "InstanceIDs", "Refusals"), cmp.Comparer(coverage.Issue.Equal)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(e.Tasks) != 3 || len(e.InstanceIDs) != 1 || e.InstanceIDs[e.Tasks[1].ContainerInstance] != "i-0123456789abcdef0" {
		t.Fatalf("tasks %+v, instances %v", e.Tasks, e.InstanceIDs)
	}
	if got := e.Tasks[2]; got.LastStatus != "STOPPED" || got.TaskDefinition != arn+"task-definition/gone:7" {
		t.Errorf("stopped task %+v", got)
	}
	task := e.Tasks[0]
	if len(task.Containers) != 2 || len(task.Containers[1].Reason) != len("OutOfMemoryError: ")+300 || *task.Containers[1].ExitCode != stopped {
		t.Errorf("containers %+v", task.Containers)
	}
	wantTask := diagnosis.Task{
		ARN: arn + "task/shop/" + strings.Repeat("0", 32), TaskDefinition: arn + "task-definition/orders:42", Group: "service:orders",
		LaunchType: "FARGATE", PlatformFamily: "Linux", PlatformVersion: "1.4.0", CPUArchitecture: "x86_64",
		Memory: 512, NetworkInterface: diagnosis.On, Subnet: "subnet-0123456789abcdef0", LastStatus: "RUNNING", CreatedAt: then,
	}
	if diff := cmp.Diff(wantTask, task, cmpopts.IgnoreFields(task, "Containers")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantCalls := map[string]int{
		"ListAccountSettings": 1, "DescribeClusters": 1, "ListTasks": 2, "DescribeTasks": 2, "DescribeServices": 1,
		"DescribeTaskDefinition": 1, "DescribeContainerInstances": 1,
	}
	if diff := cmp.Diff(wantCalls, w.count()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTaskDefinitionsAreReadOnce(t *testing.T) {
	w := newWorld(t, shop(30))
	client := w.client(home)
	for range 3 {
		if evidence, _, err := read(t, client, ecs.Query{Cluster: "shop"}); err != nil || len(evidence["shop"].TaskDefinitions) != 1 {
			t.Fatal(evidence, err)
		}
	}
	if n := w.count()["DescribeTaskDefinition"]; n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestTaskDefinitionDeleted(t *testing.T) {
	account := shop(2)
	account.TaskDefinitions = nil
	evidence, reading, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop"})
	if err != nil || reading.Refusal != nil {
		t.Fatal(reading, err)
	}
	want := []diagnosis.Refusal{{Action: "ecs:DescribeTaskDefinition", Reason: "ClientException"}}
	if e := evidence["shop"]; !cmp.Equal(e.Refusals, want) || len(e.TaskDefinitions) != 0 || len(e.Tasks) != 2 {
		t.Errorf("evidence %+v", e)
	}
}

func TestTasksGoneBetweenListAndDescribe(t *testing.T) {
	w := newWorld(t, shop(250))
	w.before("DescribeTasks", func() {
		w.Update(func(world *simulator.World) {
			c := world.Accounts[0].Clusters[0]
			c.Tasks = c.Tasks[125:]
		})
	})
	evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
	if e := evidence["shop"]; err != nil || reading.Refusal != nil || len(e.Tasks) != 125 || e.Refusals != nil || e.Truncated {
		t.Errorf("%d tasks, refusals %v, truncated %v, %v", len(e.Tasks), e.Refusals, e.Truncated, err)
	}
}

func TestClusterDeletedMeanwhile(t *testing.T) {
	for _, operation := range []string{"DescribeClusters", "ListTasks", "DescribeTasks", "DescribeServices"} {
		w := newWorld(t, shop(1))
		w.before(operation, func() {
			w.Update(func(world *simulator.World) { world.Accounts[0].Clusters[0].Deleted = true })
		})
		evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
		if err != nil || len(evidence) != 0 || reading.Refusal != nil || !cmp.Equal(reading.Gone, []string{"shop"}) {
			t.Errorf("deleted before %s: %v, %v, %v", operation, evidence, reading, err)
		}
	}
}

func TestMoreThan5000Tasks(t *testing.T) {
	account := shop(5_300)
	w := newWorld(t, account)
	evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
	if err != nil || reading.Refusal == nil || !strings.Contains(reading.Refusal.Error(), "cluster shop: there are more than 5000 tasks") {
		t.Fatal(err, reading)
	}
	e := evidence["shop"]
	if len(e.Tasks) != 5_000 || !e.Truncated {
		t.Fatalf("%d tasks, truncated %v", len(e.Tasks), e.Truncated)
	}
	for _, task := range e.Tasks {
		if task.CreatedAt.Before(then.Add(300 * time.Second)) {
			t.Fatalf("a task of %v is kept", task.CreatedAt)
		}
	}
	if calls := w.count(); calls["ListTasks"] != 53 || calls["DescribeTasks"] != 53 {
		t.Errorf("calls %v", calls)
	}
}

func TestDeniedActions(t *testing.T) {
	denied := func(action string) []diagnosis.Refusal {
		return []diagnosis.Refusal{{Action: action, Denied: true, Reason: "AccessDeniedException"}}
	}
	for _, action := range []string{
		"ecs:ListAccountSettings", "ecs:DescribeClusters", "ecs:ListTasks", "ecs:DescribeTasks", "ecs:DescribeServices", "ecs:DescribeTaskDefinition",
	} {
		account := shop(1)
		account.Roles = []*simulator.Role{{Name: "coverage", Deny: []string{action}}}
		evidence, reading, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop"})
		e := evidence["shop"]
		if err != nil || reading.Refusal == nil || !cmp.Equal(e.Refusals, denied(action)) {
			t.Errorf("%s: %v, %+v", action, err, e.Refusals)
		}
		if known := e.Tags != nil; known != (action != "ecs:DescribeClusters") {
			t.Errorf("%s: tags %v", action, e.Tags)
		}
		if read := len(e.Tasks) > 0; read != (action != "ecs:ListTasks" && action != "ecs:DescribeTasks") {
			t.Errorf("%s: tasks %v", action, e.Tasks)
		}
	}
}

// TestEveryActionDenied: the account cannot be read, and each cluster's findings report why.
func TestEveryActionDenied(t *testing.T) {
	account := shop(1)
	role := &simulator.Role{Name: "coverage"}
	for _, operation := range ecs.Operations(true) {
		role.Deny = append(role.Deny, "ecs:"+operation)
	}
	account.Roles = []*simulator.Role{role}
	w := newWorld(t, account)
	var queries []ecs.Query
	for i := range 200 {
		queries = append(queries, ecs.Query{Cluster: fmt.Sprint("c", i)})
	}
	evidence, _, err := read(t, w.client(home), queries...)
	if err == nil || awserr.State(region, err) != coverage.Denied || len(evidence) != 200 || len(evidence["c0"].Refusals) != 3 {
		t.Errorf("%d clusters, %v", len(evidence), err)
	}
	if n := w.count(); n["ListTasks"] > 4 { // the session repeats a call with new credentials once
		t.Errorf("calls %v", n)
	}
	if _, _, err := w.client(home).List(t.Context()); awserr.State(region, err) != coverage.Denied {
		t.Errorf("list: %v", err)
	}
}

func TestAccountsThatCannotBeRead(t *testing.T) {
	account := shop(1)
	account.Roles = []*simulator.Role{}
	evidence, _, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop"})
	if got := awserr.State(region, err); got != coverage.Denied || len(evidence) != 0 || awserr.CauseOf(err).Operation != "AssumeRole" {
		t.Errorf("role missing: %s, %v", got, err)
	}
	w := newWorld(t, shop(1))
	for operation, read := range map[string]int{"ListAccountSettings": 0, "DescribeTasks": 0} {
		w.respond(operation, http.StatusBadRequest, `{"__type":"ThrottlingException","message":"Rate exceeded"}`)
		evidence, _, err := readAll(t, w.client(home))
		if got := awserr.State(region, err); got != coverage.Throttled || len(evidence) != read {
			t.Errorf("%s throttled: %s, %d clusters, %v", operation, got, len(evidence), err)
		}
	}
}

func readAll(t testing.TB, c *ecs.Client) (map[string]diagnosis.Evidence, *ecs.Reading, error) {
	t.Helper()
	names, truncated, err := c.List(t.Context())
	if err != nil || truncated {
		t.Fatal(truncated, err)
	}
	var queries []ecs.Query
	for _, name := range names {
		queries = append(queries, ecs.Query{Cluster: name})
	}
	return read(t, c, queries...)
}

// TestOddResponses: a response that cannot be correct is no evidence, and affects
// only the cluster.
func TestOddResponses(t *testing.T) {
	for _, tc := range []struct{ operation, body, reason string }{
		{"ListAccountSettings", `{}`, "invalid_response"},
		{"DescribeClusters", `{}`, "invalid_response"},
		{"DescribeClusters", `{"clusters":[],"failures":[{"arn":"x","reason":"ODD"}]}`, "invalid_response"},
		{"ListTasks", ``, "invalid_response"},
		{"ListTasks", `{"taskArns":null}`, "invalid_response"},
		{"ListTasks", `{"taskArns":["x"],"nextToken":"again"}`, "invalid_response"},
		{"DescribeClusters", `{"clusters":[{"clusterName":"other","status":"ACTIVE"}],"failures":[]}`, "invalid_response"},
		{"DescribeTasks", `{"tasks":[]}`, "invalid_response"},
		{"DescribeTasks", `{"tasks":[{"taskArn":"x","lastStatus":"RUNNING"}]}`, "invalid_response"},
		{"DescribeTasks", `{"tasks":[{"taskArn":"x","containers":[]}]}`, "invalid_response"},
		{"DescribeTasks", `{"tasks":[],"failures":[{"arn":"x","reason":"O\u202eDD"}]}`, "ODD"},
		{"DescribeServices", `{}`, "invalid_response"},
		{"DescribeTaskDefinition", `{}`, "invalid_response"},
	} {
		w := newWorld(t, shop(1))
		w.respond(tc.operation, http.StatusOK, tc.body)
		evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
		want := []diagnosis.Refusal{{Action: "ecs:" + tc.operation, Reason: tc.reason}}
		if diff := cmp.Diff(want, evidence["shop"].Refusals); err != nil || reading.Refusal == nil || diff != "" {
			t.Errorf("%s %s: %v, %v\n%s", tc.operation, tc.body, reading.Refusal, err, diff)
		}
	}
}

// TestMissingFields: what a response leaves out is unknown, not absent.
func TestMissingFields(t *testing.T) {
	w := newWorld(t, shop(1))
	w.respond("DescribeClusters", http.StatusOK, `{"clusters":[{"clusterName":"shop","status":"ACTIVE"}]}`)
	evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
	if e := evidence["shop"]; err != nil || reading.Refusal != nil || len(e.Tasks) != 1 || e.Tags != nil {
		t.Errorf("without tags: %+v, %v", e, err)
	}
	w.respond("DescribeTasks", http.StatusOK, `{"tasks":[{"taskArn":"arn","lastStatus":"RUNNING","launchType":"FARGATE","containers":[]}],"failures":[]}`)
	evidence, reading, err = read(t, w.client(home), ecs.Query{Cluster: "shop"})
	want := []diagnosis.Task{{ARN: "arn", LastStatus: "RUNNING", LaunchType: "FARGATE", Containers: []diagnosis.Container{}}}
	if diff := cmp.Diff(want, evidence["shop"].Tasks); err != nil || reading.Refusal != nil || diff != "" {
		t.Errorf("%v, %v\n%s", reading, err, diff)
	}
}

// TestTaskOnTwoPages: a task that is listed twice is counted once.
func TestTaskOnTwoPages(t *testing.T) {
	w := newWorld(t, shop(150))
	lists := 0
	w.SetIntercept(func(c simulator.Call, out http.ResponseWriter, r *http.Request) bool {
		if c.Operation != "ListTasks" {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		lists++
		arn := fmt.Sprintf("arn:aws:ecs:%s:%s:task/shop/%032x", region, home, 7)
		fmt.Fprintf(out, `{"taskArns":[%q],"nextToken":%q}`, arn, []string{"", "next", ""}[lists])
		return true
	})
	evidence, reading, err := read(t, w.client(home), ecs.Query{Cluster: "shop"})
	if e := evidence["shop"]; err != nil || reading.Refusal != nil || len(e.Tasks) != 1 || len(e.Refusals) != 0 {
		t.Errorf("%d tasks, refusals %v, %v", len(e.Tasks), e.Refusals, err)
	}
}

// TestUnknownValues: values that AWS may add are kept as they are, and containers
// that a user named like the agent are told apart by their image.
func TestUnknownValues(t *testing.T) {
	account := shop(1)
	account.ECSSetting = "paused"
	task := account.Clusters[0].Tasks[0]
	task.LaunchType, task.PlatformFamily, task.CPUArchitecture, task.LastStatus = "LAMBDA", "Plan9", "riscv64", "HIBERNATING"
	task.Containers = []simulator.Container{{Name: "aws-guardduty-agent-abcdef", Image: "example.com/mine:1", LastStatus: "NAPPING"}}
	account.TaskDefinitions[0].OSFamily, account.TaskDefinitions[0].CPUArchitecture = "PLAN9", "RISCV64"
	evidence, reading, err := read(t, newWorld(t, account).client(home), ecs.Query{Cluster: "shop"}, ecs.Query{Cluster: "x~0badcafe"})
	e := evidence["shop"]
	if err != nil || reading.Refusal != nil || len(e.Tasks) != 1 || e.AccountSetting != diagnosis.Unknown {
		t.Fatalf("%+v, %v", e, err)
	}
	got := e.Tasks[0]
	if got.LaunchType != "LAMBDA" || got.PlatformFamily != "Plan9" || got.CPUArchitecture != "riscv64" || got.LastStatus != "HIBERNATING" {
		t.Errorf("task %+v", got)
	}
	if c := got.Containers; len(c) != 1 || c[0].Name != "aws-guardduty-agent-abcdef" || c[0].Image != "example.com/mine:1" || c[0].LastStatus != "NAPPING" {
		t.Errorf("containers %+v", c)
	}
	if d := e.TaskDefinitions[got.TaskDefinition]; d.OSFamily != "PLAN9" || d.CPUArchitecture != "RISCV64" {
		t.Errorf("task definition %+v", d)
	}
	if r := evidence["x~0badcafe"].Refusals; len(r) != 1 || r[0].Denied {
		t.Errorf("refusals of a cluster whose name is not that in ECS: %v", r)
	}
}
