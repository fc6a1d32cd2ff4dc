package simulator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// deploy forces a new deployment of the service orders in the cluster shop.
func deploy(t *testing.T, client *ecs.Client) *ecs.UpdateServiceOutput {
	t.Helper()
	out, err := client.UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: aws.String("shop"), Service: aws.String("orders"), ForceNewDeployment: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUpdateService replaces the tasks of a service, twice.
func TestUpdateService(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Millisecond)
	w := ecsWorld()
	shop := w.Accounts[0].Cluster(region, "shop")
	shop.Status = "UNHEALTHY"
	shop.Issues = shop.Issues[:1]
	shop.Tasks[1].Agent = nil
	s, url := serve(t, w, simulator.Options{Now: func() time.Time { return now }})
	client := ecsClient(url, administrator)
	for range 2 {
		now = now.Add(time.Minute)
		out := deploy(t, client)
		if d := out.Service.Deployments; len(d) != 1 || !d[0].CreatedAt.Equal(now) || out.Service.RunningCount != 2 || len(out.Service.Tags) != 1 {
			t.Errorf("the service is %+v", out.Service)
		}
		list, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("shop"), ServiceName: aws.String("orders")})
		if err != nil || len(list.TaskArns) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		tasks, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("shop"), Tasks: list.TaskArns})
		if err != nil || len(tasks.Tasks) != 2 {
			t.Fatalf("%+v, %v", tasks, err)
		}
		for _, task := range tasks.Tasks {
			if len(task.Containers) != 2 || *task.Containers[1].LastStatus != "RUNNING" || !task.CreatedAt.Equal(now) || *task.StartedBy != *out.Service.Deployments[0].Id {
				t.Errorf("a new task is %+v", task)
			}
		}
		stopped, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{
			Cluster: aws.String("shop"), ServiceName: aws.String("orders"), DesiredStatus: types.DesiredStatusStopped,
		})
		if err != nil || len(stopped.TaskArns) != 2 {
			t.Fatalf("%+v, %v", stopped, err)
		}
	}
	s.Update(func(*simulator.World) { // the second one did not change the row
		if shop.CoverageStatus() != "HEALTHY" || len(shop.Issues) != 0 || !shop.UpdatedAt.Equal(now.Add(-time.Minute)) {
			t.Errorf("the row is %+v", shop)
		}
	})
}

// TestUpdateServiceWithoutAgent forces deployments that do not heal the row.
func TestUpdateServiceWithoutAgent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*simulator.Account, *simulator.Cluster){
		"monitoring off": func(a *simulator.Account, _ *simulator.Cluster) { a.Detectors[0].RuntimeMonitoringOff = true },
		"no detector":    func(a *simulator.Account, _ *simulator.Cluster) { a.Detectors = nil },
		"excluded":       func(_ *simulator.Account, c *simulator.Cluster) { c.Tags["GuardDutyManaged"] = "false" },
		"not included": func(a *simulator.Account, c *simulator.Cluster) {
			a.Detectors[0].AgentManagementOff, c.Tags = true, nil
		},
		"no role":       func(a *simulator.Account, _ *simulator.Cluster) { a.TaskDefinitions[1].ExecutionRole = "" },
		"no definition": func(a *simulator.Account, _ *simulator.Cluster) { a.TaskDefinitions = nil },
		"old platform":  func(_ *simulator.Account, c *simulator.Cluster) { c.Tasks[0].PlatformVersion = "1.3.0" },
		"windows": func(_ *simulator.Account, c *simulator.Cluster) {
			c.Tasks[0].PlatformFamily = "WINDOWS_SERVER_2022_CORE"
		},
		"on EC2":     func(_ *simulator.Account, c *simulator.Cluster) { c.Tasks[0].LaunchType = "EC2" },
		"no network": func(_ *simulator.Account, c *simulator.Cluster) { c.Tasks[0].NoNetwork = true },
		"old ARNs":   func(_ *simulator.Account, c *simulator.Cluster) { c.OldARNs = true },
		"agent exits": func(_ *simulator.Account, c *simulator.Cluster) {
			c.Tasks[0].Agent = &simulator.Container{LastStatus: "STOPPED"}
		},
		"only management": nil,
	} {
		w := ecsWorld()
		a := w.Accounts[0]
		c := a.Cluster(region, "shop")
		c.Tasks = c.Tasks[:1]
		if change == nil { // the tag includes the cluster
			a.Detectors[0].AgentManagementOff = true
		} else {
			change(a, c)
		}
		s, url := serve(t, w, simulator.Options{})
		deploy(t, ecsClient(url, administrator))
		s.Update(func(*simulator.World) {
			healed := !slices.Contains(c.Issues, "Agent not provisioned: Service 'orders' requires a new deployment")
			if healed != (change == nil) || len(c.Issues) == 0 {
				t.Errorf("%s: the issues are %q", name, c.Issues)
			}
		})
	}
}

