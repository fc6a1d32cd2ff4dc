package guardduty

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/simulator"
)

// inProcess calls a handler without a network, so that a test can make many calls.
type inProcess struct {
	handler http.Handler
	now     func() time.Time
}

func (p inProcess) Do(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	if in.ContentLength > 0 {
		in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10))
	}
	w := httptest.NewRecorder()
	w.Header().Set("Date", p.now().UTC().Format(http.TimeFormat))
	p.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

// history is a world that changes at random while it is read, and a record of its states.
type history struct {
	aws      *simulator.Server
	accounts []string
	clock    atomic.Int64 // in seconds since 1970

	mu      sync.Mutex // guards what follows: calls are made concurrently
	random  *rand.Rand
	details *rand.Rand // of what a row says beside its status
	steps   int
	names   int

	flips  bool            // whether clusters do nothing but change, each way
	lively bool            // whether the world moves between the calls of a refresh
	states map[uint64]bool // since the refresh began
	rows   map[rowState]bool
}

// statePrint identifies a state of the world, by the statuses of its clusters. Other attributes of a row may be newer or
// older than those of other rows.
type statePrint uint64

// rowState is the state of a cluster in one moment.
type rowState struct {
	account, name, status string
	covered, compatible   int64
	issues                string
}

// issueTypesByText has issues and their types.
var issueTypesByText = map[string]coverage.IssueType{
	"Unidentified issue":        coverage.Unidentified,
	"Agent exited: ExitCode: 1": coverage.AgentExited,
	"Agent not reporting for tasks in TaskDefinition - 'web:3'": coverage.AgentNotReporting,
}

var seed = maphash.MakeSeed()

func (f *statePrint) add(account, name, status string) {
	*f += statePrint(maphash.String(seed, account+"/"+name+"="+status)) // in any order
}

func (h *history) now() time.Time { return time.Unix(h.clock.Load(), 0) }

// meanwhile may change the world before a call is handled.
func (h *history) meanwhile(simulator.Call, http.ResponseWriter, *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.lively && h.random.IntN(2) == 0 {
		h.step()
	}
	return false
}

// step makes one change. The caller holds h.mu, or makes no calls.
func (h *history) step() {
	h.steps++
	h.clock.Add(h.random.Int64N(3)) // often the same second
	h.aws.Update(func(w *simulator.World) {
		a := w.Account(h.accounts[h.random.IntN(len(h.accounts))])
		pick := func() *simulator.Cluster { return a.Clusters[h.random.IntN(len(a.Clusters))] }
		n := h.random.IntN(20)
		if h.flips {
			n = 8 + h.random.IntN(7)
		}
		switch {
		case n < 4 || len(a.Clusters) == 0:
			h.names++
			status := []string{"HEALTHY", "UNHEALTHY"}[h.random.IntN(2)]
			a.Clusters = append(a.Clusters, &simulator.Cluster{
				Region: region, Name: fmt.Sprintf("%04d-%d", h.random.IntN(10_000), h.names), Status: status, UpdatedAt: h.now(),
			})
		case n < 8:
			a.RemoveCluster(region, pick().Name)
		case n < 14:
			c := pick()
			c.Status = map[string]string{"HEALTHY": "UNHEALTHY", "UNHEALTHY": "HEALTHY", "": "UNHEALTHY"}[c.Status]
			h.assess(c)
		case n < 18:
			h.assess(pick()) // a task was created
		default: // a member leaves or joins
			d := w.Account(account).Detectors[0]
			id := h.accounts[1+h.random.IntN(len(h.accounts)-1)]
			if d.Relationships[id] == "Removed" {
				delete(d.Relationships, id)
			} else {
				d.Relationships[id] = "Removed"
			}
		}
	})
	h.remember()
}

// assess sets counts and issues that match the status of a cluster.
func (h *history) assess(c *simulator.Cluster) {
	c.UpdatedAt = h.now()
	c.Compatible = 1 + h.details.Int64N(4)
	c.Covered, c.Issues = c.Compatible, nil
	if c.Status == "UNHEALTHY" {
		c.Covered = h.details.Int64N(c.Compatible)
		texts := slices.Sorted(maps.Keys(issueTypesByText))
		c.Issues = texts[h.details.IntN(len(texts)):]
	}
}

func (h *history) forget() { h.states, h.rows = map[uint64]bool{}, map[rowState]bool{} }

// remember records the current state of the world.
func (h *history) remember() {
	var f statePrint
	h.aws.Update(func(w *simulator.World) {
		for _, id := range h.accounts {
			if w.Account(account).Detectors[0].Relationships[id] == "Removed" {
				continue
			}
			for _, c := range w.Account(id).Clusters {
				f.add(id, c.Name, c.Status)
				row := rowState{id, c.Name, c.Status, c.Covered, c.Compatible, ""}
				for _, text := range c.Issues {
					row.issues += string(issueTypesByText[text]) + " "
				}
				h.rows[row] = true
			}
		}
	})
	h.states[uint64(f)] = true
}

