//go:build race

package faulttest

// raced tells that the race detector is on, which makes everything slower.
const raced = true
