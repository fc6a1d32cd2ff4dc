package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
)

// documents returns the files that show commands and addresses, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{
		"*.md", "docs/*.md", "config.example.yaml", "deploy/*/*.y*ml", "deploy/stack/run",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no file %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	return texts
}

// flagNames returns the names of all flags of all commands.
func flagNames(c *commandLine) []string {
	model := c.app.Model()
	var names []string
	for _, f := range model.Flags {
		names = append(names, f.Name)
	}
	for _, command := range model.Commands {
		for _, f := range command.Flags {
			names = append(names, f.Name)
		}
	}
	return names
}

// foreignFlags returns the flags of other programs in the documents that may be
// mistaken for flags of the exporter.
func foreignFlags() []string {
	return []string{
		"account-ids", "disable-session-tags", "endpoint-url", "external-id", "features", "force-new-deployment", // aws
		"only-associated", "platform-version",
		"alertmanager.url", "cluster.listen-address", "storage.path", "storage.tsdb.path", "storage.tsdb.retention.time",
		"web.external-url",
	}
}

var (
	// dottedFlag matches flags with a dot in the name.
	dottedFlag = regexp.MustCompile(`--([a-z0-9-]+(?:\.[a-z0-9-]+)+)`)
	// codeFlag matches a flag that is a code span by itself.
	codeFlag = regexp.MustCompile("`--([a-z][a-z0-9.-]*)[^`]*`")
	// invocation matches the arguments of the exporter in a code block or code span.
	invocation = regexp.MustCompile("(?m)(?:^|^\\$ |^[A-Z_]+=\\S+ |`|\\./)(?:go run \\.|guardduty_coverage_exporter)((?: +[^ `|#&;\n]+)*) *(?:$|[`|#&;])")
)

// wrongFlags returns the flags in a text that the exporter does not have.
func wrongFlags(text string, known []string) []string {
	var wrong []string
	for _, m := range slices.Concat(dottedFlag.FindAllStringSubmatch(text, -1), codeFlag.FindAllStringSubmatch(text, -1)) {
		if !slices.Contains(known, m[1]) && !slices.Contains(foreignFlags(), m[1]) {
			wrong = append(wrong, m[1])
		}
	}
	return wrong
}

// wrongCommands returns the exporter's command lines in a text that it does not
// accept.
func wrongCommands(text string) []string {
	var wrong []string
	for _, m := range invocation.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
		c := newCommandLine(streams{strings.NewReader(""), io.Discard, io.Discard})
		args := strings.Fields(m[1])
		if i := slices.IndexFunc(args, func(arg string) bool { return strings.ContainsAny(arg, "|>") }); i >= 0 {
			args = args[:i] // for the shell
		}
		if parsed, err := c.app.ParseContext(args); err != nil || checkValues(parsed) != nil || strings.Join(args, " ") == "check-config" {
			wrong = append(wrong, strings.TrimSpace(m[0]))
		}
	}
	return wrong
}

func TestDocumentsShowFlagsThatExist(t *testing.T) {
	known := flagNames(newCommandLine(streams{strings.NewReader(""), io.Discard, io.Discard}))
	commands := 0
	for file, text := range documents(t) {
		if file == "CHANGELOG.md" { // may name flags that were removed
			continue
		}
		for _, flag := range wrongFlags(text, known) {
			t.Errorf("%s: the exporter has no flag --%s", file, flag)
		}
		if filepath.Ext(file) != ".md" {
			continue
		}
		for _, command := range wrongCommands(text) {
			t.Errorf("%s: the exporter does not accept %s", file, command)
		}
		commands += len(invocation.FindAllString(text, -1))
	}
	if commands < 10 {
		t.Errorf("the documents show %d commands, want at least 10", commands)
	}
}

