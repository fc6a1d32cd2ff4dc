//go:build unix

package web

import (
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestWebConfigurationThatBlocks replaces the file with a FIFO without a writer.
func TestWebConfigurationThatBlocks(t *testing.T) {
	g := serveGuarded(t, users, example())
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(g.file, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if status := g.status("right"); status != 503 || g.valid() {
			t.Errorf("a FIFO: status %d, want 503; the metric is %v", status, g.valid())
		}
	}
	if _, err := newGuard(g.file, NewMetrics(nil), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("at startup: %v", err)
	}
	if err := os.Remove(g.file); err != nil {
		t.Fatal(err)
	}
	write(t, g.file, users)
	if status := g.status("right"); status != 200 || !g.valid() {
		t.Errorf("after the repair: status %d; the metric is %v", status, g.valid())
	}
	writeOld(t, g.file, users+"\n#"+strings.Repeat("a", maxFileSize))
	if status := g.status("right"); status != 503 {
		t.Errorf("a file of more than 1 MiB: status %d, want 503", status)
	}
}
