package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator/awswire"
)

// ecsCall sends a call of ECS with this body.
func ecsCall(t *testing.T, url, operation, body string) rawResponse {
	t.Helper()
	call := rawCall{method: http.MethodPost, path: "/", service: "ecs", body: body}
	call.modify = func(r *http.Request) {
		r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113."+operation)
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	}
	return call.do(t, url)
}

// refs returns a JSON array of n references.
func refs(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%q", fmt.Sprintf("x%d", i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestECSErrors(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	for _, tc := range []struct{ operation, body, code string }{
		{"ListClusters", `{"maxResults":0}`, "InvalidParameterException"},
		{"ListClusters", `{"maxResults":101}`, "InvalidParameterException"},
		{"ListClusters", `{"nextToken":"x"}`, "InvalidParameterException"},
		{"ListClusters", `{"cluster":"shop"}`, "SerializationException"},
		{"ListClusters", `{"MaxResults":1}`, "SerializationException"},
		{"ListClusters", ``, ""},
		{"DescribeClusters", `{"clusters":` + refs(100) + `}`, ""},
		{"DescribeClusters", `{"clusters":` + refs(101) + `}`, "InvalidParameterException"},
		{"DescribeClusters", `{"include":["tags"]}`, "InvalidParameterException"},
		{"DescribeClusters", `{"cluster":"shop"}`, "SerializationException"},

		{"ListServices", `{}`, "ClusterNotFoundException"}, // there is none with the name default
		{"ListServices", `{"cluster":"gone"}`, "ClusterNotFoundException"},
		{"ListServices", `{"cluster":"arn:aws:ecs:us-east-1:222233334444:cluster/charlie"}`, "ClusterNotFoundException"},
		{"ListServices", `{"cluster":"shop","launchType":"fargate"}`, "InvalidParameterException"},
		{"ListServices", `{"cluster":"shop","maxResults":101}`, "InvalidParameterException"},
		{"ListServices", `{"cluster":"shop","schedulingStrategy":"DAEMON"}`, ""},
		{"ListServices", `{"family":"shop"}`, "SerializationException"},
		{"DescribeServices", `{"cluster":"shop","services":` + refs(10) + `}`, ""},
		{"DescribeServices", `{"cluster":"shop","services":` + refs(11) + `}`, "InvalidParameterException"},
		{"DescribeServices", `{"cluster":"shop","services":[]}`, "InvalidParameterException"},
		{"DescribeServices", `{"cluster":"none","services":["a"]}`, "ClusterNotFoundException"},
		{"DescribeServices", `{"cluster":"shop","services":["arn:aws:ecs:us-east-1:111122223333:service/other/a"]}`, "InvalidParameterException"},
		{"DescribeServices", `{"cluster":"shop","services":["a"],"include":["SETTINGS"]}`, "InvalidParameterException"},
		{"DescribeServices", `{"tasks":[]}`, "SerializationException"},

		{"ListTasks", `{"cluster":"shop","startedBy":"x","family":"orders"}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"shop","desiredStatus":"ACTIVE"}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"shop","launchType":"LAMBDA"}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"shop","serviceName":"none"}`, "ServiceNotFoundException"},
		{"ListTasks", `{"cluster":"shop","serviceName":"arn:aws:ecs:us-east-1:111122223333:task/shop/a"}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"shop","containerInstance":"arn:aws:ecs:us-east-1:111122223333:task/shop/a"}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"shop","maxResults":101}`, "InvalidParameterException"},
		{"ListTasks", `{"cluster":"none"}`, "ClusterNotFoundException"},
		{"ListTasks", `{"tasks":[]}`, "SerializationException"},
		{"DescribeTasks", `{"cluster":"shop","tasks":` + refs(100) + `}`, ""},
		{"DescribeTasks", `{"cluster":"shop","tasks":` + refs(101) + `}`, "InvalidParameterException"},
		{"DescribeTasks", `{"cluster":"shop"}`, "InvalidParameterException"},
		{"DescribeTasks", `{"cluster":"none","tasks":["a"]}`, "ClusterNotFoundException"},
		{"DescribeTasks", `{"cluster":"shop","tasks":["arn:aws:ecs:us-east-1:111122223333:task/old/2a"]}`, "InvalidParameterException"},
		{"DescribeTasks", `{"cluster":"shop","tasks":["a"],"include":["x"]}`, "InvalidParameterException"},
		{"DescribeTasks", `{"services":[]}`, "SerializationException"},

		{"DescribeTaskDefinition", `{}`, "ClientException"},
		{"DescribeTaskDefinition", `{"taskDefinition":"none"}`, "ClientException"},
		{"DescribeTaskDefinition", `{"taskDefinition":"orders:40"}`, "ClientException"},
		{"DescribeTaskDefinition", `{"taskDefinition":"orders:x"}`, "ClientException"},
		{"DescribeTaskDefinition", `{"taskDefinition":"orders","include":["x"]}`, "InvalidParameterException"},
		{"DescribeTaskDefinition", `{"cluster":"shop"}`, "SerializationException"},

		{"ListContainerInstances", `{"cluster":"shop","status":"x"}`, "InvalidParameterException"},
		{"ListContainerInstances", `{"cluster":"shop","status":"DRAINING"}`, ""},
		{"ListContainerInstances", `{"cluster":"shop","maxResults":101}`, "InvalidParameterException"},
		{"ListContainerInstances", `{}`, "ClusterNotFoundException"},
		{"ListContainerInstances", `{"tasks":[]}`, "SerializationException"},
		{"DescribeContainerInstances", `{"cluster":"shop","containerInstances":` + refs(101) + `}`, "InvalidParameterException"},
		{"DescribeContainerInstances", `{"cluster":"shop","containerInstances":["a"],"include":["CONTAINER_INSTANCE_HEALTH"]}`, ""},
		{"DescribeContainerInstances", `{"cluster":"shop","containerInstances":["a"],"include":["x"]}`, "InvalidParameterException"},
		{"DescribeContainerInstances", `{"cluster":"shop","containerInstances":["arn:x"]}`, "InvalidParameterException"},
		{"DescribeContainerInstances", `{"containerInstances":["a"]}`, "ClusterNotFoundException"},
		{"DescribeContainerInstances", `{"tasks":[]}`, "SerializationException"},

		{"ListAccountSettings", `{"name":"none"}`, "InvalidParameterException"},
		{"ListAccountSettings", `{"maxResults":11}`, "InvalidParameterException"},
		{"ListAccountSettings", `{"tasks":[]}`, "SerializationException"},

		{"UpdateService", `{"cluster":"shop","service":"orders"}`, "InvalidParameterException"},
		{"UpdateService", `{"cluster":"shop","service":"green","forceNewDeployment":true}`, "InvalidParameterException"},
		{"UpdateService", `{"cluster":"shop","service":"none","forceNewDeployment":true}`, "ServiceNotFoundException"},
		{"UpdateService", `{"cluster":"shop","service":"arn:x","forceNewDeployment":true}`, "InvalidParameterException"},
		{"UpdateService", `{"cluster":"none","service":"a","forceNewDeployment":true}`, "ClusterNotFoundException"},
		{"UpdateService", `{"tasks":[]}`, "SerializationException"},
		{"DeleteService", `{}`, "UnknownOperationException"},
	} {
		got := ecsCall(t, url, tc.operation, tc.body)
		if got.header.Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s %s: content type is %q", tc.operation, tc.body, got.header.Get("Content-Type"))
		}
		if tc.code == "" {
			if got.status != http.StatusOK {
				t.Errorf("%s %s: %d %s", tc.operation, tc.body, got.status, got.body)
			}
			continue
		}
		// Every refusal has the same status.
		if got.status != http.StatusBadRequest || !strings.HasPrefix(got.body, `{"__type":"`+tc.code+`","message":"`) {
			t.Errorf("%s %.80s: %d %s, want %s", tc.operation, tc.body, got.status, got.body, tc.code)
		}
	}
}

