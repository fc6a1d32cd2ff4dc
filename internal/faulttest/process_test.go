package faulttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

const process = "Configuration and process"

const processEnds = "the process ends, and with it every target; that it ends in order is checked"

func processRows() []row {
	return []row{
		bears(process, "an invalid file at a reload", func(r *rig) func() {
			return refusedReload(r, refused)
		}),
		bears(process, "the file emptied", func(r *rig) func() {
			return refusedReload(r, "")
		}).stands(),
		bears(process, "the file half written", halfWritten),
		emptiedDoor().stands(),
		own("a target removed while it refreshes", removed).but(recovery, "a target that is removed does not recover; one that comes back is refreshed within an interval"),
		own("1,000 SIGHUPs", hangups).with(working),
		own("SIGTERM in the middle of a scrape", endWhileScraped).but(isolation, processEnds).with(working),
		own("SIGTERM in the middle of a refresh", endWhileRefreshing).but(isolation, processEnds).with(working),
	}
}

// own is a row with a course of its own.
func own(name string, run func(*rig)) row {
	return bears(process, name, nil).with(func(r *row) { r.run = run })
}

// refusedReload reloads a configuration that is refused, and in the end the one
// before.
func refusedReload(r *rig, yaml string) (end func()) {
	before := r.configure(yaml)
	r.reload(http.StatusInternalServerError)
	r.showsLine("guardduty_exporter_config_last_reload_successful 0.0")
	return func() {
		r.configure(before)
		r.reload(http.StatusOK)
		r.showsLine("guardduty_exporter_config_last_reload_successful 1.0")
	}
}

func (r *rig) reload(want int) {
	r.Helper()
	if status, text := r.request(http.MethodPost, "/-/reload"); status != want {
		r.Errorf("a reload: %d %s, want %d", status, text, want)
	}
}

// showsLine wants a line on the page of the metrics.
func (r *rig) showsLine(line string) {
	r.Helper()
	_, text := r.request(http.MethodGet, "/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(text, "\n"+line+"\n") {
		r.Errorf("the page lacks %s", line)
	}
}

// halfWritten reloads the file cut off after each of its bytes, but for whole
// lines of targets: a shorter list is a list.
func halfWritten(r *rig) (end func()) {
	whole := r.configure("")
	named := strings.Index(whole, "targets:\n") + len("targets:\n")
	for n := range len(whole) - 1 {
		if n > named && strings.HasSuffix(strings.TrimSpace(whole[:n]), "}") {
			continue
		}
		r.configure(whole[:n])
		if status, text := r.request(http.MethodPost, "/-/reload"); status != http.StatusInternalServerError {
			r.Errorf("cut off after %d bytes, the file is accepted: %d %s", n, status, text)
		}
	}
	return func() {
		r.configure(whole)
		r.reload(http.StatusOK)
	}
}

// emptiedDoor empties the web configuration file.
func emptiedDoor() row {
	var webConfig string
	r := bears(process, "the web configuration file emptied", func(r *rig) func() {
		write(r, *r.options.Web.WebConfigFile, "")
		return func() {
			write(r, *r.options.Web.WebConfigFile, webConfig)
			r.showsLine("guardduty_exporter_web_config_last_reload_successful 1.0")
		}
	})
	r.arrange = func(r *rig) { webConfig = behindDoor(r) }
	r.also = func(r *rig) {
		for _, word := range []string{"", "wrong"} {
			if status, err := ask(r.Context(), r, authorised{&http.Transport{DisableKeepAlives: true}, "prometheus", word}); err != nil || status != http.StatusUnauthorized {
				r.Errorf("the password %q is answered %d, %v", word, status, err)
			}
		}
		r.showsLine("guardduty_exporter_web_config_last_reload_successful 0.0")
	}
	return r
}

func write(r *rig, file, text string) {
	r.Helper()
	r.check(os.WriteFile(file, []byte(text), 0o600))
}

