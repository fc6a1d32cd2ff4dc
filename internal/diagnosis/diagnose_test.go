package diagnosis

import (
	"testing"
	"time"
)

func TestCoveredClusterHasNoFindings(t *testing.T) {
	e := Evidence{ReadAt: time.Unix(1795000000, 0), Tags: map[string]string{}, Tasks: []Task{{
		Group: "service:orders", LaunchType: "FARGATE", PlatformVersion: "1.4.0", LastStatus: "RUNNING",
		Containers: []Container{{
			Name: "aws-guardduty-agent-mfjGLB", LastStatus: "RUNNING",
			Image: "323658145986.dkr.ecr.eu-central-1.amazonaws.com/aws-guardduty-agent-fargate:v1.17.1-Fg_arm64",
		}},
	}}}
	e.Row = row("HEALTHY")
	if d := Diagnose(e); len(d.Findings) != 0 || d.Services[0].Tasks[AgentRunning] != 1 || !d.Healthy || !d.Listed || !d.TasksRead {
		t.Errorf("%+v", d)
	}
}