func TestECSAccountSetting(t *testing.T) {
	t.Parallel()
	w := ecsWorld()
	w.Accounts[1].ECSSetting = "enabled"
	w.Accounts[2].Detectors = []*simulator.Detector{{Region: region, RuntimeMonitoringOff: true}}
	_, url := serve(t, w, simulator.Options{})
	for account, want := range map[string]string{administrator: "on", memberID: "enabled", outsider: "off"} {
		out, err := ecsClient(url, account).ListAccountSettings(t.Context(), &ecs.ListAccountSettingsInput{
			Name: types.SettingNameGuardDutyActivate, EffectiveSettings: true,
		})
		if err != nil || len(out.Settings) != 1 {
			t.Fatalf("%s: %+v, %v", account, out, err)
		}
		if s := out.Settings[0]; *s.Value != want || s.Type != types.SettingTypeAwsManaged || *s.PrincipalArn != "arn:aws:iam::"+account+":root" {
			t.Errorf("%s: %+v", account, s)
		}
	}
	out, err := ecsClient(url, administrator).ListAccountSettings(t.Context(), &ecs.ListAccountSettingsInput{Name: types.SettingNameGuardDutyActivate})
	if err != nil || len(out.Settings) != 0 {
		t.Errorf("without effectiveSettings: %+v, %v", out, err)
	}
}