// settled waits until everything is known.
func (r *rig) settled() page {
	r.Helper()
	return r.until("everything is known", 20*time.Second, func(p page) bool {
		return !slices.ContainsFunc(r.others(nil), func(t target) bool { return p.state(t) != coverage.OK })
	})
}

// unchanged wants the data of these targets on every page since one.
func (r *rig) unchanged(before page, targets ...target) {
	r.Helper()
	for _, p := range r.pages {
		if p.asked.Before(before.asked) {
			continue
		}
		if gone := differ(before.data(targets...), p.data(targets...)); len(gone) > 0 {
			r.Errorf("on the page of %s: %s", p.asked.Format("15:04:05.000"), strings.Join(gone, "\n"))
			return
		}
	}
}

// hangs leaves these calls without an answer, and tells when there has been one.
func (r *rig) hangs(which calls) (asked <-chan struct{}) {
	first := make(chan struct{}, 1)
	r.aws.SetIntercept(func(c simulator.Call, _ http.ResponseWriter, req *http.Request) bool {
		if !which(c) {
			return false
		}
		select {
		case first <- struct{}{}:
		default:
		}
		<-req.Context().Done()
		return true
	})
	return first
}

// removed takes far out of the configuration while its refresh hangs.
func removed(r *rig) {
	r.start()
	before := r.settled()
	<-r.hangs(of(far()))
	whole := r.configure("")
	lines := slices.DeleteFunc(slices.Collect(strings.Lines(whole)), func(l string) bool { return strings.Contains(l, "{name: far,") })
	r.configure(strings.Join(lines, ""))
	r.reload(http.StatusOK)
	gone := r.scrape()
	if left := gone.data(far()); len(left) > 0 || gone.state(far()) != "" {
		r.Errorf("%d series of the target are left", len(left))
	}
	r.until("two intervals more", 3*r.pace.interval, func(p page) bool { return p.asked.After(gone.asked.Add(2 * r.pace.interval)) })
	r.unchanged(before, r.others([]target{far()})...)
	r.evidence.keep(isolation)

	r.aws.SetIntercept(nil)
	r.configure(whole)
	r.reload(http.StatusOK)
	r.until("the target is back", r.pace.interval+10*late, func(p page) bool {
		return p.state(far()) == coverage.OK && len(differ(before.data(far()), p.data(far()))) == 0
	})
	r.probe()
	r.evidence.keep(valid)
}

// exporter builds the program, once, in the directory of the environment's
// files, which goes with them.
var exporter = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(filepath.Dir(os.Getenv("AWS_CONFIG_FILE")), "exporter")
	out, err := exec.Command("go", "build", "-o", path, "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the exporter: %w\n%s", err, out)
	}
	return path, nil
})

var listening = regexp.MustCompile(`msg=listening address=(\S+)`)

// child is a process, and the signals that it is sent.
type child struct{ hangUp, terminate func() }

// spawn starts the exporter as a process of its own, which reads the
// configuration of a file. r.stop ends it.
func (r *rig) spawn(file string) child {
	r.Helper()
	path, err := exporter()
	r.check(err)
	cmd := exec.CommandContext(r.Context(), path, "--config.file="+file, "--web.listen-address=127.0.0.1:0")
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+r.server.URL, "AWS_REGION="+sibling,
		"AWS_ACCESS_KEY_ID="+homeKeyID, "AWS_SECRET_ACCESS_KEY="+homeSecret)
	said := len(r.journal.String())
	cmd.Stdout, cmd.Stderr = r.journal.entries, r.journal.entries
	r.check(cmd.Start())
	child := child{hangUp: func() { r.check(cmd.Process.Signal(syscall.SIGHUP)) }}
	child.terminate = sync.OnceFunc(func() { r.check(cmd.Process.Signal(syscall.SIGTERM)) }) // a second one would cut it off
	r.stop = sync.OnceValue(func() error {
		child.terminate()
		return cmd.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		if found := listening.FindStringSubmatch(r.journal.String()[said:]); found != nil {
			r.url = "http://" + found[1]
			return child
		}
		if time.Now().After(deadline) {
			r.Fatalf("the process does not listen\n%s", r.journal.tail())
		}
		r.wait(20 * time.Millisecond)
	}
}

