package collector

import (
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"
)

func targetFamilies() []Family {
	return []Family{
		targetFamily("guardduty_target_up",
			"Whether the last refresh of the target succeeded (1) or failed (0).",
			func(r coverage.Report) (float64, bool) { return boolToFloat(r.State == coverage.OK), true }),
		{
			Name:   "guardduty_target_state",
			Help:   "Result of the last refresh of the target: 1 for the current state, 0 for the others.",
			Labels: targetLabels("state"),
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					for _, state := range coverage.States() {
						emit(boolToFloat(r.State == state), targetValues(r, string(state))...)
					}
				}
			},
		},
		targetFamily("guardduty_target_last_success_timestamp_seconds",
			"Time when the last successful refresh of the target ended, in seconds since the epoch; absent before the first one.",
			func(r coverage.Report) (float64, bool) { return seconds(r.LastSuccess), !r.LastSuccess.IsZero() }),
		{
			Name:   "guardduty_target_capability_up",
			Help:   "Whether AWS allowed the target to read this optional data (1) or denied it (0), as of the last successful refresh or a later one that read it; absent if not configured.",
			Labels: targetLabels("capability"),
			Each: func(in Input, emit Emit) {
				for _, r := range in.View.Reports {
					if r.Snapshot == nil {
						continue
					}
					for _, c := range r.Snapshot.Capabilities {
						emit(boolToFloat(c.OK), targetValues(r, c.Name)...)
					}
				}
			},
		},
		targetFamily("guardduty_target_consistent",
			"Whether the last successful refresh is a consistent snapshot (1) or resources changed while they were listed (0); absent without statistics.",
			consistent),
		targetFamily("guardduty_target_members_unprocessed",
			"Number of enabled members whose detectors AWS did not return, as of the last refresh of the target that read them; absent without members.",
			membersUnprocessed),
		targetFamily("guardduty_target_invalid_timestamps",
			"Number of resources of the target whose update time is missing or out of range, as of the last successful refresh.",
			invalidTimestamps),
		targetFamily("guardduty_target_refresh_duration_seconds",
			"Duration of the last refresh of the target, successful or not, in seconds.",
			func(r coverage.Report) (float64, bool) { return r.Duration.Seconds(), true }),
	}
}

func consistent(r coverage.Report) (float64, bool) {
	if r.Snapshot == nil || r.Snapshot.Consistent == nil {
		return 0, false
	}
	return boolToFloat(*r.Snapshot.Consistent), true
}

func membersUnprocessed(r coverage.Report) (float64, bool) {
	if r.Snapshot == nil || r.Snapshot.UnprocessedMembers == nil {
		return 0, false
	}
	return float64(*r.Snapshot.UnprocessedMembers), true
}

func invalidTimestamps(r coverage.Report) (float64, bool) {
	if r.Snapshot == nil || r.Snapshot.OptionalOnly || r.Target.Kind != coverage.KindCoverage {
		return 0, false
	}
	n := 0
	for i := range r.Snapshot.Resources {
		if r.Snapshot.Resources[i].UpdatedAt.IsZero() {
			n++
		}
	}
	return float64(n), true
}

func targetLabels(more ...string) []string {
	return append([]string{"target", "kind", "account_id", "region"}, more...)
}

func targetValues(r coverage.Report, more ...string) []string {
	return append([]string{r.Target.Name, r.Target.Kind.String(), r.AccountID, r.Target.Region}, more...)
}

func targetFamily(name, help string, value func(coverage.Report) (float64, bool)) Family {
	return Family{Name: name, Help: help, Labels: targetLabels(), Each: func(in Input, emit Emit) {
		for _, r := range in.View.Reports {
			if v, ok := value(r); ok {
				emit(v, targetValues(r)...)
			}
		}
	}}
}
