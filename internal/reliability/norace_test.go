//go:build !race

package reliability

// raced tells that the race detector is on, which makes everything slower.
const raced = false
