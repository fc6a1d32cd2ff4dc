package config

import (
	"fmt"
	"strings"
)

// Summary returns one line that describes the first targets and event queues. It contains no secret. For example:
//
//	config.yaml: 2 targets: organization (role 111122223333; us-east-1, eu-west-1), default (ambient credentials; Region from the environment)
//
// With a queue, it ends with "; 1 queue: coverage-events (role 111122223333; us-east-1)", and with ecs before that with
// "; ecs of 1 target".
func (c *Config) Summary() string {
	targets, queues := make([]string, len(c.Targets)), make([]string, len(c.Events))
	withECS := 0
	for i, t := range c.Targets {
		targets[i] = t.summary()
		if t.ECS != nil {
			withECS++
		}
	}
	for i, q := range c.Events {
		queues[i] = q.summary()
	}
	text := c.name + ": " + enumerate("target", targets)
	if withECS > 0 {
		text += "; ecs of " + count(withECS, "target")
	}
	if len(queues) > 0 {
		text += "; " + enumerate("queue", queues)
	}
	return text
}

// maxSummarized is the number of targets and of queues that a summary describes.
const maxSummarized = 20

func enumerate(noun string, items []string) string {
	shown := items[:min(len(items), maxSummarized)]
	text := count(len(items), noun) + ": " + strings.Join(shown, ", ")
	if rest := len(items) - len(shown); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (t Target) summary() string {
	regions := strings.Join(t.Regions, ", ")
	switch {
	case t.AllRegions():
		regions = "all Regions"
	case len(t.Regions) == 0:
		regions = "Region from the environment"
	}
	return fmt.Sprintf("%s (%s; %s)", t.Name, credentials(t.RoleAccountID()), regions)
}

func (q EventQueue) summary() string {
	return fmt.Sprintf("%s (%s; %s)", q.Name(), credentials(q.RoleAccountID()), q.Region)
}

func credentials(roleAccountID string) string {
	if roleAccountID == "" {
		return "ambient credentials"
	}
	return "role " + roleAccountID
}
