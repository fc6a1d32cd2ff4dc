package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// buildExporter builds the program once, in the directory of the environment's
// files, which is deleted at the end.
var buildExporter = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(filepath.Dir(os.Getenv("AWS_CONFIG_FILE")), "exporter")
	out, err := exec.Command("go", "build", "-o", path, "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	return path, nil
})

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// child sends signals to an exporter that runs as a process.
type child struct{ hangUp, terminate func() }

// startProcess starts the exporter as a process with a configuration file.
// h.stop terminates it.
func (h *harness) startProcess(file string) child {
	h.Helper()
	path, err := buildExporter()
	h.check(err)
	cmd := exec.CommandContext(h.Context(), path, "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+h.server.URL, "AWS_REGION="+healthyRegion,
		"AWS_ACCESS_KEY_ID="+homeKeyID, "AWS_SECRET_ACCESS_KEY="+homeSecret)
	logged := len(h.log.String())
	cmd.Stdout, cmd.Stderr = h.log.recorded, h.log.recorded
	h.check(cmd.Start())
	c := child{hangUp: func() { h.check(cmd.Process.Signal(syscall.SIGHUP)) }}
	c.terminate = sync.OnceFunc(func() { h.check(cmd.Process.Signal(syscall.SIGTERM)) }) // a second one would end it at once
	h.stop = sync.OnceValue(func() error {
		c.terminate()
		return cmd.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		if found := listening.FindStringSubmatch(h.log.String()[logged:]); found != nil {
			h.url = "http://" + found[1]
			return c
		}
		if time.Now().After(deadline) {
			h.Fatalf("the process does not listen\n%s", h.log.tail())
		}
		h.wait(20 * time.Millisecond)
	}
}
