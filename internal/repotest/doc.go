// Package repotest contains only tests. They check that documents, dashboards and alert rules agree with the metrics
// and issue types in the code.
//
// Run them with -update to regenerate docs/metrics.md.
package repotest
