package config

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadEndsWithItsContext reads from a pipe that nobody writes to.
func TestReadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := NewInputLoader("standard input", r).Load(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestReadTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer w.Close()
		start := time.Now()
		_, err := NewInputLoader("standard input", r).Load(t.Context())
		if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.HasPrefix(err.Error(), "read configuration standard input: no data within 10s") {
			t.Errorf("got %v", err)
		}
		if time.Since(start) != 10*time.Second {
			t.Errorf("returned after %v", time.Since(start))
		}
	})
}

// TestLoaderDoesNotUseAnOldRead lets the first read of a file return after the
// file has changed.
func TestLoaderDoesNotUseAnOldRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("aws: {profile: new}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pending := make(chan file, 1)
	l := NewLoader(path)
	l.files.pending[path] = pending
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if _, err := l.Load(cancelled); !errors.Is(err, context.Canceled) || l.files.pending[path] != pending {
			t.Fatalf("got %v, want an error and no further read", err)
		}
	}
	pending <- file{data: []byte("aws: {profile: old}\n")}
	for range 2 {
		cfg, err := l.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "profile", "new", cfg.AWS.Profile)
	}
}