// TestECSShapes compares members that the reader depends on with the documented
// form: numbers for times, and no member for what is unknown.
func TestECSShapes(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	body := ecsCall(t, url, "DescribeTasks", `{"cluster":"shop","tasks":["0a","0d","ff"]}`).body
	for _, want := range []string{
		`"taskArn":"arn:aws:ecs:us-east-1:111122223333:task/shop/0a"`, `"createdAt":1790910245.123,"startedAt":1790910275.123,"`,
		`"attributes":[{"name":"ecs.cpu-architecture","value":"arm64"}]`, `"overrides":{"containerOverrides":[]}`,
		`"failures":[{"arn":"arn:aws:ecs:us-east-1:111122223333:task/shop/ff","reason":"MISSING"}]`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in %s", want, body)
		}
	}
	var out struct{ Tasks []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"platformVersion", "platformFamily", "createdAt", "capacityProviderName"} {
		if value, present := out.Tasks[1][name]; present {
			t.Errorf("the task on EC2 has %s %s", name, value)
		}
	}
}

// TestECSUnsigned is a call without a signature: the form of its error is that of ECS.
func TestECSUnsigned(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{})
	call := rawCall{method: http.MethodPost, path: "/", service: "ecs", modify: func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Set("X-Amz-Target", "AmazonEC2ContainerServiceV20141113.ListClusters")
	}}
	if got := call.do(t, url); got.status != http.StatusBadRequest || !strings.HasPrefix(got.body, `{"__type":"MissingAuthenticationTokenException","message":`) {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestECSDenied is a call that the role denies: AWS's status is 400.
func TestECSDenied(t *testing.T) {
	t.Parallel()
	s, url := serve(t, ecsWorld(), simulator.Options{})
	client := ecs.NewFromConfig(assumed(url, "ecs", ""))
	_, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("charlie")})
	if code := errorCode(t, err); code != "AccessDeniedException" || !strings.Contains(err.Error(), "is not authorized to perform: ecs:ListTasks on resource:") {
		t.Errorf("error is %v", err)
	}
	if calls := s.Calls(); len(calls) != 2 || calls[1].Status != http.StatusBadRequest || calls[1].Operation != "ListTasks" || calls[1].AccountID != memberID {
		t.Errorf("calls are %+v", calls)
	}
	list, err := client.ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil || len(list.ClusterArns) != 1 || !strings.HasSuffix(list.ClusterArns[0], ":"+memberID+":cluster/charlie") {
		t.Errorf("the member's clusters: %+v, %v", list, err)
	}
}

