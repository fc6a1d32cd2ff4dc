package web

import (
	"cmp"
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"
)

// The package net/http/pprof would do, but to import it is to register its
// routes with http.DefaultServeMux as well.

const (
	// maxProfileSeconds bounds a CPU profile.
	maxProfileSeconds = 300
	// profileSlack is left for the profile to be sent in.
	profileSlack = 30 * time.Second
)

// serveProfile serves the runtime's profiles by name, as go tool pprof asks for
// them: /debug/pprof/heap, /debug/pprof/goroutine?debug=2 and so on.
func serveProfile(w http.ResponseWriter, r *http.Request) {
	profile := pprof.Lookup(r.PathValue("profile"))
	if profile == nil {
		answer(w, http.StatusNotFound, "No such profile.")
		return
	}
	debug, _ := strconv.Atoi(r.FormValue("debug")) // 0, the format of the tool, for anything else
	if debug != 0 {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	} else {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = profile.WriteTo(w, debug) // the client may be gone
}

// serveCPUProfile serves /debug/pprof/profile?seconds=30. It takes longer than
// other answers may, one at a time.
func serveCPUProfile(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(cmp.Or(r.FormValue("seconds"), "30"))
	if err != nil || seconds < 1 || seconds > maxProfileSeconds {
		answer(w, http.StatusBadRequest, fmt.Sprintf("A profile takes 1 to %d seconds.", maxProfileSeconds))
		return
	}
	length := time.Duration(seconds) * time.Second
	// The end of the time to read the request would end the request's context.
	connection := http.NewResponseController(w)
	until := time.Now().Add(length + profileSlack)
	if err := connection.SetReadDeadline(until); err != nil {
		answer(w, http.StatusInternalServerError, "The profile would be cut off.")
		return
	}
	if err := connection.SetWriteDeadline(until); err != nil {
		answer(w, http.StatusInternalServerError, "The profile would be cut off.")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if err := pprof.StartCPUProfile(w); err != nil {
		answer(w, http.StatusConflict, "Another profile is being taken.")
		return
	}
	defer pprof.StopCPUProfile()
	select {
	case <-time.After(length):
	case <-r.Context().Done():
	}
}
