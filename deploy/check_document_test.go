package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestCheckDocumentExamples compares the examples of docs/check.md with what they install and run.
func TestCheckDocumentExamples(t *testing.T) {
	document := string(read(t, "../docs/check.md"))
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?\n)```\n").FindAllStringSubmatch(document, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d YAML examples, want a workflow and a CronJob", len(blocks))
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Uses, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(blocks[0][1]), &workflow); err != nil {
		t.Fatal(err)
	}
	installed, checked := false, false
	readme := string(read(t, "../README.md"))
	for _, step := range workflow.Jobs["coverage"].Steps {
		for line := range strings.Lines(step.Run) {
			switch fields := strings.Fields(line); fields[0] {
			case "curl":
				url := fields[len(fields)-1]
				installed = strings.Contains(readme, "\ncurl -LO "+url+"\nsudo dpkg --install "+url[strings.LastIndex(url, "/")+1:]+"\n") &&
					strings.Contains(step.Run, "sudo dpkg --install "+url[strings.LastIndex(url, "/")+1:]+"\n")
			case "guardduty_coverage_exporter":
				checked = installed
			}
		}
	}
	if !checked {
		t.Error("the workflow does not install the package of README.md before it runs check")
	}
	checkCronJob(t, blocks[1][1])
}

// checkCronJob compares the CronJob with the Deployment of exporter.yaml.
func checkCronJob(t *testing.T, text string) {
	t.Helper()
	var job struct {
		Kind string
		Spec struct {
			JobTemplate struct {
				Spec struct{ Template struct{ Spec podSpec } }
			} `yaml:"jobTemplate"`
		}
	}
	if err := yaml.Unmarshal([]byte(text), &job); err != nil {
		t.Fatal(err)
	}
	got, want := job.Spec.JobTemplate.Spec.Template.Spec, readManifests(t).Deployment.Spec.Template.Spec
	check, exporter := got.Containers[0], want.Containers[0]
	if job.Kind != "CronJob" || check.Image != exporter.Image || got.ServiceAccountName != want.ServiceAccountName {
		t.Errorf("%s with the image %s and the service account %s", job.Kind, check.Image, got.ServiceAccountName)
	}
	if check.Args[0] != "check" || check.Args[1] != exporter.Args[0] {
		t.Errorf("arguments %q, want check with %s", check.Args, exporter.Args[0])
	}
	if diff := cmp.Diff(exporter.SecurityContext, check.SecurityContext); diff != "" {
		t.Errorf("the container's security context:\n%s", diff)
	}
	if got.SecurityContext["runAsUser"] != 0 {
		t.Error("the pod does not run as the owner of the directory of the node")
	}
	for _, mount := range exporter.VolumeMounts {
		if !slices.Contains(check.VolumeMounts, mount) {
			t.Errorf("the CronJob does not mount %s at %s", mount.Name, mount.MountPath)
		}
	}
	for _, volume := range want.Volumes {
		if !slices.Contains(got.Volumes, volume) {
			t.Errorf("the CronJob lacks the volume %+v", volume)
		}
	}
}
