package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stackPorts returns the variables with the ports of deploy/stack/run, and the
// readiness path of each server.
func stackPorts() []struct{ variable, ready string } {
	return []struct{ variable, ready string }{
		{"EXPORTER_PORT", "/-/ready"},
		{"SIMULATOR_PORT", ""},
		{"PROMETHEUS_PORT", "/-/ready"},
		{"ALERTMANAGER_PORT", "/-/ready"},
	}
}

// stackScript is deploy/stack/run with unused ports, not started yet.
type stackScript struct {
	cmd       *exec.Cmd
	output    strings.Builder // complete after the command has exited
	addresses []string        // in the order of stackPorts
	temp      string          // TMPDIR
}

func newStackScript(t *testing.T) *stackScript {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the exporter and starts two servers")
	}
	s := &stackScript{temp: t.TempDir(), addresses: freeAddresses(t, len(stackPorts()))}
	s.cmd = exec.CommandContext(t.Context(), "../../deploy/stack/run")
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 20 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as an interactive shell does
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp)
	for i, port := range stackPorts() {
		_, number, err := net.SplitHostPort(s.addresses[i])
		if err != nil {
			t.Fatal(err)
		}
		s.cmd.Env = append(s.cmd.Env, port.variable+"="+number)
	}
	return s
}

// checkGone fails the test if the script left files or servers behind.
func (s *stackScript) checkGone(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.temp, "guardduty-coverage-stack.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("not removed: %q, %v", left, err)
	}
	for _, address := range s.addresses {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			t.Errorf("%s is still in use", address)
		}
	}
}

// startReady starts the script and waits until all of its servers are ready. The
// channel receives the result of the script.
func (s *stackScript) startReady(t *testing.T) <-chan error {
	t.Helper()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	until(t, time.Minute, "all servers of the stack are ready", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the stack has exited: %v\n%s", err, &s.output)
		default:
		}
		for i, port := range stackPorts() {
			if status, _ := get(t, "http://"+s.addresses[i]+port.ready); status == 0 || port.ready != "" && status != http.StatusOK {
				return false
			}
		}
		return true
	})
	return ended
}

func TestStackStopsOnCtrlC(t *testing.T) {
	t.Parallel()
	find(t, "prometheus")
	find(t, "prometheus-alertmanager", "alertmanager")
	s := newStackScript(t)
	ended := s.startReady(t)
	until(t, 30*time.Second, "Prometheus has the exporter's series and the rules", func() bool {
		prometheus := "http://" + s.addresses[2]
		_, series := get(t, prometheus+"/api/v1/query?query=guardduty_exporter_build_info")
		_, rules := get(t, prometheus+"/api/v1/rules")
		return strings.Contains(string(series), s.addresses[0]) && strings.Contains(string(rules), "GuardDutyCoverageExporterAbsent")
	})
	// A terminal signals the whole process group. The servers must not be in it: the script would report their exit as
	// a failure.
	if others := groupMembers(t, s.cmd.Process.Pid); len(others) > 0 {
		t.Errorf("Ctrl-C also reaches processes %v", others)
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, &s.output)
	}
	for _, address := range []string{s.addresses[0], s.addresses[2], s.addresses[3]} {
		if !strings.Contains(s.output.String(), "http://"+address) {
			t.Errorf("address %s is not in the output:\n%s", address, &s.output)
		}
	}
	s.checkGone(t)
}

// groupMembers returns the processes of a process group except its leader; none
// without /proc.
func groupMembers(t *testing.T, leader int) (members []int) {
	t.Helper()
	directories, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, directory := range directories {
		pid, err := strconv.Atoi(filepath.Base(directory))
		if err != nil || pid == leader {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == leader {
			members = append(members, pid)
		}
	}
	return members
}

func TestStackStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	find(t, "prometheus")
	find(t, "prometheus-alertmanager", "alertmanager")
	s := newStackScript(t)
	ended := s.startReady(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, &s.output)
	}
	s.checkGone(t)
}

func TestStackStopsWhenAServerExits(t *testing.T) {
	t.Parallel()
	find(t, "prometheus-alertmanager", "alertmanager")
	s := newStackScript(t)
	bin := t.TempDir()
	script := "#!/bin/sh\necho it broke\nexit 3\n"
	if err := os.WriteFile(filepath.Join(bin, "prometheus"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s.cmd.Env = append(s.cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"))
	if err := s.cmd.Run(); err == nil {
		t.Error("the script succeeded although Prometheus failed")
	}
	if output := s.output.String(); !strings.Contains(output, "prometheus ended with status 3:\nit broke") {
		t.Error(output)
	}
	s.checkGone(t)
}

func TestStackReportsMissingPrograms(t *testing.T) {
	t.Parallel()
	s := newStackScript(t)
	bin := t.TempDir()
	for _, program := range []string{"bash", "dirname"} {
		if err := os.Symlink(find(t, program), filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", s.addresses[3])
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s.cmd.Env = append(s.cmd.Env, "PATH="+bin)
	if err := s.cmd.Run(); err == nil {
		t.Error("the script succeeded without any program")
	}
	_, port, err := net.SplitHostPort(s.addresses[3])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"go not found: install the version in go.mod",
		"prometheus not found: install the package prometheus ",
		"prometheus-alertmanager not found: install the package prometheus-alertmanager ",
		fmt.Sprintf("port %s is in use", port),
	} {
		if !strings.Contains(s.output.String(), want) {
			t.Errorf("%q is not in the output:\n%s", want, &s.output)
		}
	}
}
