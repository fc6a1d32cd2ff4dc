package demo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/app"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/diagnose"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/doctor"
	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/session"
)

// Diagnose is app.Diagnose of the simulated organization. It overwrites Config and
// Simulator of the options.
func Diagnose(ctx context.Context, o app.DiagnoseOptions) (*diagnose.Result, error) {
	return once(ctx, o.Logger, func(cfg *config.Config, s *session.Simulator) (*diagnose.Result, error) {
		o.Config, o.Simulator = cfg, s
		return app.Diagnose(ctx, o)
	})
}

// Doctor is app.Doctor of the simulated organization. It overwrites Config and
// Simulator of the options.
func Doctor(ctx context.Context, o app.DoctorOptions) (*doctor.Result, error) {
	return once(ctx, o.Logger, func(cfg *config.Config, s *session.Simulator) (*doctor.Result, error) {
		o.Config, o.Simulator = cfg, s
		return app.Doctor(ctx, o)
	})
}

// ReadOnce is app.ReadOnce of the simulated organization. It overwrites Config and
// Simulator of the options.
func ReadOnce(ctx context.Context, o app.ReadOptions) (*app.Reading, error) {
	return once(ctx, o.Logger, func(cfg *config.Config, s *session.Simulator) (*app.Reading, error) {
		o.Config, o.Simulator = cfg, s
		return app.ReadOnce(ctx, o)
	})
}

// once starts the simulator of a new world, calls read and stops the simulator.
func once[T any](ctx context.Context, logger *slog.Logger, read func(*config.Config, *session.Simulator) (T, error)) (result T, err error) {
	_, listener, err := start(ctx, "127.0.0.1:0", logger)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, stopListener(ctx, listener)) }()
	cfg, err := config.Parse("demo", []byte(configuration(listener.URL, time.Now())))
	if err != nil {
		return result, err
	}
	return read(cfg, sessionOf(listener.URL))
}
