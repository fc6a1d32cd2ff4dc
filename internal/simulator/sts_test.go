package simulator_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

func roleARN(name string) string { return "arn:aws:iam::" + memberID + ":role/" + name }

// assumed returns the administrator's configuration with the credentials of a
// role of the member.
func assumed(url, role, externalID string) aws.Config {
	config := awsConfig(url, administrator)
	config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(config), roleARN(role),
		func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "test-session"
			if externalID != "" {
				o.ExternalID = &externalID
			}
		}))
	return config
}

func TestAssumedRoleIsOfItsAccount(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	config := assumed(url, "service/coverage", "open-sesame")
	out, err := guardduty.NewFromConfig(config).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.DetectorIds) != 1 || out.DetectorIds[0] != otherDetector {
		t.Errorf("detectors are %v, want the member's", out.DetectorIds)
	}
	me, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(me.Arn), "arn:aws:sts::"+memberID+":assumed-role/coverage/test-session"; got != want {
		t.Errorf("caller is %s, want %s", got, want)
	}
	if aws.ToString(me.Account) != memberID || !strings.HasPrefix(aws.ToString(me.UserId), "AROA") {
		t.Errorf("identity is %+v", me)
	}
	calls := s.Calls()
	if last := calls[len(calls)-1]; last.Role != "service/coverage" || last.AccountID != memberID {
		t.Errorf("recorded %+v", last)
	}
}

func TestCallerIdentityOfLongTermKey(t *testing.T) {
	_, url := serve(t, smallWorld(), simulator.Options{})
	me, err := sts.NewFromConfig(awsConfig(url, outsider)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(me.Arn), "arn:aws:iam::"+outsider+":user/simulator"; got != want {
		t.Errorf("caller is %s, want %s", got, want)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	good := sts.AssumeRoleInput{
		RoleArn: aws.String(roleARN("service/coverage")), RoleSessionName: aws.String("me"), ExternalId: aws.String("open-sesame"),
	}
	for _, tc := range []struct {
		name   string
		change func(*sts.AssumeRoleInput)
		want   string
	}{
		{"accepted", func(*sts.AssumeRoleInput) {}, ""},
		{"no external ID", func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, "AccessDenied"},
		{"wrong external ID", func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("open-barley") }, "AccessDenied"},
		{"unneeded external ID", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleARN("plain")) }, ""},
		{"role without its path", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleARN("coverage")) }, "AccessDenied"},
		{"broken role", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(roleARN("broken")) }, "AccessDenied"},
		{
			"account that does not exist",
			func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/plain") },
			"AccessDenied",
		},
		{"not an ARN", func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("role/service/coverage/and/more") }, "ValidationError"},
		{"name with a space", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("my session") }, "ValidationError"},
		{"name of one letter", func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") }, "ValidationError"},
		{"too short", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }, "ValidationError"},
		{"too long", func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) }, "ValidationError"},
		{"unknown parameter", func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{}") }, "ValidationError"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, url := serve(t, smallWorld(), simulator.Options{})
			in := good
			tc.change(&in)
			_, err := sts.NewFromConfig(awsConfig(url, administrator)).AssumeRole(t.Context(), &in)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if code := errorCode(t, err); code != tc.want {
				t.Errorf("error is %v, want %s", err, tc.want)
			}
		})
	}
}

