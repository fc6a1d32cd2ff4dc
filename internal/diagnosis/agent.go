package diagnosis

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// agentContainer returns the container that GuardDuty added to a task, nil if
// there is none. The ECS developer guide calls it aws-gd-agent, and accounts have
// shown aws-guardduty-agent- with a random suffix (read November 2026). Users may
// choose such a name too, so the image has to be GuardDuty's.
func agentContainer(t *Task) *Container {
	var agent *Container
	for i := range t.Containers {
		c := &t.Containers[i]
		if !isAgent(c) {
			continue
		}
		if agent == nil || cmp.Or(cmp.Compare(statusRank(c), statusRank(agent)), cmp.Compare(agent.Name, c.Name)) > 0 {
			agent = c
		}
	}
	return agent
}

// statusRank orders containers of the agent: one that runs is what counts.
func statusRank(c *Container) int {
	switch c.LastStatus {
	case running:
		return 2
	case stopped:
		return 1
	}
	return 0
}

func isAgent(c *Container) bool {
	if c.Name != "aws-gd-agent" && !strings.HasPrefix(c.Name, "aws-guardduty-agent") {
		return false
	}
	repository, _ := splitImage(c.Image)
	return strings.HasSuffix(repository, "/aws-guardduty-agent-fargate")
}

// splitImage splits an image into its repository and its tag, without a digest.
func splitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndexByte(image, '/')
	if colon := strings.LastIndexByte(image, ':'); colon > slash {
		return image[:colon], image[colon+1:]
	}
	return image, ""
}

// agentVersion returns the version in an image's tag, such as v1.17.1-Fg_arm64.
func agentVersion(c *Container) (version, bool) {
	_, tag := splitImage(c.Image)
	tag, _, _ = strings.Cut(tag, "-")
	return parseVersion(strings.TrimPrefix(tag, "v"))
}

var (
	// pullDenied and pullUnreachable match what Amazon ECR, S3 and the network say
	// when an image cannot be pulled.
	pullDenied      = regexp.MustCompile(`(?i)\b403\b|access ?denied|not authorized|unauthorized|forbidden`)
	pullUnreachable = regexp.MustCompile(`(?i)time(d )?out|no such host|deadline exceeded|context deadline|network is unreachable|no route to host|connection refused|connection reset|request canceled while waiting`)
)

// examineStoppedAgent looks for why the agent's container of a task stopped.
func (x *examination) examineStoppedAgent(t *examined) {
	reason := t.container.Reason
	if strings.Contains(strings.ToLower(reason), "cannotpull") {
		x.examinePull(t)
		return
	}
	outOfMemory := strings.Contains(strings.ToLower(reason), "outofmemory")
	if !t.running && !outOfMemory {
		return // the task's end stopped the agent
	}
	memory := ""
	if t.Memory > 0 {
		memory = fmt.Sprintf(" The task has %d MiB of memory.", t.Memory)
	}
	switch code := t.container.ExitCode; {
	case outOfMemory:
		x.addTask(t, Finding{
			Cause: AgentOutOfMemory, Certainty: Proof,
			Evidence: "The agent's container has stopped with the reason OutOfMemoryError." + memory,
		})
	case code != nil && *code == 137:
		x.addTask(t, Finding{
			Cause: AgentOutOfMemory, Certainty: Strong,
			Evidence: "The agent's container was killed (exit code 137), most often because it ran out of memory." + memory,
		})
	default:
		x.addTask(t, Finding{
			Cause: AgentExited, Certainty: Proof,
			Evidence: "The agent's container has stopped" + ending(t.container) + ", and the task continues to run without it.",
		})
	}
}

// ending returns how a container ended.
func ending(c *Container) string {
	var s string
	if c.ExitCode != nil {
		s = fmt.Sprintf(" with exit code %d", *c.ExitCode)
	}
	// What follows the first words differs from task to task.
	if kind, _, _ := strings.Cut(c.Reason, ":"); kind != "" {
		s += fmt.Sprintf(" (%s)", coverage.Sanitize(kind))
	}
	return s
}

// examinePull looks for why the agent's image could not be pulled. The reason
// names the image's tag and other details that differ from task to task.
func (x *examination) examinePull(t *examined) {
	f := Finding{Level: LevelTaskDefinition, Subject: t.definition}
	found := "ECS could not pull the image of the agent (CannotPullContainerError): "
	switch reason := t.container.Reason; {
	case pullDenied.MatchString(reason):
		f.Cause, f.Certainty, f.Evidence = ImagePullDenied, Strong, found+"access was denied."
		x.addTask(t, f)
	case pullUnreachable.MatchString(reason):
		f.Cause, f.Certainty, f.Evidence = ImagePullUnreachable, Strong, found+"Amazon ECR or S3 could not be reached."
		f.Evidence += x.pathOf(t).withoutDNS()
		x.addTask(t, f)
	default:
		f.Certainty, f.Evidence = Hint, found+"the reason says neither that access was denied nor that Amazon ECR could not be reached."
		f.Cause = ImagePullDenied
		x.addTask(t, f)
		f.Cause = ImagePullUnreachable
		x.addTask(t, f)
	}
}
