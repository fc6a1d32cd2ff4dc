package demo

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// checkECS returns an error if what ECS has of a cluster contradicts its row.
func checkECS(a *simulator.Account, c *simulator.Cluster) error {
	uncovered := 0
	for _, t := range c.Tasks {
		family, _, _ := strings.Cut(t.TaskDefinition, ":")
		switch {
		case t.CreatedAt.IsZero():
			return errors.New("a task has no time")
		case t.Service != "" && c.Service(t.Service) == nil:
			return fmt.Errorf("the service %s does not exist", t.Service)
		case t.Service == "" && !slices.ContainsFunc(a.TaskDefinitions, func(d *simulator.TaskDefinition) bool { return d.Region == c.Region && d.Family == family }):
			return fmt.Errorf("the task definition %q does not exist", t.TaskDefinition)
		case t.Instance == "" && (t.Agent == nil || t.Agent.LastStatus == "STOPPED"):
			uncovered++
		}
	}
	if c.Status == healthy && uncovered > 0 && !c.Unlisted {
		return fmt.Errorf("%d tasks without agent in a healthy cluster", uncovered)
	}
	for _, issue := range c.Issues {
		switch {
		case strings.Contains(issue, "new deployment"):
			s := c.Service(c.Name + "-web")
			if s == nil || !strings.Contains(issue, "'"+s.Name+"'") || !s.DeployedAt.Before(c.UpdatedAt.AddDate(0, -5, 0)) {
				return fmt.Errorf("%q with the service %+v", issue, s)
			}
		case strings.Contains(issue, "task ID"):
			if !slices.ContainsFunc(c.Tasks, func(t *simulator.Task) bool { return strings.Contains(issue, "'"+t.ID+"'") && t.ID != "" }) {
				return fmt.Errorf("%q names no task", issue)
			}
		case strings.Contains(issue, "Unsupported invocation"): // of a task that may be gone
		case strings.Contains(issue, "TaskDefinition"):
			if !slices.ContainsFunc(c.Services, func(s *simulator.Service) bool { return strings.Contains(issue, "'"+s.TaskDefinition+"'") }) {
				return fmt.Errorf("%q names no service's task definition", issue)
			}
		}
	}
	return nil
}

// What ECS has explains the rows at every step.
func TestECSOverTime(t *testing.T) {
	seen := map[string]bool{}
	walk(func(w *simulator.World, n int, _ time.Time) {
		for _, a := range w.Accounts {
			if len(a.TaskDefinitions) > 200 {
				t.Fatalf("step %d: %d task definitions in %s", n, len(a.TaskDefinitions), a.Name)
			}
			for _, c := range a.Clusters {
				if err := checkECS(a, c); err != nil {
					t.Fatalf("step %d, %s in %s: %v", n, c.Name, c.Region, err)
				}
				for _, task := range c.Tasks {
					seen[task.LaunchType], seen[task.PlatformFamily], seen[task.StartedBy], seen[task.PlatformVersion] = true, true, true, true
				}
			}
		}
	})
	for _, want := range []string{"EC2", "EXTERNAL", "MANAGED_INSTANCES", "WINDOWS_SERVER_2022_CORE", "AWS Batch", "1.3.0"} {
		if !seen[want] {
			t.Errorf("no task has %s", want)
		}
	}
}

// A new deployment heals the storefront, as docs/demo.md shows.
func TestNewDeployment(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	server := simulator.New(newWorld(begin), simulator.Options{})
	ts := httptest.NewServer(server)
	t.Cleanup(ts.Close)
	key := shopKey()
	client := ecs.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: &ts.URL,
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	})
	const name = "legacy-storefront"
	check := func(status, agent string) {
		t.Helper()
		server.Update(func(w *simulator.World) {
			if c := w.Account(shopID).Cluster("eu-west-1", name); c.CoverageStatus() != status {
				t.Errorf("the row is %s with %q, want %s", c.CoverageStatus(), c.Issues, status)
			}
		})
		list, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String(name), ServiceName: aws.String(name + "-web")})
		if err != nil || len(list.TaskArns) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String(name), Tasks: list.TaskArns})
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range out.Tasks {
			got := "missing"
			if len(task.Containers) == 2 {
				got = *task.Containers[1].LastStatus
			}
			if got != agent {
				t.Errorf("the agent of a task is %s, want %s", got, agent)
			}
		}
	}
	check("UNHEALTHY", "missing")
	_, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String(name), Service: aws.String(name + "-web"), ForceNewDeployment: true})
	if err != nil {
		t.Fatal(err)
	}
	check(healthy, "RUNNING")
	server.Update(func(w *simulator.World) {
		for n := 1; n < 100; n++ {
			advance(w, n, begin.Add(time.Duration(n)*stepInterval))
		}
	})
	check(healthy, "RUNNING") // the schedule does not change it
}
