package demo

import (
	"context"
	"errors"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
)

// Doctor starts the simulator, checks its world and stops it. It overwrites Config
// and Simulator of the options.
func Doctor(ctx context.Context, o app.DoctorOptions) (result *doctor.Result, err error) {
	_, listener, err := start(ctx, "127.0.0.1:0", o.Logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopListener(ctx, listener)) }()
	o.Simulator = sessionOf(listener.URL)
	if o.Config, err = config.Parse("demo", []byte(configuration(listener.URL))); err != nil {
		return nil, err
	}
	return app.Doctor(ctx, o)
}
