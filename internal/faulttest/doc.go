// Package faulttest holds six promises of the exporter against every fault of
// one table: in AWS's answers, in the network, in the credentials and in what
// AWS truthfully says. Each row runs a whole exporter against the simulator;
// docs/reliability.md shows the table and what is checked under each fault.
//
// By default those rows run that stand for the others. -every runs all of them,
// with the fleets of some smaller than they could be, -full all with the largest
// fleets, and the thousand refreshes after which nothing may have grown.
package faulttest
