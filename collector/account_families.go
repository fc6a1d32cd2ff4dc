package collector

import "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"

// accountFamilies are what is known of detectors, members and accounts, where
// the configuration asks for it.
func accountFamilies() []Family {
	feature := []string{"account_id", "region", "feature", "additional_configuration"}
	return []Family{
		{
			Name:   "guardduty_detector_enabled",
			Help:   "Whether the account's detector works (1) or is suspended (0), as of the last successful refresh.",
			Labels: []string{"account_id", "region"},
			Each: func(in Input, emit Emit) {
				for _, d := range in.View.Detectors {
					emit(boolean(d.Enabled), d.AccountID, d.Region)
				}
			},
		},
		{
			Name:   "guardduty_detector_feature_enabled",
			Help:   "Whether a feature of the account's detector, or an additional configuration of it, is enabled (1) or not (0), as of the last successful refresh.",
			Labels: feature,
			Each: func(in Input, emit Emit) {
				for _, f := range in.View.Features {
					emit(boolean(f.Enabled), f.AccountID, f.Region, f.Name, f.Additional)
				}
			},
		},
		{
			Name:   "guardduty_detector_feature_updated_timestamp_seconds",
			Help:   "When the feature or additional configuration was last switched, in seconds since the epoch, as of the last successful refresh.",
			Labels: feature,
			Each: func(in Input, emit Emit) {
				for _, f := range in.View.Features {
					if !f.UpdatedAt.IsZero() {
						emit(seconds(f.UpdatedAt), f.AccountID, f.Region, f.Name, f.Additional)
					}
				}
			},
		},
		{
			Name:   "guardduty_member_enabled",
			Help:   "Whether the administrator sees the member account's resources (1) or not (0), by its relationship, as of the last successful refresh.",
			Labels: []string{"account_id", "region", "relationship_status"},
			Each: func(in Input, emit Emit) {
				for _, m := range in.View.Members {
					emit(boolean(m.Relationship == coverage.RelationshipEnabled), m.AccountID, m.Region, m.Relationship)
				}
			},
		},
		{
			Name:   "guardduty_account_info",
			Help:   "Always 1; the name that the organization gives the account, as of the last successful refresh.",
			Labels: []string{"account_id", "account_name"},
			Each: func(in Input, emit Emit) {
				for _, a := range in.View.Names {
					emit(1, a.AccountID, a.Name)
				}
			},
		},
	}
}
