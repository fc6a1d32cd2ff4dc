//go:build race

package faulttest

// raceEnabled reports whether the race detector is on, which slows everything.
const raceEnabled = true