func TestIssuedCredentials(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	var offset atomic.Int64
	_, url := serve(t, smallWorld(), simulator.Options{Now: func() time.Time { return now.Add(time.Duration(offset.Load())) }})
	client := sts.NewFromConfig(awsConfig(url, administrator))
	assume := func(role string, seconds *int32) *sts.AssumeRoleOutput {
		t.Helper()
		out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: aws.String(roleARN(role)), RoleSessionName: aws.String("me"), DurationSeconds: seconds,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, tc := range []struct {
		role    string
		seconds *int32
		want    time.Duration
	}{{"plain", nil, time.Hour}, {"plain", aws.Int32(900), 15 * time.Minute}, {"brief", nil, time.Second}} {
		if got := assume(tc.role, tc.seconds).Credentials.Expiration.Sub(now); got != tc.want {
			t.Errorf("credentials of %s live %s, want %s", tc.role, got, tc.want)
		}
	}

	one, two := assume("brief", nil).Credentials, assume("plain", nil).Credentials
	if *one.AccessKeyId == *two.AccessKeyId || *one.SecretAccessKey == *two.SecretAccessKey || !strings.HasPrefix(*one.AccessKeyId, "ASIA") {
		t.Errorf("keys are %s and %s", *one.AccessKeyId, *two.AccessKeyId)
	}
	keys := simulator.Keys{AccessKeyID: *one.AccessKeyId, SecretAccessKey: *one.SecretAccessKey}
	call := func(token string) string {
		got := rawCall{method: "GET", path: "/detector", keys: keys, token: token}.do(t, url)
		return got.header.Get("X-Amzn-ErrorType")
	}
	if code := call(*one.SessionToken); code != "" {
		t.Errorf("new credentials: %s", code)
	}
	if code := call(""); code != "UnrecognizedClientException" {
		t.Errorf("without the session token: %q", code)
	}
	if code := call(*two.SessionToken); code != "UnrecognizedClientException" {
		t.Errorf("with the token of another session: %q", code)
	}
	offset.Store(int64(time.Second))
	if code := call(*one.SessionToken); code != "ExpiredTokenException" {
		t.Errorf("expired credentials: %q", code)
	}
	got := rawCall{
		method: "POST", path: "/", service: "sts", keys: keys, token: *one.SessionToken, body: "Action=GetCallerIdentity&Version=2011-06-15",
	}.do(t, url)
	if got.status != 403 || !strings.Contains(got.body, "<Code>ExpiredToken</Code>") {
		t.Errorf("expired credentials at STS: %d %s", got.status, got.body)
	}
}

// Every action can be denied. The error names the action and the resource.
func TestDeniedActions(t *testing.T) {
	detector := aws.String(otherDetector)
	for action, call := range map[string]func(aws.Config) error{
		"guardduty:ListDetectors": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
			return err
		},
		"guardduty:GetDetector": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: detector})
			return err
		},
		"guardduty:ListMembers": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).ListMembers(t.Context(), &guardduty.ListMembersInput{DetectorId: detector})
			return err
		},
		"guardduty:GetMembers": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).GetMembers(t.Context(), &guardduty.GetMembersInput{
				DetectorId: detector, AccountIds: []string{administrator},
			})
			return err
		},
		"guardduty:GetMemberDetectors": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).GetMemberDetectors(t.Context(), &guardduty.GetMemberDetectorsInput{
				DetectorId: detector, AccountIds: []string{administrator},
			})
			return err
		},
		"guardduty:GetCoverageStatistics": func(c aws.Config) error {
			_, err := guardduty.NewFromConfig(c).GetCoverageStatistics(t.Context(), &guardduty.GetCoverageStatisticsInput{
				DetectorId: detector, StatisticsType: types.CoverageStatisticsType("").Values(),
			})
			return err
		},
		"organizations:ListAccounts": func(c aws.Config) error {
			_, err := organizations.NewFromConfig(c).ListAccounts(t.Context(), &organizations.ListAccountsInput{})
			return err
		},
		"account:ListRegions": func(c aws.Config) error {
			_, err := account.NewFromConfig(c).ListRegions(t.Context(), &account.ListRegionsInput{})
			return err
		},
	} {
		t.Run(action, func(t *testing.T) {
			s, url := serve(t, smallWorld(), simulator.Options{})
			s.Update(func(w *simulator.World) {
				w.Organization = &simulator.Organization{ManagementAccount: memberID}
				w.Account(administrator).Detector(region).Members = nil // the role's account is its own administrator
				w.Account(memberID).Role("plain").Deny = nil
			})
			config := assumed(url, "plain", "")
			if err := call(config); err != nil {
				t.Fatalf("before it is denied: %v", err)
			}
			s.Update(func(w *simulator.World) { w.Account(memberID).Role("plain").Deny = []string{action} })
			resource := "*"
			if strings.HasPrefix(action, "guardduty:") {
				resource = "arn:aws:guardduty:us-east-1:222233334444:detector/" + otherDetector
			}
			if action == "guardduty:ListDetectors" {
				resource = "arn:aws:guardduty:us-east-1:222233334444:detector/*"
			}
			err := call(config)
			want := "User: arn:aws:sts::222233334444:assumed-role/plain/test-session is not authorized to perform: " + action +
				" on resource: " + resource + " because no identity-based policy allows the " + action + " action"
			if code := errorCode(t, err); code != "AccessDeniedException" || !strings.Contains(err.Error(), want) {
				t.Errorf("denied with %v", err)
			}
		})
	}
}

func TestDeniedActionAndRemovedRole(t *testing.T) {
	s, url := serve(t, smallWorld(), simulator.Options{})
	client := guardduty.NewFromConfig(assumed(url, "plain", ""))
	if _, err := client.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{}); err != nil {
		t.Errorf("an action that is not denied: %v", err)
	}
	_, err := client.ListCoverage(t.Context(), &guardduty.ListCoverageInput{DetectorId: aws.String(otherDetector)})
	want := "User: arn:aws:sts::222233334444:assumed-role/plain/test-session is not authorized to perform: guardduty:ListCoverage " +
		"on resource: arn:aws:guardduty:us-east-1:222233334444:detector/00000000000000000000000000000001 " +
		"because no identity-based policy allows the guardduty:ListCoverage action"
	if code := errorCode(t, err); code != "AccessDeniedException" || !strings.Contains(err.Error(), want) {
		t.Errorf("denied with %v", err)
	}
	s.Update(func(w *simulator.World) { w.Account(memberID).Roles = nil })
	_, err = client.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
	if code := errorCode(t, err); code != "UnrecognizedClientException" {
		t.Errorf("after the role was removed: %v", err)
	}
}
