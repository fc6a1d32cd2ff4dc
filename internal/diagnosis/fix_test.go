package diagnosis

import (
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words returns the words that bash passes to the AWS CLI in a command. What a
// nested command reads is a fixed answer.
func words(t *testing.T, command string) []string {
	t.Helper()
	script := `set -eu
aws() {
  case "$1 $2" in
    "guardduty list-detectors") echo DETECTOR ;;
    "ecs describe-task-definition") echo arn:aws:iam::111122223333:role/path/EXECUTION ;;
    *) printf '%s\0' "$@" ;;
  esac
}
` + command
	out, err := exec.CommandContext(t.Context(), "bash", "--norc", "-c", script).Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func onService(cause Cause) Finding {
	return Finding{Level: LevelTaskDefinition, Subject: "orders:42", Service: "orders", Cause: cause}
}

// commandsOf returns the words of each command of a fix.
func commandsOf(t *testing.T, fix Fix) [][]string {
	t.Helper()
	var commands [][]string
	for _, command := range fix.Commands {
		commands = append(commands, words(t, command))
	}
	return commands
}

func TestCommandsOfFixes(t *testing.T) {
	c := Cluster{AccountID: "111122223333", Region: "cn-north-1", Name: "shop"}
	update := []string{"ecs", "update-service", "--force-new-deployment", "--region", "cn-north-1", "--cluster", "shop", "--service", "orders"}
	wait := []string{"ecs", "wait", "services-stable", "--region", "cn-north-1", "--cluster", "shop", "--services", "orders"}
	replaced := [][]string{update, wait}
	enable := [][]string{{
		"guardduty", "update-detector", "--detector-id", "DETECTOR", "--region", "cn-north-1", "--features",
		`[{"Name":"RUNTIME_MONITORING","Status":"ENABLED","AdditionalConfiguration":[{"Name":"ECS_FARGATE_AGENT_MANAGEMENT","Status":"ENABLED"}]}]`,
	}}
	want := map[Cause][][]string{
		RuntimeMonitoringOff: enable,
		AgentManagementOff:   enable,
		ClusterExcluded: {{
			"ecs", "tag-resource", "--region", "cn-north-1", "--resource-arn", "arn:aws-cn:ecs:cn-north-1:111122223333:cluster/shop",
			"--tags", "key=GuardDutyManaged,value=true",
		}},
		PlatformVersion: {slices.Concat(update, []string{"--platform-version", "LATEST"}), wait},
		ImagePullDenied: {{
			"iam", "attach-role-policy", "--role-name", "EXECUTION",
			"--policy-arn", "arn:aws-cn:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
		}, update, wait},
		ImagePullUnreachable: replaced, AgentExited: replaced, ClusterWasExcluded: replaced,
		TaskTooOld: replaced, DeploymentTooOld: replaced, UnknownReason: replaced,
	}
	for _, info := range Causes() {
		if diff := cmp.Diff(want[info.Cause], commandsOf(t, FixOf(c, onService(info.Cause)))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", info.Cause, diff)
		}
	}
}

func TestTextsOfFixes(t *testing.T) {
	c := shop().Cluster
	tag := "aws ecs tag-resource --region eu-central-1 --resource-arn arn:aws:ecs:eu-central-1:111122223333:cluster/shop --tags key=GuardDutyManaged,value="
	texts := map[string]Cause{}
	for _, info := range Causes() {
		fix := FixOf(c, onService(info.Cause))
		if other, ok := texts[fix.Text]; ok && info.Cause != ECSAnywhere && info.Cause != CPUArchitecture && info.Cause != UnsupportedInvoker &&
			info.Cause != TaskTooOld && info.Cause != DeploymentTooOld {
			t.Errorf("%s and %s have the same text", info.Cause, other)
		}
		texts[fix.Text] = info.Cause
		unsupported := slices.Contains([]Cause{ManagedInstances, ECSAnywhere, Windows, CPUArchitecture, UnsupportedInvoker}, info.Cause)
		if strings.HasPrefix(fix.Text, "There is no fix") != unsupported || unsupported && (fix.Commands != nil || fix.ReplacesTasks) {
			t.Errorf("%s: %+v", info.Cause, fix)
		}
		forced := slices.ContainsFunc(fix.Commands, func(s string) bool { return strings.Contains(s, "--force-new-deployment") })
		if forced && !fix.ReplacesTasks || !strings.HasSuffix(strings.TrimRight(fix.Text, "abcdefghijklmnopqrstuvwxyz"), ".") && !strings.Contains(fix.Text, tag) {
			t.Errorf("%s: %+v", info.Cause, fix)
		}
	}
	for cause, want := range map[Cause]string{
		Windows: tag + "false", CPUArchitecture: tag + "false", UnsupportedInvoker: tag + "false", AgentManagementOff: tag + "true",
		OldTaskARN: "Recreate the service", TaskSetTooOld: "CodeDeploy", Denied: "iam-policy --for=ecs", NoExecutionRole: "executionRoleArn",
	} {
		if fix := FixOf(c, onService(cause)); !strings.Contains(fix.Text, want) {
			t.Errorf("%s: %+v", cause, fix)
		}
	}
}

func TestFixesThatReplaceTasks(t *testing.T) {
	want := []Cause{
		PlatformVersion, OldTaskARN, NoExecutionRole, ImagePullDenied, ImagePullUnreachable, AgentOutOfMemory, AgentExited,
		ClusterWasExcluded, TaskTooOld, DeploymentTooOld, TaskSetTooOld, NoNetworkConfiguration, UnknownReason,
	}
	var got []Cause
	for _, info := range Causes() {
		if FixOf(shop().Cluster, onService(info.Cause)).ReplacesTasks {
			got = append(got, info.Cause)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFixOfWhatAPolicyManages(t *testing.T) {
	for _, cause := range []Cause{RuntimeMonitoringOff, AgentManagementOff} {
		f := onService(cause)
		f.ByPolicy = true
		if fix := FixOf(shop().Cluster, f); fix.Commands != nil || !strings.Contains(fix.Text, "Organizations policy") {
			t.Errorf("%s: %+v", cause, fix)
		}
	}
}

// TestFixOfAMember: a member cannot enable the feature; its administrator can.
func TestFixOfAMember(t *testing.T) {
	c := Cluster{AccountID: "222233334444", Region: "eu-central-1", Name: "shop"}
	want := [][]string{{
		"guardduty", "update-member-detectors", "--detector-id", "DETECTOR", "--region", "eu-central-1", "--account-ids", "222233334444", "--features",
		`[{"Name":"RUNTIME_MONITORING","Status":"ENABLED","AdditionalConfiguration":[{"Name":"ECS_FARGATE_AGENT_MANAGEMENT","Status":"ENABLED"}]}]`,
	}}
	for _, cause := range []Cause{RuntimeMonitoringOff, AgentManagementOff} {
		f := onService(cause)
		f.Administrator = "111122223333"
		fix := FixOf(c, f)
		if diff := cmp.Diff(want, commandsOf(t, fix)); diff != "" || !strings.Contains(fix.Text, "credentials of its administrator, 111122223333.") {
			t.Errorf("%s: %s: -want +got:\n%s", cause, fix.Text, diff)
		}
	}
}

func TestFixOfStandaloneTasks(t *testing.T) {
	for _, info := range Causes() {
		for _, service := range []string{"", "family:orders"} {
			f := onService(info.Cause)
			f.Service = service
			for _, command := range FixOf(shop().Cluster, f).Commands {
				if strings.Contains(command, "-service") && !strings.Contains(command, "service-role") {
					t.Errorf("%s of %q: %s", info.Cause, service, command)
				}
			}
		}
	}
	old := onService(OldTaskARN)
	old.Service = "family:orders"
	if fix := FixOf(shop().Cluster, old); !strings.Contains(fix.Text, "Start the task again") || !fix.ReplacesTasks {
		t.Errorf("%+v", fix)
	}
	pull := Finding{Level: LevelService, Subject: "orders", Service: "orders", Cause: ImagePullDenied}
	if fix := FixOf(shop().Cluster, pull); len(fix.Commands) != 2 {
		t.Errorf("the task definition is not known: %+v", fix)
	}
}

// TestFixesQuoteEveryName has bash take commands with random names apart.
func TestFixesQuoteEveryName(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	name := func() string {
		const characters = `aZ9-_.:/=~*?[]{}()<>|&;!#$%^"'\` + "` \t\n\rä€"
		runes := []rune(characters)
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		return b.String()
	}
	for range 40 {
		c := Cluster{AccountID: "111122223333", Region: name(), Name: name()}
		f := onService(PlatformVersion)
		f.Service = name()
		if strings.HasPrefix(f.Service, standalone) {
			continue
		}
		for i, command := range FixOf(c, f).Commands {
			got := strings.Join(words(t, command), "\x00") + "\x00"
			for option, value := range map[string]string{
				"--region": c.Region, "--cluster": c.Name, [...]string{"--service", "--services"}[i]: f.Service,
			} {
				separator := "\x00"
				if strings.HasPrefix(value, "-") {
					separator = "="
				}
				if !strings.Contains(got, "\x00"+option+separator+value+"\x00") {
					t.Errorf("%q lacks %s %q:\n%s", got, option, value, command)
				}
			}
		}
	}
	for s, want := range map[string]string{"": "''", "=ls": "'=ls'", "a=b": "a=b", "~": "'~'", "it's": `'it'\''s'`, "-": "-", "a*": "'a*'", "azAZ09": "azAZ09"} {
		if got := quote(s); got != want {
			t.Errorf("quote(%q) = %s, want %s", s, got, want)
		}
	}
}
