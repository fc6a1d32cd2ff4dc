// Package repotest has no code but tests: those of the rules that hold for the
// whole repository and that no compiler and no linter checks. Which package may
// import which, how long a function may be, and that the documents, dashboards
// and alert rules name only what exists.
//
// Run it with -update to write docs/metrics.md anew.
package repotest
