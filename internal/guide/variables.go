package guide

import (
	"regexp"
	"slices"
	"strings"
)

// Place is where a cluster is, and the task definition of an issue.
type Place struct{ AccountID, Region, Cluster, TaskDefinition string }

// Variables returns a command for bash that sets the variables that the commands of
// the entry use, "" if it has none. Those that are not known, such as the name of a
// service, have to be set before: the command fails otherwise.
func (e Entry) Variables(p Place) string {
	if !slices.ContainsFunc(e.Fix, func(s Step) bool { return s.Commands != "" }) {
		return ""
	}
	known := map[string]string{"ACCOUNT": p.AccountID, "CLUSTER": p.Cluster, "TASK_DEFINITION": p.TaskDefinition}
	var out strings.Builder
	out.WriteString("export AWS_DEFAULT_REGION=" + quote(p.Region))
	for _, name := range e.variables {
		if value := known[name]; value != "" {
			out.WriteString(" " + name + "=" + quote(value))
		} else {
			out.WriteString(" " + name + `="${` + name + ":?set " + name + ` first}"`)
		}
	}
	return out.String()
}

// variablesOf returns the names of the variables that commands use and do not set.
func variablesOf(steps []Step) []string {
	var commands strings.Builder
	for _, s := range steps {
		commands.WriteString(s.Commands + "\n")
	}
	names := []string{"AWS_DEFAULT_REGION"}
	for _, m := range regexp.MustCompile(`\$\{?([A-Z][A-Z_]*)`).FindAllStringSubmatch(commands.String(), -1) {
		isSet := regexp.MustCompile(`(?m)^\s*` + m[1] + `=`)
		if !slices.Contains(names, m[1]) && !isSet.MatchString(commands.String()) {
			names = append(names, m[1])
		}
	}
	return names[1:]
}

// quote quotes a word for bash, if it has to be.
func quote(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-./:@", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
