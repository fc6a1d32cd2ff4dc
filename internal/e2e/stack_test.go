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

// stackPorts are the variables that deploy/stack/run takes its ports from, and
// what of each server says that it is ready.
func stackPorts() []struct{ variable, ready string } {
	return []struct{ variable, ready string }{
		{"EXPORTER_PORT", "/-/ready"},
		{"SIMULATOR_PORT", ""},
		{"PROMETHEUS_PORT", "/-/ready"},
		{"ALERTMANAGER_PORT", "/-/ready"},
	}
}

// stackScript is deploy/stack/run, not yet started, with free ports.
type stackScript struct {
	cmd       *exec.Cmd
	output    strings.Builder // complete once the command has ended
	addresses []string        // in the order of stackPorts
	temp      string          // where it makes its temporary directory
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
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell on a terminal does
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

// checkGone asks that the script has left neither files nor servers behind.
func (s *stackScript) checkGone(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.temp, "guardduty-coverage-stack.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	for _, address := range s.addresses {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			t.Errorf("%s is still served", address)
		}
	}
}

// startReady starts the script and waits until all of its servers are ready. The
// result of the script arrives at the channel.
func (s *stackScript) startReady(t *testing.T) <-chan error {
	t.Helper()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	until(t, time.Minute, "everything of the stack is ready", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the stack has ended: %v\n%s", err, &s.output)
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

func TestStackRunsUntilCtrlC(t *testing.T) {
	t.Parallel()
	find(t, "prometheus")
	find(t, "prometheus-alertmanager", "alertmanager")
	s := newStackScript(t)
	ended := s.startReady(t)
	until(t, 30*time.Second, "Prometheus has the exporter's series and the shipped rules", func() bool {
		prometheus := "http://" + s.addresses[2]
		_, series := get(t, prometheus+"/api/v1/query?query=guardduty_exporter_build_info")
		_, rules := get(t, prometheus+"/api/v1/rules")
		return strings.Contains(string(series), s.addresses[0]) && strings.Contains(string(rules), "GuardDutyCoverageExporterAbsent")
	})
	// A terminal sends it to the whole process group. What the script has started must not be in it: it would end by
	// itself, and the script would take that for a failure.
	if others := groupMembers(t, s.cmd.Process.Pid); len(others) > 0 {
		t.Errorf("Ctrl-C reaches not the script alone but processes %v too", others)
	}
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, &s.output)
	}
	for _, address := range []string{s.addresses[0], s.addresses[2], s.addresses[3]} {
		if !strings.Contains(s.output.String(), "http://"+address) {
			t.Errorf("it does not say where %s is:\n%s", address, &s.output)
		}
	}
	s.checkGone(t)
}

// groupMembers returns the processes of a process group but for its leader, none
// where there is no /proc.
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

func TestStackEndsOnSIGTERM(t *testing.T) {
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

func TestStackEndsWithItsFirstToEnd(t *testing.T) {
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
		t.Error("the script succeeds though Prometheus did not")
	}
	if said := s.output.String(); !strings.Contains(said, "prometheus ended with status 3:\nit broke") {
		t.Error(said)
	}
	s.checkGone(t)
}

// TestStackSaysWhatItMisses starts nothing.
func TestStackSaysWhatItMisses(t *testing.T) {
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
		t.Error("the script succeeds without a single program")
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
			t.Errorf("it does not say %q:\n%s", want, &s.output)
		}
	}
}
