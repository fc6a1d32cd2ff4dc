package faulttest

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

// blockedCases block the input and output of a process, or stop it.
func blockedCases() []testCase {
	return []testCase{
		{
			group: process, name: "a FIFO as the configuration file", state: coverage.OK, run: reloadFIFO,
			skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true,
		},
	}
}

// reloadFIFO replaces the configuration file with a FIFO that has no writer.
func reloadFIFO(h *harness) {
	file, yaml := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	h.check(os.Remove(file))
	h.check(syscall.Mkfifo(file, 0o600))
	exporter.signal(syscall.SIGHUP)
	h.waitFor("the reload to fail", 20*time.Second, func(page) bool {
		return h.value("guardduty_exporter_config_last_reload_successful") == 0
	})
	last := h.waitAllOK()
	for _, t := range h.configured() {
		if age := last.requested.Sub(last.lastSuccess(t)); age > h.pace.interval+h.pace.timeout+tolerance {
			h.Errorf("%s was not refreshed for %s", t, age)
		}
	}
	h.wantSame(before, h.configured()...)
	h.checked[isolation] = true

	writer, err := os.OpenFile(file, os.O_WRONLY|syscall.O_NONBLOCK, 0) // ends the read
	h.check(err)
	_, err = io.WriteString(writer, yaml)
	h.check(err)
	h.check(writer.Close())
	h.check(os.Remove(file))
	h.writeFile(file, yaml)
	exporter.signal(syscall.SIGHUP)
	h.waitFor("a successful reload", h.pace.interval, func(page) bool {
		return h.value("guardduty_exporter_config_last_reload_successful") == 1
	})
	h.check(os.Remove(file))
	h.check(syscall.Mkfifo(file, 0o600))
	exporter.signal(syscall.SIGHUP)
	exporter.wantStop()
	h.check(os.Remove(file))
	h.writeFile(file, yaml)
	h.restart(file, before)
}
