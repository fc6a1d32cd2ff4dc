package faulttest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// blockedCases block the input and output of a process, or stop it.
func blockedCases() []testCase {
	return []testCase{
		{
			group: process, name: "a log that is not read", state: coverage.Failed, run: failWithLog(func(c *child) {
				c.logPaused.Store(true)
			}), pace: heavyPace(), heavy: true, process: true,
		},
		{
			group: process, name: "a log that is closed by its reader", state: coverage.Failed, run: failWithLog(func(c *child) {
				_ = c.log.Close()
			}), pace: heavyPace(), heavy: true, process: true,
		},
		{
			group: process, name: "SIGSTOP for longer than max_staleness", state: coverage.Timeout, run: stopProcess,
			skip: skips{isolation: "the fault affects all targets"}, pace: heavyPace(), heavy: true, process: true,
		},
		{
			group: process, name: "SIGTERM with a slow reader", state: coverage.OK, run: terminateWithSlowReader,
			skip: skips{lastGood: refreshSucceeds, isolation: processEnds}, pace: heavyPace(), heavy: true, process: true,
		},
		{
			group: process, name: "a FIFO as the configuration file", state: coverage.OK, run: reloadFIFO,
			skip: skips{lastGood: refreshSucceeds}, pace: heavyPace(), heavy: true, process: true,
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

// failWithLog makes the refreshes of the subject fail after its log has failed.
func failWithLog(fail func(*child)) func(*harness) {
	return func(h *harness) {
		file, yaml := h.saveConfig()
		exporter := h.startProcess(file)
		before := h.waitAllOK()
		fail(exporter)
		end := respond(callsOf(subject()), errorResponse(500, "InternalServerErrorException", "Try again."))(h)
		failing := h.waitFor("the state error", h.pace.interval+h.pace.timeout+tolerance, func(p page) bool { return p.state(subject()) == coverage.Failed })
		stale := failing.lastSuccess(subject()).Add(h.pace.maxStaleness)
		last := h.waitFor("the data to become stale", 2*h.pace.maxStaleness, func(p page) bool { return p.requested.After(stale.Add(tolerance)) })
		if n := len(last.data(subject())); n > 0 || last.state(subject()) != coverage.Failed {
			h.Errorf("%d series are shown as %s after their data became stale", n, last.state(subject()))
		}
		h.checked[lastGood] = true

		for _, t := range []target{subjectHealthy(), other(), home()} {
			if age := last.requested.Sub(last.lastSuccess(t)); age > h.pace.interval+h.pace.timeout+tolerance {
				h.Errorf("%s was not refreshed for %s", t, age)
			}
		}
		h.wantSame(before, subjectHealthy(), other(), home(), accountNames())
		h.checked[isolation] = true

		if status, text := h.request(http.MethodGet, "/-/ready"); status != http.StatusOK {
			h.Errorf("/-/ready: %d %s", status, text)
		}
		logMuch(h, exporter, file, yaml)
		h.checked[validPage] = true
		end()
		h.waitForData(before, h.pace.interval+h.pace.timeout+tolerance)
		h.checked[recovery] = true
		exporter.wantStop()
	}
}

// logMuch makes the process log errors until log lines are dropped.
func logMuch(h *harness, exporter *child, file, yaml string) {
	var mistakes strings.Builder
	for i := range 100 {
		fmt.Fprintf(&mistakes, "unknown_key_%d: 1\n", i)
	}
	h.writeFile(file, yaml+mistakes.String())
	h.waitFor("dropped log lines", time.Minute, func(page) bool {
		for range 300 {
			exporter.signal(syscall.SIGHUP)
			h.wait(5 * time.Millisecond)
		}
		return h.value("guardduty_exporter_log_lines_dropped_total") > 0
	})
	h.writeFile(file, yaml)
	exporter.signal(syscall.SIGHUP)
}

// stopProcess stops the process until its data is stale, while AWS does not
// respond. Neither the page that was requested while it was stopped, nor those
// after it, may show data.
func stopProcess(h *harness) {
	file, _ := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	exporter.signal(syscall.SIGSTOP)
	h.wait(h.pace.maxStaleness + h.pace.interval)
	h.hangCalls(func(simulator.Call, *http.Request) bool { return true })
	first := h.sendScrape()
	exporter.signal(syscall.SIGCONT)
	text, err := h.beginScrape(first)()
	h.check(err)
	if p := parse(text, time.Now(), time.Now()); len(p.data(h.configured()...)) > 0 || p.state(subject()) == "" {
		h.Errorf("the first page after SIGCONT has %d series and the state %q", len(p.data(h.configured()...)), p.state(subject()))
	}
	for range 5 {
		if p := h.scrape(); len(p.data(h.configured()...)) > 0 {
			h.Errorf("%d series are shown %s after they became stale", len(p.data(h.configured()...)), h.pace.interval)
		}
	}
	h.waitFor("the state timeout", h.pace.interval+h.pace.timeout+10*tolerance, func(p page) bool { return p.allIn(coverage.Timeout, h.configured()) })
	h.checked[lastGood] = true
	h.checked[validPage] = true
	h.aws.SetIntercept(nil)
	h.waitForData(before, h.pace.interval+h.pace.timeout+10*tolerance)
	h.checked[recovery] = true
}

// terminateWithSlowReader terminates the process while a client reads pages
// slowly. The refreshes must stop at once, and the process must end normally.
func terminateWithSlowReader(h *harness) {
	h.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Clusters = clusters(healthyRegion, 4000) })
	file, _ := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	end := sync.OnceFunc(repeat(1, time.Second, readSlowly)(h))
	defer end()
	h.wait(3 * tolerance) // until the buffers of the sockets are full
	if h.value("promhttp_metric_handler_requests_in_flight") < 2 {
		h.Error("the slow reader's scrape is not in flight")
	}
	exporter.terminate()
	h.wait(tolerance)
	h.aws.ResetCalls()
	exporter.wantStop()
	if n := len(h.aws.Calls()); n > 0 {
		h.Errorf("%d calls of AWS after SIGTERM", n)
	}
	end()
	h.restart(file, before)
}
