package simulator_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// Every partition has its own Regions, ARNs and credentials.
func TestPartitions(t *testing.T) {
	for _, tc := range []struct {
		partition, region string
		regions           []string
	}{
		{"aws-cn", "cn-northwest-1", []string{"cn-north-1", "cn-northwest-1"}},
		{"aws-us-gov", "us-gov-west-1", []string{"us-gov-east-1", "us-gov-west-1"}},
		{"aws-iso-b", "us-isob-west-1", []string{"us-isob-east-1", "us-isob-west-1"}},
		{"aws-eusc", "eusc-de-east-1", []string{"eusc-de-east-1"}},
	} {
		t.Run(tc.partition, func(t *testing.T) {
			_, url := serve(t, &simulator.World{Partition: tc.partition, Accounts: []*simulator.Account{{
				ID: administrator, Keys: keysOf(administrator),
				Detectors: []*simulator.Detector{{Region: tc.region, ID: detectorID}},
				Clusters:  []*simulator.Cluster{{Region: tc.region, Name: "alpha"}},
				Roles:     []*simulator.Role{{Name: "coverage"}},
			}}}, simulator.Options{})
			config := awsConfig(url, administrator)
			config.Region = tc.region
			out, err := account.NewFromConfig(config).ListRegions(t.Context(), &account.ListRegionsInput{})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, r := range out.Regions {
				names = append(names, *r.RegionName)
			}
			if !slices.Equal(names, tc.regions) {
				t.Errorf("Regions are %v, want %v", names, tc.regions)
			}
			rows, err := guardduty.NewFromConfig(config).ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(detectorID)})
			if err != nil {
				t.Fatal(err)
			}
			want := "arn:" + tc.partition + ":ecs:" + tc.region + ":" + administrator + ":cluster/alpha"
			if got := *rows.Resources[0].ResourceId; got != want {
				t.Errorf("resource is %s, want %s", got, want)
			}
			assumed, err := sts.NewFromConfig(config).AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: aws.String("arn:" + tc.partition + ":iam::" + administrator + ":role/coverage"), RoleSessionName: aws.String("test"),
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := *assumed.AssumedRoleUser.Arn; !strings.HasPrefix(got, "arn:"+tc.partition+":sts::") {
				t.Errorf("assumed role is %s", got)
			}
			// The key is unknown in other partitions.
			if got := (rawCall{method: http.MethodGet, path: "/detector"}).do(t, url); got.status != http.StatusForbidden ||
				got.header.Get("X-Amzn-ErrorType") != "UnrecognizedClientException" {
				t.Errorf("in us-east-1: %d %s", got.status, got.body)
			}
		})
	}
}

func TestAssumeRoleOfAnotherPartition(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	for _, partition := range []string{"aws-cn", "aws-us-gov", "none"} {
		_, err := sts.NewFromConfig(awsConfig(url, administrator)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:" + partition + ":iam::" + memberID + ":role/plain"), RoleSessionName: aws.String("test"),
		})
		if err == nil || errorCode(t, err) != "ValidationError" || !strings.Contains(err.Error(), "partition") {
			t.Errorf("%s: %v", partition, err)
		}
	}
}