// TestUnlistedCluster is a cluster that ECS has and GuardDuty does not list, and one
// of which only the row is left.
func TestUnlistedCluster(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	out, err := guarddutyClient(url, administrator).ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range out.Resources {
		if details := r.ResourceDetails.EcsClusterDetails; details != nil && *r.AccountId == administrator {
			names = append(names, *details.ClusterName)
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != "alpha bravo gone old shop" {
		t.Errorf("GuardDuty lists %s", got)
	}
}

func TestAWSCLIWithECS(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	run := func(into any, arguments ...string) {
		t.Helper()
		out, err := runCLI(t, url, append([]string{"ecs"}, arguments...)...)
		if err != nil {
			t.Fatalf("aws ecs %q: %v\n%s", arguments, err, out)
		}
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatalf("aws ecs %q printed %s", arguments, out)
		}
	}
	var clusters struct {
		Clusters []struct{ Tags []struct{ Key, Value string } }
		Failures []struct{ Reason string }
	}
	run(&clusters, "describe-clusters", "--clusters", "shop", "none", "--include", "TAGS")
	if len(clusters.Clusters) != 1 || len(clusters.Clusters[0].Tags) != 2 || len(clusters.Failures) != 1 || clusters.Failures[0].Reason != "MISSING" {
		t.Errorf("describe-clusters printed %+v", clusters)
	}
	var list struct{ TaskArns []string }
	run(&list, "list-tasks", "--cluster", "shop", "--page-size", "2") // in three pages
	if len(list.TaskArns) != 6 {
		t.Errorf("list-tasks printed %q", list.TaskArns)
	}
	var tasks struct {
		Tasks []struct {
			CreatedAt  any // CLI 1 prints a number, CLI 2 a text
			Containers []struct {
				Name, Reason string
				ExitCode     int
			}
		}
	}
	run(&tasks, append([]string{"describe-tasks", "--cluster", "shop", "--tasks"}, list.TaskArns...)...)
	if agent := tasks.Tasks[1].Containers[1]; agent.ExitCode != 137 || tasks.Tasks[0].CreatedAt == nil {
		t.Errorf("describe-tasks printed %+v", tasks)
	}
	var updated struct {
		Service struct{ Deployments []struct{ Status string } }
	}
	run(&updated, "update-service", "--cluster", "shop", "--service", "orders", "--force-new-deployment")
	if d := updated.Service.Deployments; len(d) != 1 || d[0].Status != "PRIMARY" {
		t.Errorf("update-service printed %+v", updated)
	}
	var settings struct {
		Settings []struct{ Value, Type string }
	}
	run(&settings, "list-account-settings", "--name", "guardDutyActivate", "--effective-settings")
	if len(settings.Settings) != 1 || settings.Settings[0].Value != "on" || settings.Settings[0].Type != "aws_managed" {
		t.Errorf("list-account-settings printed %+v", settings)
	}
	out, err := runCLI(t, url, "ecs", "describe-task-definition", "--task-definition", "none")
	if err == nil || !strings.Contains(string(out), "(ClientException) when calling the DescribeTaskDefinition operation: Unable to describe task definition.") {
		t.Errorf("for a missing task definition it printed %s, %v", out, err)
	}
}

// TestAWSCLIReadsECS runs the other operations, with the values that the exporter uses.
func TestAWSCLIReadsECS(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	read := func(query, arguments string) string {
		t.Helper()
		out, err := runCLI(t, url, append(strings.Fields("ecs "+arguments), "--query", query)...)
		if err != nil {
			t.Fatalf("aws ecs %s: %v\n%s", arguments, err, out)
		}
		return strings.Join(strings.Fields(string(out)), "")
	}
	const cluster = `"arn:aws:ecs:us-east-1:111122223333:cluster/`
	var instances []string
	if err := json.Unmarshal([]byte(read("containerInstanceArns", "list-container-instances --cluster shop")), &instances); err != nil || len(instances) != 3 {
		t.Fatalf("list-container-instances printed %q, %v", instances, err)
	}
	for _, tc := range []struct{ arguments, query, want string }{
		{"list-clusters --page-size 2", "clusterArns", "[" + cluster + `alpha",` + cluster + `bravo",` + cluster + `new",` + cluster + `old",` + cluster + `shop"]`},
		{"list-services --cluster shop --launch-type EC2", "serviceArns", `["arn:aws:ecs:us-east-1:111122223333:service/shop/legacy"]`},
		{
			"describe-services --cluster shop --services orders none", "[services[].[serviceName,launchType,deployments[0].status],failures[].reason]",
			`[[["orders","FARGATE","PRIMARY"]],["MISSING"]]`,
		},
		{
			"describe-container-instances --cluster shop --container-instances " + strings.Join(instances, " "),
			"sort_by(containerInstances,&ec2InstanceId)[].[ec2InstanceId,status]",
			`[["i-0123456789abcdef0","ACTIVE"],["i-0fedcba9876543210","ACTIVE"],["mi-0123456789abcdef0","ACTIVE"]]`,
		},
		{"describe-task-definition --task-definition orders:42", "taskDefinition.[family,revision,runtimePlatform.cpuArchitecture]", `["orders",42,"ARM64"]`},
	} {
		if got := read(tc.query, tc.arguments); got != tc.want {
			t.Errorf("aws ecs %s printed %s, want %s", tc.arguments, got, tc.want)
		}
	}
}