// again starts another process after the end of the one before, which has to
// be orderly, and waits until it shows the same.
func (r *rig) again(file string, before page) {
	r.Helper()
	if err := r.stop(); err != nil {
		r.Errorf("the process ends with %v\n%s", err, r.journal.tail())
	}
	r.spawn(file)
	r.until("everything is as before", r.pace.interval+r.pace.timeout+10*late, func(p page) bool {
		return len(differ(before.data(r.others(nil)...), p.data(r.others(nil)...))) == 0
	})
	r.evidence.keep(recovery)
	r.evidence.keep(valid)
}

// saved writes the configuration to a file.
func (r *rig) saved() (file string) {
	r.Helper()
	file = filepath.Join(r.TempDir(), "coverage.yaml")
	yaml := r.configure("")
	r.configure(yaml)
	write(r, file, yaml)
	return file
}

// hangups sends a thousand signals, every other one with a file that is wrong.
func hangups(r *rig) {
	file := r.saved()
	whole, err := os.ReadFile(file)
	r.check(err)
	exporter := r.spawn(file)
	before := r.settled()
	goroutines := r.number("go_goroutines")
	for i := range 1000 {
		write(r, file, string(whole[:len(whole)-1-i%2*10]))
		exporter.hangUp()
		if i%250 == 0 {
			r.scrape()
		}
		r.wait(time.Millisecond)
	}
	write(r, file, string(whole)+"issues: {max_per_cluster: 0}\n")
	exporter.hangUp()
	r.until("the last file is in force", r.pace.interval, func(p page) bool { return p.count("guardduty_ecs_cluster_issue_info") == 0 })
	write(r, file, string(whole))
	exporter.hangUp()
	r.until("everything is as before", r.pace.interval, func(p page) bool {
		return len(differ(before.data(r.others(nil)...), p.data(r.others(nil)...))) == 0
	})
	r.evidence.keep(recovery)
	for _, p := range r.pages {
		for _, t := range r.others(nil) {
			if s := p.state(t); !p.asked.Before(before.asked) && s != coverage.OK {
				r.Errorf("%s in %s is %s", t.name, t.region, s)
			}
		}
	}
	r.evidence.keep(isolation)
	if now := r.number("go_goroutines"); now > goroutines+100 { // those of connections come and go
		r.Errorf("%d goroutines, and %d before", now, goroutines)
	}
	r.again(file, before)
}

// endWhileScraped ends the process while it sends a page larger than the
// sockets' buffers.
func endWhileScraped(r *rig) {
	const many = 4000
	r.aws.Update(func(w *simulator.World) { w.Account(homeAccount).Clusters = clusters(sibling, many) })
	file := r.saved()
	exporter := r.spawn(file)
	before := r.settled()
	address := strings.TrimPrefix(r.url, "http://")
	conn, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
	r.check(err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	r.check(err)
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), nil)
	r.check(err)
	exporter.terminate()
	for accepted := true; accepted; {
		other, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
		if accepted = err == nil; accepted {
			_ = other.Close()
			r.wait(time.Millisecond)
		}
	}
	text, err := r.read("GET /metrics", resp)
	if n := strings.Count(text, "\nguardduty_ecs_cluster_healthy{account_id=\""+homeAccount); err != nil || n != many {
		r.Errorf("%d clusters on the page that was under way, want %d: %v", n, many, err)
	}
	r.again(file, before)
}

// endWhileRefreshing ends the process while AWS does not answer.
func endWhileRefreshing(r *rig) {
	file := r.saved()
	exporter := r.spawn(file)
	before := r.settled()
	<-r.hangs(func(simulator.Call) bool { return true })
	begun := time.Now()
	exporter.terminate()
	if err := r.stop(); err != nil || time.Since(begun) > 15*time.Second {
		r.Errorf("the process ends with %v after %s", err, time.Since(begun))
	}
	r.aws.SetIntercept(nil)
	r.again(file, before)
}
