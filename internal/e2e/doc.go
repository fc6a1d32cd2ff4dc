// Package e2e has end-to-end tests, from a cluster that loses its coverage to the
// notification. They run the exporter's demo, Prometheus and Alertmanager as
// processes on the loopback address, with the shipped alert rules and routing, 100
// times as fast.
//
// The tests need prometheus and prometheus-alertmanager (or alertmanager) in the
// PATH. Without them they are skipped, and fail with CI=true. The alerts are only
// tested with CI=true, because that takes 45 s. -short skips the stack.
package e2e
