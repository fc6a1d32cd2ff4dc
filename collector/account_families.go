package collector

import "github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/coverage"

// detectorFamilies returns the families of detectors and their features, which
// have samples only if the configuration enables them.
func detectorFamilies() []Family {
	feature := []string{"account_id", "region", "feature", "additional_configuration"}
	return []Family{
		{
			Name:   "guardduty_detector_enabled",
			Help:   "Whether the account's detector is enabled (1) or suspended (0), as of the last refresh that read it.",
			Labels: []string{"account_id", "region"},
			Each: func(in Input, emit Emit) {
				for _, d := range in.View.Detectors {
					emit(boolToFloat(d.Enabled), d.AccountID, d.Region)
				}
			},
		},
		{
			Name:   "guardduty_detector_feature_enabled",
			Help:   "Whether the detector feature, or its additional configuration, is enabled (1) or not (0), as of the last refresh that read it.",
			Labels: feature,
			Each: func(in Input, emit Emit) {
				for _, f := range in.View.Features {
					emit(boolToFloat(f.Enabled), f.AccountID, f.Region, f.Name, f.Additional)
				}
			},
		},
		{
			Name:   "guardduty_detector_feature_info",
			Help:   "Always 1; labeled with who manages the detector feature or its additional configuration (ACCOUNT, or GUARDDUTY_POLICY for a policy of AWS Organizations), as of the last refresh that read it.",
			Labels: withLabels(feature, "managed_by"),
			Each: func(in Input, emit Emit) {
				for _, f := range in.View.Features {
					emit(1, f.AccountID, f.Region, f.Name, f.Additional, f.ManagedBy)
				}
			},
		},
		{
			Name:   "guardduty_detector_feature_updated_timestamp_seconds",
			Help:   "Time when the feature or its additional configuration was last enabled or disabled, in seconds since the epoch, as of the last refresh that read it.",
			Labels: feature,
			Each: func(in Input, emit Emit) {
				for _, f := range in.View.Features {
					if !f.UpdatedAt.IsZero() {
						emit(seconds(f.UpdatedAt), f.AccountID, f.Region, f.Name, f.Additional)
					}
				}
			},
		},
	}
}

// accountFamilies returns the families of members and account names, which have
// samples only if the configuration enables them.
func accountFamilies() []Family {
	return []Family{
		{
			Name:   "guardduty_member_enabled",
			Help:   "Whether the administrator can list the member account's resources (1) or not (0), as of the last refresh that read it.",
			Labels: []string{"account_id", "region", "relationship_status"},
			Each: func(in Input, emit Emit) {
				for _, m := range in.View.Members {
					emit(boolToFloat(m.Relationship == coverage.RelationshipEnabled), m.AccountID, m.Region, m.Relationship)
				}
			},
		},
		{
			Name:   "guardduty_account_info",
			Help:   "Always 1; labeled with the name of the account in AWS Organizations, as of the last successful refresh.",
			Labels: []string{"account_id", "account_name"},
			Each: func(in Input, emit Emit) {
				for _, a := range in.View.AccountNames {
					emit(1, a.AccountID, a.Name)
				}
			},
		},
	}
}