func TestWrongFlags(t *testing.T) {
	known := []string{"web.listen-address", "for", "log.format"}
	for text, want := range map[string]int{
		"--web.listen-address=:1 and `--for`":    0,
		"`--for=exporter` or --log.format":       0,
		"--web.external-url, aws --query x":      0,
		"--web.listen-adress":                    1,
		"with `--form` and --web.telemetry-path": 2,
	} {
		if got := wrongFlags(text, known); len(got) != want {
			t.Errorf("%q: got %q, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{
		"go run . demo     # on a simulated AWS\n":                                   0,
		"`guardduty_coverage_exporter iam-policy` prints":                            0,
		"$ guardduty_coverage_exporter iam-policy --for=a --explain |\n":             0,
		"./guardduty_coverage_exporter check-config a.yaml --clusters 5\n":           0,
		"./guardduty_coverage_exporter check-config a.yaml \\\n  --clusters -5\n":    1,
		"`guardduty_coverage_exporter demo --config.file=a`":                         1,
		"guardduty_coverage_exporter iam-policies\n":                                 1,
		"AWS_REGION=a go run . --web.listen-addresses=:1\n":                          1,
		"Prometheus scrapes guardduty_coverage_exporter every minute, as configured": 0,
	} {
		if got := wrongCommands(text); len(got) != want {
			t.Errorf("%q: got %q, want %d", text, got, want)
		}
	}
}

var (
	// localPort matches a port on this machine, or one like the exporter's.
	localPort = regexp.MustCompile(`(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|address=):(\d{2,5})\b|\b(1087\d)\b`)
	// listenPort matches the port in a listen address of the exporter or simulator.
	listenPort = regexp.MustCompile(`--(?:web|simulator)\.listen-address=\S*:(\d+)|_PORT:=(\d+)`)
)

// otherPorts are the ports of other programs in the documents.
func otherPorts() []string { return []string{"3000", "4566", "9090", "9093"} }

// wrongPorts returns the local ports in a text that nothing listens on: not the
// exporter by default, not a listen address in the texts, and no other program.
func wrongPorts(text, listening, standard string) []string {
	ports := append(otherPorts(), standard)
	for _, m := range listenPort.FindAllStringSubmatch(listening, -1) {
		ports = append(ports, m[1]+m[2])
	}
	var wrong []string
	for _, m := range localPort.FindAllStringSubmatch(text, -1) {
		if port := m[1] + m[2]; !slices.Contains(ports, port) {
			wrong = append(wrong, port)
		}
	}
	return wrong
}

func TestDocumentsShowPortsThatAreListenedOn(t *testing.T) {
	model := newCommandLine(streams{strings.NewReader(""), io.Discard, io.Discard}).app.Model()
	i := slices.IndexFunc(model.Flags, func(f *kingpin.FlagModel) bool { return f.Name == "web.listen-address" })
	_, standard, err := net.SplitHostPort(model.Flags[i].Default[0])
	if err != nil {
		t.Fatal(err)
	}
	texts := documents(t)
	for file, text := range texts {
		listening := text
		if file == filepath.Join("docs", "stack.md") {
			listening += texts[filepath.Join("deploy", "stack", "run")]
		}
		for _, port := range wrongPorts(text, listening, standard) {
			t.Errorf("%s: nothing listens on port %s", file, port)
		}
	}
}

func TestWrongPorts(t *testing.T) {
	for text, want := range map[string]int{
		"curl localhost:10871/metrics; http://127.0.0.1:9090": 0,
		"curl localhost:10872/metrics":                        1,
		"the port 10873":                                      1,
		"curl [::1]:80":                                       1,
		"demo --simulator.listen-address=127.0.0.1:10872\nAWS_ENDPOINT_URL=http://127.0.0.1:10872": 0,
		"account 111122223333:10872345, us-east-1:1234":                                            0,
	} {
		if got := wrongPorts(text, text, "10871"); len(got) != want {
			t.Errorf("%q: got %q, want %d", text, got, want)
		}
	}
}
