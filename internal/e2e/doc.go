// Package e2e has no code but tests: of the whole way from a cluster that loses
// its coverage to the notification that says so. They run the exporter's demo,
// the real Prometheus and the real Alertmanager as processes on the loopback
// address, with the alert rules and the routing that are shipped, at sixty
// times their speed.
//
// The tests need the programs prometheus and prometheus-alertmanager (or
// alertmanager) on the PATH. Where they are missing the tests are skipped,
// but with CI=true they fail. With -short they are skipped in any case.
package e2e
