package ecs

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnosis"
)

// TestSubnetsOfServices: a service has subnets if it or one of its deployments or
// task sets has.
func TestSubnetsOfServices(t *testing.T) {
	network := func(subnets ...string) *types.NetworkConfiguration {
		return &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: subnets}}
	}
	for name, tc := range map[string]struct {
		service types.Service
		want    diagnosis.Switch
	}{
		"none":          {types.Service{}, diagnosis.Off},
		"without VPC":   {types.Service{NetworkConfiguration: &types.NetworkConfiguration{}}, diagnosis.Off},
		"empty":         {types.Service{NetworkConfiguration: network()}, diagnosis.Off},
		"of itself":     {types.Service{NetworkConfiguration: network("subnet-1")}, diagnosis.On},
		"of deployment": {types.Service{NetworkConfiguration: network(), Deployments: []types.Deployment{{NetworkConfiguration: network("subnet-1")}}}, diagnosis.On},
		"of task set":   {types.Service{TaskSets: []types.TaskSet{{NetworkConfiguration: network("subnet-1")}, {}}}, diagnosis.On},
	} {
		if got := (interner{}).service(&tc.service).Subnets; got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestNextRound(t *testing.T) {
	start := time.Unix(0, 0)
	for random, want := range map[float64]time.Duration{0: time.Hour, 0.5: 57 * time.Minute, 1: 54 * time.Minute} {
		if got := nextRound(start, time.Hour, random).Sub(start); got != want {
			t.Errorf("nextRound(%v) is %s after the start, want %s", random, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	if name := strings.Repeat("a", 255); !isName(name) || isName(name+"a") || isName("") {
		t.Error("names have 1 to 255 characters")
	}
}