// TestPublishedSnapshotsMatchTheWorld reads a world whose clusters are created,
// deleted and changed and whose members leave and join between the calls. The
// snapshot is a state of the world during the refresh, or is marked as
// inconsistent; each row is a state of its cluster in both cases.
func TestPublishedSnapshotsMatchTheWorld(t *testing.T) {
	steps := 250
	if os.Getenv("CI") == "true" {
		steps = 1_250
	}
	for _, kind := range []struct {
		divided, flips bool
	}{{false, false}, {true, false}, {false, true}, {true, true}} {
		for _, seed := range []uint64{16, 27} {
			t.Run(fmt.Sprintf("%+v %d", kind, seed), func(t *testing.T) {
				t.Parallel()
				h := &history{random: rand.New(rand.NewPCG(seed, 11)), details: rand.New(rand.NewPCG(seed, 12)), flips: kind.flips}
				h.play(t, steps, kind.divided)
			})
		}
	}
}

// play reads the world until it has made this many steps.
func (h *history) play(t *testing.T, steps int, divided bool) {
	h.clock.Store(time.Now().Unix())
	h.accounts = []string{account, "222233334444", "333344445555", "444455556666"}
	keys := simulator.Keys{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "the-secret-access-key-of-the-tests-000000"}
	h.aws = simulator.New(&simulator.World{Accounts: []*simulator.Account{
		{ID: account, Keys: keys, Detectors: []*simulator.Detector{{Region: region}}},
	}}, simulator.Options{Latency: -1, Now: h.now, Intercept: h.meanwhile})
	h.populate()
	h.clock.Add(2)
	c := NewClient(Options{
		Region: region, Types: []coverage.ResourceType{coverage.ECS}, Members: divided, RequestsPerSecond: 8,
		AccountID: func(context.Context) (string, error) { return account, nil },
		Config: func(string) aws.Config {
			return aws.Config{
				BaseEndpoint: aws.String("http://simulator.invalid"), Region: region, HTTPClient: inProcess{h.aws, h.now},
				Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, ""),
			}
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	if divided {
		c.listingSize = 40
	}

	var known *coverage.Snapshot
	refreshes, inconsistent := 0, 0
	for h.steps < steps {
		h.forget()
		h.remember()
		before := h.steps
		h.lively = h.random.IntN(3) > 0
		_, s, err := c.Read(t.Context(), known)
		refreshes++
		if errors.Is(err, coverage.ErrInvalidResponse) && h.steps != before {
			inconsistent++ // rows were missing in both listings, because others were created meanwhile
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var f statePrint
		for _, r := range s.Resources {
			f.add(r.AccountID, r.Name, string(r.Status))
			row := rowState{r.AccountID, r.Name, string(r.Status), int64(r.Covered), int64(r.Compatible), ""}
			for _, issue := range r.Issues {
				row.issues += string(issue.Type()) + " "
			}
			if !h.rows[row] {
				t.Fatalf("after %d steps and %d refreshes: %+v is no state of that cluster meanwhile", h.steps, refreshes, row)
			}
		}
		switch {
		case !*s.Consistent:
			inconsistent++
			if h.steps == before {
				t.Fatalf("after %d steps: marked as inconsistent, though nothing has moved", h.steps)
			}
		case !h.states[uint64(f)]:
			t.Fatalf("after %d steps and %d refreshes: what was found is none of the %d states of the world meanwhile",
				h.steps, refreshes, len(h.states))
		}
		known = s
		h.forget()
		for range h.random.IntN(4) {
			h.step()
		}
		h.clock.Add(2)
	}
	t.Logf("%d steps, %d refreshes, %d of them marked as inconsistent", h.steps, refreshes, inconsistent)
	if inconsistent == 0 || inconsistent > refreshes*3/4 {
		t.Errorf("%d of %d refreshes are marked as inconsistent", inconsistent, refreshes)
	}
}

// populate adds clusters of two or three pages to the accounts.
func (h *history) populate() {
	h.aws.Update(func(w *simulator.World) {
		d := w.Accounts[0].Detectors[0]
		d.Relationships = map[string]string{}
		for i, id := range h.accounts {
			if i > 0 {
				d.Members = append(d.Members, id)
				w.Accounts = append(w.Accounts, &simulator.Account{ID: id, Detectors: []*simulator.Detector{{Region: region}}})
			}
			for n := range 30 {
				w.Accounts[i].Clusters = append(w.Accounts[i].Clusters, &simulator.Cluster{
					Region: region, Name: fmt.Sprintf("%04d", n*331+i), Status: "HEALTHY", UpdatedAt: h.now(),
				})
			}
		}
	})
}
