// Package acceptance has end-to-end tests, from a cluster that loses its coverage to the
// notification. They run the exporter's demo, Prometheus and Alertmanager as
// processes on the loopback address, with the shipped alert rules and routing, 100
// times as fast.
//
// The tests need prometheus and prometheus-alertmanager (or alertmanager) in the
// PATH. Without them, or with -short, they are skipped; with CI=true they fail.
package acceptance
