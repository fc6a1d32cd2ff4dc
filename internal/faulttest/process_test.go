package faulttest

import (
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const process = "Configuration and process"

// processEnds is the reason for skipping isolation.
const processEnds = "the process ends; its orderly shutdown is checked"

func processCases() []testCase {
	return []testCase{
		{group: process, name: "a reload of an invalid file", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, begin: failReload(invalidConfig)},
		{group: process, name: "a reload of an empty file", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, short: true, begin: failReload("")},
		{group: process, name: "a reload of a partially written file", state: coverage.OK, skip: skips{lastGood: refreshSucceeds}, begin: reloadTruncated},
		emptyWebConfigCase(),
		{
			group: process, name: "a target removed during its refresh", state: coverage.OK, run: removeTarget,
			skip: skips{
				lastGood: refreshSucceeds,
				recovery: "a removed target does not recover; one that is added again is refreshed within an interval",
			},
		},
		{group: process, name: "1,000 SIGHUPs", state: coverage.OK, pace: heavyPace(), heavy: true, process: true, run: sendHangups, skip: skips{lastGood: refreshSucceeds}},
		{
			group: process, name: "SIGTERM during a scrape", state: coverage.OK, pace: heavyPace(), heavy: true, process: true, run: terminateDuringScrape,
			skip: skips{lastGood: refreshSucceeds, isolation: processEnds},
		},
		{
			group: process, name: "SIGTERM during a refresh", state: coverage.OK, pace: heavyPace(), heavy: true, process: true, run: terminateDuringRefresh,
			skip: skips{lastGood: refreshSucceeds, isolation: processEnds},
		},
	}
}

// failReload reloads an invalid configuration, and at the end the previous one.
func failReload(yaml string) func(*harness) func() {
	return func(h *harness) func() {
		previous := h.configure(yaml)
		h.reload(http.StatusInternalServerError)
		h.wantLine("guardduty_exporter_config_last_reload_successful 0.0")
		return func() {
			h.configure(previous)
			h.reload(http.StatusOK)
			h.wantLine("guardduty_exporter_config_last_reload_successful 1.0")
		}
	}
}

// reloadTruncated reloads the configuration truncated after each byte, except
// after a complete target: a shorter list of targets is valid.
func reloadTruncated(h *harness) (end func()) {
	complete := h.configure("")
	list := strings.Index(complete, "targets:\n") + len("targets:\n")
	for n := range len(complete) - 1 {
		if n > list && strings.HasSuffix(strings.TrimSpace(complete[:n]), "}") {
			continue
		}
		h.configure(complete[:n])
		if status, text := h.request(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError {
			h.Errorf("reload of the file truncated after %d bytes: %d %s", n, status, text)
		}
	}
	return func() {
		h.configure(complete)
		h.reload(http.StatusOK)
	}
}

// hangCalls leaves calls without a response. The channel receives a value when
// a call waits.
func (h *harness) hangCalls(match callMatcher) <-chan struct{} {
	waiting := make(chan struct{}, 1)
	h.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, r *http.Request) bool {
		if !match(c, r) {
			return false
		}
		select {
		case waiting <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		return true
	})
	return waiting
}

// removeTarget removes a target from the configuration while its refresh waits
// for a response.
func removeTarget(h *harness) {
	h.start()
	before := h.waitAllOK()
	<-h.hangCalls(callsOf(other()))
	complete := h.configure("")
	lines := slices.DeleteFunc(slices.Collect(strings.Lines(complete)), func(l string) bool { return strings.Contains(l, "{name: other,") })
	h.configure(strings.Join(lines, ""))
	h.reload(http.StatusOK)
	removed := h.scrape()
	if n := len(removed.data(other())); n > 0 || removed.state(other()) != "" {
		h.Errorf("%d series of the removed target remain", n)
	}
	h.waitFor("two more intervals", 3*h.pace.interval, func(p page) bool {
		return p.requested.After(removed.requested.Add(2 * h.pace.interval))
	})
	h.wantSame(before, subject(), subjectHealthy(), home(), accountNames())
	h.checked[isolation] = true

	h.aws.SetIntercept(nil)
	h.configure(complete)
	h.reload(http.StatusOK)
	h.waitFor("the target to be back", h.pace.interval+10*tolerance, func(p page) bool {
		return p.state(other()) == coverage.OK && len(diff(before.data(other()), p.data(other()))) == 0
	})
	h.requestOtherPaths()
	h.checked[validPage] = true
}

// wantSame checks that the data of the targets is the same on all later pages.
func (h *harness) wantSame(before page, targets ...target) {
	h.Helper()
	for _, p := range h.pages {
		if p.requested.Before(before.requested) {
			continue
		}
		if lines := diff(before.data(targets...), p.data(targets...)); len(lines) > 0 {
			h.Errorf("on the page of %s: %s", p.requested.Format(clockTime), strings.Join(lines, "\n"))
			return
		}
	}
}

// restart starts another process after the previous one, which must have ended
// without an error, and waits until it shows the same data.
func (h *harness) restart(file string, before page) {
	h.Helper()
	if err := h.stop(); err != nil {
		h.Errorf("the process ended with %v\n%s", err, h.log.tail())
	}
	h.startProcess(file)
	h.waitForData(before, h.pace.interval+h.pace.timeout+10*tolerance)
	h.checked[recovery] = true
	h.checked[validPage] = true
}

// waitForData waits for the data of an earlier page.
func (h *harness) waitForData(before page, timeout time.Duration) {
	h.Helper()
	h.waitFor("the same data as before", timeout, func(p page) bool {
		return len(diff(before.data(h.configured()...), p.data(h.configured()...))) == 0
	})
}

// saveConfig writes the configuration to a file.
func (h *harness) saveConfig() (file, yaml string) {
	h.Helper()
	file = filepath.Join(h.TempDir(), "coverage.yaml")
	yaml = h.configure("")
	h.configure(yaml)
	h.writeFile(file, yaml)
	return file, yaml
}

// sendHangups sends a thousand SIGHUPs, every second one with an invalid file.
func sendHangups(h *harness) {
	file, yaml := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	goroutines := h.value("go_goroutines")
	for i := range 1000 {
		h.writeFile(file, yaml[:len(yaml)-1-i%2*10])
		exporter.signal(syscall.SIGHUP)
		if i%250 == 0 {
			h.scrape()
		}
		h.wait(time.Millisecond)
	}
	h.writeFile(file, yaml+"issues: {max_per_cluster: 0}\n")
	exporter.signal(syscall.SIGHUP)
	h.waitFor("the last configuration", h.pace.interval, func(p page) bool { return p.count("guardduty_ecs_cluster_issue_info") == 0 })
	h.writeFile(file, yaml)
	exporter.signal(syscall.SIGHUP)
	h.waitForData(before, h.pace.interval)
	h.checked[recovery] = true
	for _, p := range h.pages {
		if !p.requested.Before(before.requested) && !p.allIn(coverage.OK, h.configured()) {
			h.Errorf("on the page of %s:\n%s", p.requested.Format(clockTime), h.states(p))
		}
	}
	h.checked[isolation] = true
	if n := h.value("go_goroutines"); n > goroutines+100 { // the number of connections varies
		h.Errorf("%d goroutines, %d before", n, goroutines)
	}
	h.restart(file, before)
}

// terminateDuringScrape terminates the process while it sends a page that is
// larger than the buffers of the sockets.
func terminateDuringScrape(h *harness) {
	const n = 4000
	h.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Clusters = clusters(healthyRegion, n) })
	file, _ := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	address := strings.TrimPrefix(h.url, "http://")
	read := h.beginScrape(h.sendScrape())
	exporter.terminate()
	for accepted := true; accepted; {
		other, err := (&net.Dialer{}).DialContext(h.Context(), "tcp", address)
		if accepted = err == nil; accepted {
			_ = other.Close()
			h.wait(time.Millisecond)
		}
	}
	text, err := read()
	if got := strings.Count(text, "\nguardduty_ecs_cluster_healthy{account_id=\""+homeAccount); err != nil || got != n {
		h.Errorf("%d clusters on the page, want %d: %v", got, n, err)
	}
	h.restart(file, before)
}

// terminateDuringRefresh terminates the process while AWS does not respond.
func terminateDuringRefresh(h *harness) {
	file, _ := h.saveConfig()
	exporter := h.startProcess(file)
	before := h.waitAllOK()
	<-h.hangCalls(func(simulator.Call, *http.Request) bool { return true })
	exporter.wantStop()
	h.aws.SetIntercept(nil)
	h.restart(file, before)
}