// TestECSPages reads every listing in pages of one and by default.
func TestECSPages(t *testing.T) {
	t.Parallel()
	w := ecsWorld()
	shop := w.Accounts[0].Cluster(region, "shop")
	for i := range 230 {
		shop.Services = append(shop.Services, &simulator.Service{Name: fmt.Sprintf("s%03d", i), TaskDefinition: "orders:42"})
		shop.Tasks = append(shop.Tasks, &simulator.Task{Service: fmt.Sprintf("s%03d", i)})
	}
	s, url := serve(t, w, simulator.Options{})
	client := ecsClient(url, administrator)
	count := func(read func(ctx context.Context, token *string) (int, *string, error)) (elements, pages int) {
		t.Helper()
		var token *string
		for {
			n, next, err := read(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			elements, pages = elements+n, pages+1
			if token = next; token == nil {
				return elements, pages
			}
		}
	}
	for _, tc := range []struct {
		name            string
		read            func(ctx context.Context, token *string) (int, *string, error)
		elements, pages int
	}{
		{"tasks", func(ctx context.Context, token *string) (int, *string, error) {
			out, err := client.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("shop"), NextToken: token})
			return len(out.TaskArns), out.NextToken, err
		}, 236, 3},
		{"services", func(ctx context.Context, token *string) (int, *string, error) {
			out, err := client.ListServices(ctx, &ecs.ListServicesInput{Cluster: aws.String("shop"), NextToken: token})
			return len(out.ServiceArns), out.NextToken, err
		}, 233, 24},
		{"clusters", func(ctx context.Context, token *string) (int, *string, error) {
			out, err := client.ListClusters(ctx, &ecs.ListClustersInput{MaxResults: aws.Int32(1), NextToken: token})
			return len(out.ClusterArns), out.NextToken, err
		}, 5, 5},
		{"container instances", func(ctx context.Context, token *string) (int, *string, error) {
			out, err := client.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: aws.String("shop"), MaxResults: aws.Int32(2), NextToken: token})
			return len(out.ContainerInstanceArns), out.NextToken, err
		}, 3, 2},
		{"settings", func(ctx context.Context, token *string) (int, *string, error) {
			out, err := client.ListAccountSettings(ctx, &ecs.ListAccountSettingsInput{EffectiveSettings: true, MaxResults: 4, NextToken: token})
			return len(out.Settings), out.NextToken, err
		}, 6, 2},
	} {
		if elements, pages := count(tc.read); elements != tc.elements || pages != tc.pages {
			t.Errorf("%s: %d in %d pages, want %d in %d", tc.name, elements, pages, tc.elements, tc.pages)
		}
	}
	// A token is valid only for the listing that returned it.
	first, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("shop")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("shop"), Family: aws.String("orders"), NextToken: first.NextToken})
	if code := errorCode(t, err); code != "InvalidParameterException" {
		t.Errorf("error is %v", err)
	}
	// A page starts after the last one even if its last task is gone.
	s.Update(func(w *simulator.World) { w.Accounts[0].Cluster(region, "shop").Tasks = shop.Tasks[:1] })
	if _, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("shop"), NextToken: first.NextToken}); err != nil {
		t.Error(err)
	}
}

// TestECSThrottled is a throttled call: AWS's status is 400.
func TestECSThrottled(t *testing.T) {
	t.Parallel()
	_, url := serve(t, ecsWorld(), simulator.Options{Intercept: func(_ simulator.Call, w http.ResponseWriter, _ *http.Request) bool {
		awswire.ECSJSON{}.WriteError(w, &awswire.APIError{Status: http.StatusBadRequest, Code: "ThrottlingException", Message: "Rate exceeded"}, "")
		return true
	}})
	_, err := ecsClient(url, administrator).ListClusters(t.Context(), &ecs.ListClustersInput{})
	if code := errorCode(t, err); code != "ThrottlingException" || !strings.Contains(err.Error(), "StatusCode: 400") {
		t.Errorf("error is %v", err)
	}
}
