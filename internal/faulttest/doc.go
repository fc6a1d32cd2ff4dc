// Package faulttest tests six guarantees of the exporter under faults of the AWS
// APIs, the network, the credentials, other clients, files and queues. Each
// test case runs a complete exporter against the simulator. docs/reliability.md
// has the table of cases and of what each one checks.
//
// By default only the short cases run. With -every all cases run, some of them
// with reduced fleets; with -full all cases run with the largest fleets, and
// the soak test makes a thousand refreshes.
package faulttest
